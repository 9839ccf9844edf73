"""Documentation pages with parts between two marks that scripts write."""

import sys
from pathlib import Path

END = "<!-- end -->"
"""The mark after a table."""


def replace(page: Path, begin: str, end: str, text: str) -> None:
    """Replaces the text between two marks of a page; exits with a message if they are missing."""
    content = page.read_text(encoding="utf-8")
    try:
        page.write_text(replaced(content, begin, end, text), encoding="utf-8")
    except ValueError as error:
        sys.exit(f"error: {page} {error}")


def replaced(content: str, begin: str, end: str, text: str) -> str:
    """Returns `content` with `text` between two marks; raises ValueError if they are missing."""
    before, opened, rest = content.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"lacks the marks {begin.strip()} and {end}")
    return f"{before}{begin}{text}{end}{after}"


def markdown(titles, lines) -> str:
    """Returns a Markdown table; each line has a cell of any type per title."""
    rows = [titles, ["---"] * len(titles), *lines]
    return "".join("| " + " | ".join(map(str, cells)) + " |\n" for cells in rows)
