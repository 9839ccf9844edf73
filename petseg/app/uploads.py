"""What a request to the API brings: an image, and what it wants to have of it."""

from fastapi import HTTPException, Request
from starlette.formparsers import MultiPartException, MultiPartParser


def accepted_kind(header: str) -> str:
    """What the Accept header asks for first: JSON, a mask (PNG), or an overlay (JPEG)."""
    kinds = {"image/png": "labels", "image/jpeg": "overlay", "image/*": "labels"}
    kinds |= dict.fromkeys(("application/json", "application/*", "*/*"), "json")
    ranges = [part.split(";")[0].strip().lower() for part in header.split(",")]
    for wanted in ranges:
        if wanted in kinds:
            return kinds[wanted]
    raise HTTPException(406, f"there is application/json, image/png and image/jpeg, not {header}")


class _InMemory(MultiPartParser):
    """Starlette's parser writes larger files to the disk."""

    spool_max_size = 1 << 40


async def image_of(request: Request, limit: int) -> bytes:
    """The image of a request: its body, or the one file of its form."""
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
