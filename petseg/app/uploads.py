"""Reads API requests."""

from fastapi import HTTPException, Request
from starlette.formparsers import MultiPartException, MultiPartParser


def accepted_kind(header: str) -> str:
    """Returns the first known kind: JSON, a mask (PNG), or an overlay (JPEG)."""
    kinds = {"image/png": "labels", "image/jpeg": "overlay", "image/*": "labels"}
    kinds |= dict.fromkeys(("application/json", "application/*", "*/*"), "json")
    ranges = [part.split(";")[0].strip().lower() for part in header.split(",")]
    for media_type in ranges:
        if media_type in kinds:
            return kinds[media_type]
    raise HTTPException(
        406, f"the API returns application/json, image/png or image/jpeg, not {header}"
    )


class _InMemory(MultiPartParser):
    """Keeps all uploads in memory; Starlette writes large ones to disk."""

    spool_max_size = 1 << 40


async def image_of(request: Request, limit: int) -> bytes:
    """Returns a request's body, or its form's only file."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(
                413,
                f"the upload is larger than {limit / 1e6:g} MB, the limit",
                headers={"Connection": "close"},
            )
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return bytes(body)

    async def stream():
        yield bytes(body)

    try:
        form = await _InMemory(request.headers, stream(), max_files=1).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise HTTPException(400, f"the form cannot be read: {error}") from None
    files = [value for value in form.values() if not isinstance(value, str)]
    if not files:
        raise HTTPException(400, "the form has no file")
    return await files[0].read()
