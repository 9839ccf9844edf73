"""The networks as an HTTP service: what scripts call.

    POST /v1/segment   an image -> its mask, an overlay, a cutout, or JSON
    GET  /v1/models    the networks, their classes and regions
    GET  /healthz      whether the service is there
    GET  /openapi.json the whole of it, in OpenAPI; /docs shows it

Nothing is stored: images and pictures stay in memory. Every error is JSON,
`{"error": {"status": 413, "message": "..."}}`.
"""

import asyncio
import hmac
import importlib.metadata
import io
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pycocotools import mask as coco
from starlette.exceptions import HTTPException as AnyHTTPException

from petseg.app import segmenting
from petseg.app.uploads import accepted_kind, image_of
from petseg.core.errors import PetsegError
from petseg.prediction.images import BadImage, TooLarge
from petseg.prediction.network import Network, Segmentation, region_to_cut_out

Kind = Literal["json", "labels", "overlay", "cutout"]
MEDIA_TYPES = {"labels": "image/png", "overlay": "image/jpeg", "cutout": "image/png"}
DOCS = Path(__file__).with_name("api.html")


class Limits(NamedTuple):
    """What one client may take of the service.

    `upload` in bytes; so many requests are worked on at a time (`workers`) and wait (`waiting`);
    `seconds` for one of them, from its first byte to its answer.
    """

    upload: int = 30_000_000
    workers: int = os.cpu_count() or 1
    waiting: int = 32
    seconds: float = 60.0


