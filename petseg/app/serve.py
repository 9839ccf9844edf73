"""A page to try the networks on in the browser, for this machine alone.

    petseg serve
    petseg serve --model models/unet.keras --port 8000

Drop an image, and see what each network makes of it, side by side; where the dataset has regions,
one of them can be downloaded, cut out on a transparent background. The page is served at 127.0.0.1
and fetches nothing from elsewhere; images stay on this machine, in a temporary folder that goes
when the page is stopped: with Ctrl-C, by SIGTERM, or when the terminal is closed. Needs the package
gradio.
"""

import argparse
import html
import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

from petseg.app import commands
from petseg.core import paths
from petseg.core.errors import PetsegError
from petseg.decoding import photograph
from petseg.prediction import default_model, network
from petseg.prediction.images import BadImage, colour_profile, read

HOST = "127.0.0.1"
LARGEST_SHOWN = 1280
"""Longest side of a picture on the page, in pixels; the cutout has the image's own size."""


class Segmented(NamedTuple):
    """What a network made of an image: the outlined picture, and the cutout (RGBA), if any."""

    overlay: Image.Image
    cutout: Image.Image | None


Segment = Callable[[Image.Image], Segmented]


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, _parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    files = options.model or [default_model.find(name) for name in paths.NETWORKS]
    for path in files:
        default_model.require(path)
    try:
        import gradio  # noqa: F401
    except ImportError:
        raise PetsegError("petseg serve needs another package: pip install gradio") from None
    photograph.limit_megapixels(options.max_megapixels)
    networks = {_title(path, files): load(path, options.dataset, options.region) for path in files}
    end_as_on_ctrl_c()
    with tempfile.TemporaryDirectory(prefix="petseg-", ignore_cleanup_errors=True) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        blocks = page(networks)
        launch(blocks, options.port, options.largest_upload)
        print(f"http://{HOST}:{options.port} (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(60)
        blocks.close(verbose=False)  # the terminal may be gone
    return 0


def end_as_on_ctrl_c() -> None:
    """From now on, SIGTERM and SIGHUP (the terminal is closed) raise KeyboardInterrupt, too.

    Only the first signal does, as clearing up must not be interrupted. One that this process was
    started to ignore, as by nohup, stays ignored.
    """
    numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    numbers = [
        number for number in numbers if number and signal.getsignal(number) != signal.SIG_IGN
    ]

    def stop(*_) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, stop)


def load(path: Path, dataset: str | None = None, region: str | None = None) -> Segment:
    """A network as a function of an RGB or RGBA image; PetsegError as in `network.load`.

    The cutout is of `region`, or of the region that the dataset says, if any.
    """
    found = network.load(path, spec=commands.named_dataset(dataset))
    if region := region or found.spec.default_region:
        network.region_to_cut_out(found.spec, region)

    def segment(image: Image.Image) -> Segmented:
        whole = found.segment(image)
        shown = image
        if max(image.size) > LARGEST_SHOWN:
            shown = ImageOps.contain(image, (LARGEST_SHOWN, LARGEST_SHOWN))
        small = network.Segmentation(shown, whole.logits, whole.spec)
        return Segmented(small.overlay(), whole.cutout(region) if region else None)

    return segment


def page(networks: dict[str, Segment]):
    """The page, a gradio.Blocks: a place for an image, and a column for each network."""
    import gradio

    def segment(file: str | None) -> list:
        """Values of all pictures, then of all buttons; none of them without an image."""
        hidden = gradio.update(visible=False)
        nothing = [None] * len(networks) + [hidden] * len(networks)
        if file is None:
            return nothing
        path = Path(file)
        try:
            image = read(path)
        except BadImage as error:
            gradio.Warning(html.escape(f"{path.name}: {error}"))
            return nothing
        profile = colour_profile(image)
        overlays, buttons = [], []
        for name, segment_image in networks.items():
            overlay, cutout = segment_image(image)
            overlays.append(overlay)
            if cutout is None:
                buttons.append(hidden)
                continue
            target = Path(tempfile.mkdtemp(dir=path.parent)) / f"{path.stem}_{name}_cutout.png"
            cutout.save(target, icc_profile=profile)
            buttons.append(gradio.update(value=str(target), visible=True))
        return overlays + buttons

    with gradio.Blocks(title="petseg", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        gradio.Markdown("# petseg\nAn image, and the classes that the networks see in it.")
        file = gradio.File(label="An image: JPEG, PNG, WebP (or HEIC)", height=140)
        pictures, buttons = [], []
        with gradio.Row():
            for name in networks:
                with gradio.Column():
                    pictures.append(
                        gradio.Image(label=name, interactive=False, format="png", buttons=[])
                    )
                    buttons.append(
                        gradio.DownloadButton(f"Download the cutout ({name})", visible=False)
                    )
        file.change(segment, file, [*pictures, *buttons], api_visibility="private")
    return blocks


def launch(blocks, port: int, largest_upload: int) -> None:
    """Serves the page at HOST alone, with nothing from elsewhere, in a thread of its own.

    `largest_upload` in megabytes. PetsegError where the port is taken.
    """
    import gradio

    letters = ["system-ui", "sans-serif"]  # Gradio's own choice may be fetched from Google
    try:
        blocks.launch(
            server_name=HOST,
            server_port=port,
            max_file_size=f"{largest_upload}mb",
            theme=gradio.themes.Default(font=letters, font_mono=["monospace"]),
            share=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            run_history=False,
            enable_monitoring=False,
            footer_links=[],
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise PetsegError(f"the page cannot be served: {error}; try another --port") from None


def _title(path: Path, files: list[Path]) -> str:
    """What the page calls a network: its name in all figures, or its file where names are equal."""
    from petseg.figures.palette import network_styles

    alone = sum(other.stem == path.stem for other in files) == 1
    return network_styles([path.stem])[path.stem].name if alone else str(path)


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser("serve", __doc__)
    parser.add_argument(
        "--model",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="trained networks, as of petseg predict; default: those that were trained here, or "
        "their exports, else those that come with petseg",
    )
    commands.add_dataset_option(parser)
    commands.add_region_option(
        parser, "the region, or class, of the cutout; default: what each dataset says"
    )
    parser.add_argument(
        "--port",
        type=commands.whole_number(1, 65_535),
        default=7860,
        metavar="N",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--largest-upload",
        type=commands.whole_number(1, 1000),
        default=30,
        metavar="MB",
        help="larger files are refused; default: %(default)s",
    )
    commands.add_limit_option(parser)
    return parser


if __name__ == "__main__":
    main()
