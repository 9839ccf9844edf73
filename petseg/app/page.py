"""The page of `petseg serve`."""

import html
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

from petseg.prediction.images import BadImage, colour_profile, read
from petseg.prediction.network import Network, Segmentation, region_to_cut_out

LARGEST_SHOWN = 1280
"""Longest side of an overlay in pixels; cutouts keep the image's size."""


class Segmented(NamedTuple):
    """An image's overlay, and cutout (RGBA), if any."""

    overlay: Image.Image
    cutout: Image.Image | None


Segment = Callable[[Image.Image], Segmented]


def segmenter(network: Network, region: str | None = None) -> Segment:
    """Returns a function that segments an RGB or RGBA image.

    The cutout is of `region`, else the dataset's default, if any; PetsegError if unknown.
    """
    if region := region or network.spec.default_region:
        region_to_cut_out(network.spec, region)

    def segment(image: Image.Image) -> Segmented:
        whole = network.segment(image)
        shown = image
        if max(image.size) > LARGEST_SHOWN:
            shown = ImageOps.contain(image, (LARGEST_SHOWN, LARGEST_SHOWN))
        small = Segmentation(shown, whole.logits, whole.spec)
        return Segmented(small.overlay(), whole.cutout(region) if region else None)

    return segment


def page(networks: dict[str, Segment]):
    """Returns the page, a gradio.Blocks."""
    import gradio

    def segment(file: str | None) -> list:
        """Returns values of all pictures, then buttons."""
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
        gradio.Markdown("# petseg\nUpload an image to see how each network segments it.")
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