def create(
    networks: dict[str, Network], limits: Limits | None = None, token: str | None = None
) -> FastAPI:
    """The service of these networks, by name; the first is the one that is used by default.

    With a `token`, all but /healthz asks for it: `Authorization: Bearer TOKEN`.
    """
    limits = limits or Limits()
    seats, first = _Seats(limits), next(iter(networks))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        seats.threads.shutdown()

    app = FastAPI(
        title="petseg",
        version=importlib.metadata.version("petseg"),
        description=__doc__.split("\n\n")[-1].replace("`", ""),
        docs_url=None,  # FastAPI's page is fetched from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    _answer_errors_in_json(app)
    if token:
        _ask_for(app, token)

    @app.get("/healthz", summary="Whether the service is there")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    async def docs() -> str:
        return DOCS.read_text(encoding="utf-8")

    @app.get("/v1/models", summary="The networks")
    async def models() -> dict:
        return {"models": [_described(name, network) for name, network in networks.items()]}

    @app.post(
        "/v1/segment",
        summary="Segments an image",
        responses=_ANSWERS,
        openapi_extra={"requestBody": _BODY},
    )
    async def segment(
        request: Request,
        seat: Annotated[None, Depends(seats.take)],
        model: Annotated[str, Query(description="one of /v1/models")] = first,
        kind: Annotated[Kind | None, Query(alias="as", description=_AS)] = None,
        region: Annotated[str | None, Query(description="of the cutout; or a class")] = None,
        flip: Annotated[bool, Query(description="average with the mirror image, slower")] = False,
    ) -> Response:
        if model not in networks:
            raise HTTPException(404, f"no model {model!r}; there are: {', '.join(networks)}")
        found = kind or accepted_kind(request.headers.get("accept", "*/*"))

        async def answer() -> Response:
            image = await image_of(request, limits.upload)
            return await seats.run(_answer, networks[model], model, image, found, region, flip)

        try:
            return await asyncio.wait_for(answer(), limits.seconds)
        except asyncio.TimeoutError:
            raise HTTPException(504, f"no answer within {limits.seconds:g} seconds") from None

    return app


class _Seats:
    """Threads that segment, and a limited number of requests that are worked on or wait."""

    def __init__(self, limits: Limits):
        self.threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="segment")
        self._free = limits.workers + limits.waiting
        self._limits = limits

    async def take(self) -> AsyncIterator[None]:
        """A seat for as long as a request lasts; HTTPException 503 where none is free."""
        if not self._free:
            limits = self._limits
            raise HTTPException(
                503,
                f"{limits.workers} images are being segmented and {limits.waiting} wait; try again",
                headers={"Retry-After": "1", "Connection": "close"},
            )
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def run(self, function: Callable, *arguments):
        """What a function returns in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *arguments)


def _answer(
    network: Network, name: str, image: bytes, kind: Kind, region: str | None, flip: bool
) -> Response:
    try:
        if kind == "cutout":
            region = region_to_cut_out(network.spec, region)
        found = network.segment(image, flip=flip)
    except BadImage as error:
        raise HTTPException(413 if isinstance(error, TooLarge) else 415, str(error)) from None
    except PetsegError as error:  # of a region that is none
        raise HTTPException(400, str(error)) from None
    if kind == "json":
        return JSONResponse(_in_numbers(found, name))
    target, suffix = io.BytesIO(), segmenting.FORMATS["jpeg"][kind]
    segmenting.save(found, kind, region, target, suffix)
    return Response(target.getvalue(), media_type=MEDIA_TYPES[kind])


def _in_numbers(found: Segmentation, name: str) -> dict:
    """Shares, and each class's mask as COCO's compressed run lengths."""
    masks = {}
    for label, one in enumerate(found.spec.class_names):
        encoded = coco.encode(np.asfortranarray(found.labels == label, dtype=np.uint8))
        masks[one] = {"size": encoded["size"], "counts": encoded["counts"].decode("ascii")}
    width, height = found.image.size
    return {
        "model": name,
        "width": width,
        "height": height,
        "shares": found.shares,
        "regions": found.region_shares,
        "masks": masks,
    }


def _described(name: str, network: Network) -> dict:
    height, width = network.image_size
    return {
        "name": name,
        "dataset": network.spec.name,
        "classes": list(network.spec.class_names),
        "regions": {region: list(of) for region, of in network.spec.regions.items()},
        "sees": {"height": height, "width": width},
    }


def _ask_for(app: FastAPI, token: str) -> None:
    @app.middleware("http")
    async def authorize(request: Request, go_on: Callable) -> Response:
        given = request.headers.get("authorization", "").encode()
        if request.url.path == "/healthz" or hmac.compare_digest(given, f"Bearer {token}".encode()):
            return await go_on(request)
        message = "Authorization: Bearer TOKEN is needed, with the token of this service"
        return _error(401, message, {"WWW-Authenticate": "Bearer"})


def _answer_errors_in_json(app: FastAPI) -> None:
    @app.exception_handler(AnyHTTPException)
    async def of_http(request: Request, error: AnyHTTPException) -> JSONResponse:
        return _error(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def of_arguments(request: Request, error: RequestValidationError) -> JSONResponse:
        found = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return _error(422, "; ".join(found))

    @app.exception_handler(Exception)
    async def of_any_kind(request: Request, error: Exception) -> JSONResponse:
        return _error(500, "the service failed; its log tells more")  # which uvicorn writes


def _error(status: int, message: str, headers=None) -> JSONResponse:
    return JSONResponse({"error": {"status": status, "message": message}}, status, headers)


_AS = "json, labels, overlay or cutout; else what Accept asks for"
_FILE = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "properties": {"file": _FILE["schema"]}, "required": ["file"]}
_BODY = {
    "required": True,
    "description": "an image of any format that Pillow reads: the body itself, or a form's file",
    "content": {"application/octet-stream": _FILE, "multipart/form-data": {"schema": _FORM}},
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "as=json: size, shares of classes and regions, and the mask of each class "
        "as COCO's compressed run lengths; labels: a mask with the dataset's values or colours; "
        "overlay: the image with outlines; cutout: a region on a transparent background",
        "content": {"application/json": {}, "image/png": {}, "image/jpeg": {}},
    },
    401: {"description": "the token is missing or wrong"},
    413: {"description": "the upload, or the image, is too large"},
    415: {"description": "the upload is no image"},
    503: {"description": "too many requests wait; Retry-After says for how long to wait"},
    504: {"description": "it took too long"},
}
