"""Pages of documentation in which scripts write what stands between two marks."""

import sys
from pathlib import Path

END = "<!-- end -->"
"""Of the mark after a table."""


def replace(page: Path, begin: str, end: str, text: str) -> None:
    """Puts `text` between the marks of a page; ends with a message where they are not there."""
    before, opened, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        sys.exit(f"error: {page} lacks the marks {begin.strip()} and {end}")
    page.write_text(f"{before}{begin}{text}{end}{after}", encoding="utf-8")


def markdown(titles, lines) -> str:
    """A table: cells of any type, with as many in each line as there are titles."""
    rows = [titles, ["---"] * len(titles), *lines]
    return "".join("| " + " | ".join(map(str, cells)) + " |\n" for cells in rows)
