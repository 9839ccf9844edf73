"""Writes docs/reference/: a page for each room of petseg/, whose text MkDocs takes from docstrings.

`make docs` runs it; Git ignores the pages.
"""

import argparse
import ast
from pathlib import Path

from workspace import ROOT

from petseg.core import files

PACKAGE = ROOT / "petseg"
TARGET = ROOT / "docs" / "reference"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with files.atomic_folder(TARGET) as folder:
        for name, text in pages().items():
            (folder / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The pages by file name: the package first, then its rooms."""
    rooms = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
    start = "# petseg\n\n::: petseg\n\n::: petseg.prediction.network\n"
    return {"petseg.md": start} | {f"{room.name}.md": _page(room) for room in rooms}


def _page(room: Path) -> str:
    """The one-line description of a room, and a directive for each of its modules."""
    description = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted(room.rglob("*.py"))
        if path.name != "__init__.py"
    ]
    directives = "\n\n".join(f"::: {module}" for module in modules)
    return f"# petseg.{room.name}\n\n{description}\n\n{directives}\n"


if __name__ == "__main__":
    main()
