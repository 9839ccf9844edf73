"""Writes docs/reference/: a page for each room of petseg/, whose text MkDocs takes from docstrings.

`make docs` runs it; Git ignores the pages.
"""

import argparse

from import_graph import rooms
from workspace import ROOT

from petseg.core import files

TARGET = ROOT / "docs" / "reference"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with files.atomic_folder(TARGET) as folder:
        for name, text in pages().items():
            (folder / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The pages by file name: the package first, then its rooms."""
    start = "# petseg\n\n::: petseg\n\n::: petseg.prediction.network\n"
    return {"petseg.md": start} | {
        f"{name}.md": _page(name, text) for name, text in rooms(ROOT).items()
    }


def _page(room: str, description: str) -> str:
    """The description of a room, and a directive for each of its modules."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "petseg" / room).rglob("*.py"))
        if path.name != "__init__.py"
    ]
    directives = "\n\n".join(f"::: {module}" for module in modules)
    return f"# petseg.{room}\n\n{description}\n\n{directives}\n"


if __name__ == "__main__":
    main()
