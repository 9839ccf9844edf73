"""HTML for self-contained pages: tables and embedded images."""

import base64
import html
from collections.abc import Iterable, Sequence


def table(heads: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Returns an HTML table with a header row. Escapes the cells."""
    lines = (
        "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in [heads, *rows]
    )
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def data_url(picture: bytes, kind: str = "png") -> str:
    """Returns a data URL of an encoded image of the MIME type image/`kind`."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
