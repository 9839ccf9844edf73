"""Writes Vega's libraries to .dvc/html/vega.js, so that `dvc plots show` works offline.

They come with vl-convert, which `make setup` installs. .dvc/html/page.html loads the file.
"""

import argparse
from pathlib import Path

import vl_convert
from workspace import ROOT

from petseg.core.files import atomic_file

PLACE = Path(".dvc", "html", "vega.js")
VEGA_LITE = "5.8"
"""The closest version to the 5.2 that DVC's own pages load."""


def write(folder: Path) -> None:
    """Writes the file to the project in `folder`."""
    with atomic_file(folder / PLACE) as temporary:
        bundle = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
        temporary.write_text(bundle, encoding="utf-8")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    write(ROOT)
