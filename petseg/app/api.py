"""The HTTP API of `petseg serve`.

    POST /v1/segment   an image -> a mask, overlay, cutout, or JSON
    GET  /v1/models    networks, classes and regions
    GET  /healthz      health check
    GET  /openapi.json OpenAPI description; /docs shows it

Stores nothing: images and results stay in memory. Every error is JSON,
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
    """Limits of the service.

    `upload` is in bytes. `workers` requests run at a time, `waiting` more may wait. `seconds`
    limits a request from its first byte to its answer.
    """

    upload: int = 30_000_000
    workers: int = os.cpu_count() or 1
    waiting: int = 32
    seconds: float = 60.0


def create(
    networks: dict[str, Network], limits: Limits | None = None, token: str | None = None
) -> FastAPI:
    """Returns the application; the first network is the default.

    A `token` makes all paths but /healthz require `Authorization: Bearer TOKEN`.
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
        docs_url=None,  # FastAPI's page loads scripts from a CDN
        redoc_url=None,
        lifespan=lifespan,
    )
    _answer_errors_in_json(app)
    if token:
        _require_token(app, token)

    @app.get("/healthz", summary="Health check")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    async def docs() -> str:
        return DOCS.read_text(encoding="utf-8")

    @app.get("/v1/models", summary="Lists the networks")
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
        model: Annotated[str, Query(description="a name from /v1/models")] = first,
        kind: Annotated[Kind | None, Query(alias="as", description=_AS)] = None,
        region: Annotated[str | None, Query(description="region or class of the cutout")] = None,
        flip: Annotated[bool, Query(description="average with the mirrored image; slower")] = False,
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
    """Threads that segment, and a limit on requests."""

    def __init__(self, limits: Limits):
        self.threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="segment")
        self._free = limits.workers + limits.waiting
        self._limits = limits

    async def take(self) -> AsyncIterator[None]:
        """Takes a seat for a request; raises HTTPException 503 if none is free."""
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
    except PetsegError as error:  # unknown region
        raise HTTPException(400, str(error)) from None
    if kind == "json":
        return JSONResponse(_json_content(found, name))
    target, suffix = io.BytesIO(), segmenting.FORMATS["jpeg"][kind]
    segmenting.save(found, kind, region, target, suffix)
    return Response(target.getvalue(), media_type=MEDIA_TYPES[kind])


def _json_content(found: Segmentation, name: str) -> dict:
    """Returns shares, and class masks in COCO's compressed run-length encoding."""
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


def _require_token(app: FastAPI, token: str) -> None:
    @app.middleware("http")
    async def authorize(request: Request, go_on: Callable) -> Response:
        given = request.headers.get("authorization", "").encode()
        if request.url.path == "/healthz" or hmac.compare_digest(given, f"Bearer {token}".encode()):
            return await go_on(request)
        message = "send the token of this service as Authorization: Bearer TOKEN"
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
        return _error(500, "the service failed; see its log")  # uvicorn logs the traceback


def _error(status: int, message: str, headers=None) -> JSONResponse:
    return JSONResponse({"error": {"status": status, "message": message}}, status, headers)


_AS = "json, labels, overlay or cutout; default: by the Accept header"
_FILE = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "properties": {"file": _FILE["schema"]}, "required": ["file"]}
_BODY = {
    "required": True,
    "description": "an image in any format that Pillow reads: the body itself, or a file of a form",
    "content": {"application/octet-stream": _FILE, "multipart/form-data": {"schema": _FORM}},
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "as=json: size, shares of classes and regions, and the mask of each class "
        "in COCO's compressed run-length encoding; labels: a mask with the dataset's values or "
        "colours; overlay: the image with outlines; cutout: a region on a transparent background",
        "content": {"application/json": {}, "image/png": {}, "image/jpeg": {}},
    },
    401: {"description": "the token is missing or wrong"},
    413: {"description": "the upload, or the image, is too large"},
    415: {"description": "the upload is not an image"},
    503: {"description": "too many requests wait; try again after Retry-After seconds"},
    504: {"description": "the request exceeded the time limit"},
}
