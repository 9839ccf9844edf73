"""Pieces of pages that need no other file: tables, and pictures inside the page."""

import base64
import html
from collections.abc import Iterable, Sequence


def table(heads: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table with its heads in the first row; what the cells hold is escaped."""
    lines = (
        "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in [heads, *rows]
    )
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def data_url(picture: bytes, kind: str = "png") -> str:
    """The address of an encoded picture, of that MIME type, which holds the picture itself."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
