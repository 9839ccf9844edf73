"""Documentation pages with parts between two marks that scripts write."""

import sys
from pathlib import Path

END = "<!-- end -->"
"""The mark after a table."""


def replace(page: Path, begin: str, end: str, text: str) -> None:
    """Replaces the text between two marks of a page; exits with a message if they are missing."""
    before, opened, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        sys.exit(f"error: {page} lacks the marks {begin.strip()} and {end}")
    page.write_text(f"{before}{begin}{text}{end}{after}", encoding="utf-8")


def markdown(titles, lines) -> str:
    """Returns a Markdown table; each line has a cell of any type per title."""
    rows = [titles, ["---"] * len(titles), *lines]
    return "".join("| " + " | ".join(map(str, cells)) + " |\n" for cells in rows)
