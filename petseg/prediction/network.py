"""A trained network, and its predictions for an image."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from petseg.core import dataset_spec
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError
from petseg.decoding import photograph
from petseg.evaluation import full_size
from petseg.figures import segmented
from petseg.prediction import default_model, images, runtimes


@dataclass(frozen=True)
class Segmentation:
    """A network's predictions for one image, at the image's own size, upright."""

    image: Image.Image
    """RGB, or RGBA if any pixel is transparent."""
    logits: np.ndarray
    """The network's output at its own size: float32 (h, w, C)."""
    spec: DatasetSpec
    """The classes, in the order of their labels, and the regions."""
    temperature: float = 1.0
    """Divides the logits to calibrate the probabilities."""

    @cached_property
    def labels(self) -> np.ndarray:
        """The class of each pixel: uint8 (H, W), indices into `spec.class_names`."""
        return full_size.labels(self.logits, self.image.height, self.image.width)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """The probability of each class in each pixel: float32 (H, W, C); sums to 1."""
        logits = self.logits / np.float32(self.temperature)
        return full_size.probabilities(logits, self.image.height, self.image.width)

    @cached_property
    def shares(self) -> dict[str, float]:
        """Each class's share of the pixels."""
        found = segmented.shares(self.labels, len(self.spec.classes))
        return dict(zip(self.spec.class_names, found, strict=True))

    @property
    def region_shares(self) -> dict[str, float]:
        """Each region's share of the pixels."""
        return {
            name: sum(self.shares[one] for one in members)
            for name, members in self.spec.regions.items()
        }

    def mask(self) -> Image.Image:
        """Returns a mask with the dataset's own values or colours, shown in the class colours."""
        return segmented.label_picture(self.labels, self.spec)

    def overlay(self) -> Image.Image:
        """Returns the image with outlines, and a legend below: RGB."""
        return segmented.outlined(photograph.on_grey(self.image), self.labels, self.spec)

    def cutout(self, region: str | None = None) -> Image.Image:
        """Returns one region of the image on a transparent background: RGBA.

        `region` is a region of the dataset or a class; the default is the dataset's. Raises
        PetsegError if there is none, or it is unknown.
        """
        region = region_to_cut_out(self.spec, region)
        opacity = full_size.opacity(self.logits, self.labels, self.spec, region)
        return segmented.cutout(self.image, opacity)


@dataclass(frozen=True)
class Network:
    """A trained network for images of any size; `load` makes one. Thread-safe."""

    path: Path
    spec: DatasetSpec
    """The classes, in the order of their labels, and the regions."""
    image_size: tuple[int, int]
    """Height and width of the network's input in pixels: images are stretched to it."""
    run: runtimes.Run
    """Images (N, h, w, 3) of that size, in [0, 255] -> float32 logits (N, h, w, C)."""

    def segment(self, image, *, flip: bool = False, temperature: float = 1.0) -> Segmentation:
        """Segments one image: a path, a Pillow image, an array or bytes; see `images.read`.

        `flip` averages the logits of the image and its mirror image, which takes twice as long.
        Raises PetsegError if the image cannot be read.
        """
        image = images.read(image)
        run: Callable = runtimes.with_mirror(self.run) if flip else self.run
        (logits,) = run(full_size.network_input(image, self.image_size)[None])
        return Segmentation(image, logits, self.spec, temperature)


def load(model: str | Path | None = None, *, spec: DatasetSpec | None = None) -> Network:
    """Returns a trained network from any format that training or `petseg export` writes.

    The default is the U-Net trained in this checkout, else the one that comes with petseg. `spec`
    is for a file that does not contain its classes. Raises PetsegError if the file is missing,
    damaged or no network of these classes, or if its format needs another package.
    """
    path = default_model.find() if model is None else Path(model)
    found = model_spec(path, spec)
    run, size = runtimes.load(path, found)
    return Network(path, found, size, run)


def model_spec(path: Path, spec: DatasetSpec | None = None) -> DatasetSpec:
    """Returns the spec in a network's file, or in dataset.json beside it, or else `spec`.

    Raises PetsegError if the file is missing, if the two specs differ, or if there is none.
    """
    default_model.require(path)
    carried = dataset_spec.of_model(path)
    if carried and spec:
        hint = "name no dataset: the file says what its classes are"
        dataset_spec.require_same_classes(carried, spec, str(path), hint)
    if found := carried or spec:
        return found
    text = runtimes.read(path).spec_text  # raises if it is no network
    if text:
        return dataset_spec.of_text(text, f"{dataset_spec.SPEC_FILE} in {path}")
    raise PetsegError(
        f"{path} does not say what its classes are; name the dataset that it was trained on, "
        "with --dataset"
    )


def region_to_cut_out(spec: DatasetSpec, name: str | None = None) -> str:
    """Returns the region that a cutout shows; raises PetsegError if it is missing or unknown."""
    region = name or spec.default_region
    if region is None:
        known = ", ".join(spec.class_names)
        raise PetsegError(
            f"{spec.name} has no region to cut out; name one of its classes with --region: {known}"
        )
    spec.region_labels(region)
    return region
