"""Serves networks: a web page, and an HTTP API for scripts.

    petseg serve
    petseg serve --model models/unet.keras --port 8000
    curl --data-binary @cat.jpg 'http://127.0.0.1:7860/v1/segment?as=cutout' > cat.png

Drop an image on the page to see each network's result, and to download a region of the dataset, if
any, cut out on a transparent background. /docs describes the API.

Only this machine can reach 127.0.0.1, the default --host. Fetches nothing from other servers. The
API stores nothing; the page keeps images in a temporary folder until the service stops. Ctrl-C,
SIGTERM or closing the terminal stops it after the requests that have begun.

If PETSEG_TOKEN is set, the API requires `Authorization: Bearer TOKEN`, and there is no page. Needs
gradio, or with --no-page fastapi, uvicorn and python-multipart.
"""

import argparse
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from petseg.app import commands
from petseg.core import paths
from petseg.core.errors import PetsegError
from petseg.decoding import photograph
from petseg.prediction import default_model, network
from petseg.prediction.network import Network

HOST = "127.0.0.1"
TOKEN_VARIABLE = "PETSEG_TOKEN"
SECONDS_TO_END = 10
"""After a stop signal, longer requests are aborted."""


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, build_parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    files = options.model or [default_model.find(name) for name in paths.NETWORKS]
    for path in files:
        default_model.require(path)
    token = os.environ.get(TOKEN_VARIABLE)
    with_page = not (options.no_page or token)
    _require_packages(with_page)
    photograph.limit_megapixels(options.max_megapixels)
    spec = commands.named_dataset(options.dataset)
    networks = {_name(path, files): network.load(path, spec=spec) for path in files}
    with ExitStack() as cleanup:
        listening = cleanup.enter_context(closing(_listening(options.host, options.port)))
        if with_page:  # the API alone runs on a read-only disk
            folder = tempfile.TemporaryDirectory(prefix="petseg-", ignore_cleanup_errors=True)
            os.environ["GRADIO_TEMP_DIR"] = cleanup.enter_context(folder)
        app = service(networks, options, token, with_page)
        address = f"http://{options.host}:{listening.getsockname()[1]}"
        _warn(options.host, token)
        print(f"{address} (Ctrl-C to stop)", flush=True)
        run(app, listening)
    return 0


def service(networks: dict[str, Network], options: argparse.Namespace, token, with_page: bool):
    """Returns the FastAPI application."""
    from petseg.app import api

    limits = api.Limits(
        upload=options.largest_upload * 1_000_000,
        workers=options.workers,
        waiting=options.waiting,
        seconds=options.seconds,
    )
    app = api.create(networks, limits, token)
    return _with_page(app, networks, options) if with_page else app


def run(app, listening: socket.socket) -> None:
    """Serves until SIGINT, SIGTERM or SIGHUP; finishes begun requests.

    Ignores further signals, as shell and terminal may both send one, and those ignored from the
    start, as under nohup.
    """
    import uvicorn

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            with _end_at_a_signal(self):
                yield

    # No access log: file names in URLs are private.
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=SECONDS_TO_END,
        timeout_keep_alive=5,
    )
    Server(config).run(sockets=[listening])


@contextmanager
def _end_at_a_signal(server) -> Iterator[None]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]

    def end(*_) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        server.should_exit = True

    for number in numbers:
        signal.signal(number, end)
    yield  # signals stay ignored during the cleanup


def _listening(host: str, port: int) -> socket.socket:
    """Returns a socket; raises PetsegError if it cannot listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With a named protocol, asyncio turns off TCP's delay of small packets, 40 ms per answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # on Windows, it would let two services share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        reason = error.strerror or error
        raise PetsegError(f"cannot listen on {host}:{port}: {reason}; try another --port") from None
    return listening


def _with_page(app, networks: dict[str, Network], options: argparse.Namespace):
    import gradio

    from petseg.app import page

    segmenters = {
        _title(name): page.segmenter(found, options.region) for name, found in networks.items()
    }
    letters = ["system-ui", "sans-serif"]  # Gradio's default fonts may come from Google
    return gradio.mount_gradio_app(
        app,
        page.page(segmenters),
        path="/",
        max_file_size=f"{options.largest_upload}mb",
        theme=gradio.themes.Default(font=letters, font_mono=["monospace"]),
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        footer_links=[],
    )


def _warn(host: str, token: str | None) -> None:
    if host in (HOST, "localhost", "::1"):
        return
    access = (
        f"with the token in {TOKEN_VARIABLE}"
        if token
        else f"without a password; set {TOKEN_VARIABLE} to require a token"
    )
    print(
        f"warning: everyone who can reach {host} over the network can use this service {access}",
        file=sys.stderr,
    )


def _require_packages(with_page: bool) -> None:
    needed = ("gradio",) if with_page else ("fastapi", "uvicorn", "python_multipart")
    for name in needed:
        try:
            __import__(name)
        except ImportError:
            raise PetsegError(
                f"petseg serve needs another package: pip install {name.replace('_', '-')}"
            ) from None


def _name(path: Path, files: list[Path]) -> str:
    """Returns a file's stem, or its path if stems are equal."""
    return path.stem if sum(other.stem == path.stem for other in files) == 1 else str(path)


def _title(name: str) -> str:
    """Returns a network's name as in figures."""
    from petseg.figures.palette import network_styles

    return network_styles([name])[name].name


def build_parser() -> argparse.ArgumentParser:
    parser = commands.parser("serve", __doc__)
    parser.add_argument(
        "--model",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="trained networks, as for petseg predict; default: those trained here, or their "
        "exports, else those that come with petseg",
    )
    commands.add_dataset_option(parser)
    commands.add_region_option(
        parser, "the region or class of the cutout on the page; default: as each dataset chooses"
    )
    parser.add_argument(
        "--host",
        default=HOST,
        metavar="ADDRESS",
        help="the address to listen on; default: %(default)s",
    )
    for name, kind, default, unit, text in _NUMBERS:
        parser.add_argument(
            name, type=kind, default=default, metavar=unit, help=f"{text}; default: %(default)s"
        )
    parser.add_argument("--no-page", action="store_true", help="serve only the API")
    commands.add_limit_option(parser)
    return parser


_whole = commands.whole_number
_NUMBERS = (
    ("--port", _whole(1, 65_535), 7860, "N", "the port to listen on"),
    ("--largest-upload", _whole(1, 1000), 30, "MB", "refuse larger uploads"),
    ("--workers", _whole(1, 256), os.cpu_count() or 1, "N", "images to segment at a time (API)"),
    ("--waiting", _whole(0, 100_000), 32, "N", "requests that may wait (API); refuse more"),
    ("--seconds", _whole(1, 3600), 60, "N", "time limit of a request (API), in seconds"),
)


if __name__ == "__main__":
    main()
