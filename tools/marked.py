"""Pages of documentation in which scripts write what stands between two marks."""

import sys
from pathlib import Path

END = "<!-- end -->"
"""Of the mark after a table."""


def replace(page: Path, begin: str, end: str, text: str) -> None:
    """Puts `text` between the marks of a page; ends with a message where they are not there."""
    content = page.read_text(encoding="utf-8")
    try:
        page.write_text(replaced(content, begin, end, text), encoding="utf-8")
    except ValueError as error:
        sys.exit(f"error: {page} {error}")


def replaced(content: str, begin: str, end: str, text: str) -> str:
    """`content` with `text` between two marks; ValueError where they are not there."""
    before, opened, rest = content.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"lacks the marks {begin.strip()} and {end}")
    return f"{before}{begin}{text}{end}{after}"


def markdown(titles, lines) -> str:
    """A table: cells of any type, with as many in each line as there are titles."""
    rows = [titles, ["---"] * len(titles), *lines]
    return "".join("| " + " | ".join(map(str, cells)) + " |\n" for cells in rows)
