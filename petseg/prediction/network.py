"""A trained network, and its predictions."""

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
    """A network's predictions for an upright image, at its size."""

    image: Image.Image
    """RGB, or RGBA if any pixel is transparent."""
    logits: np.ndarray
    """The network's output, float32 (h, w, C)."""
    spec: DatasetSpec
    """Classes, in label order, and regions."""
    temperature: float = 1.0
    """Divides the logits to calibrate the probabilities."""

    @cached_property
    def labels(self) -> np.ndarray:
        """Indices into `spec.class_names`, uint8 (H, W)."""
        return full_size.labels(self.logits, self.image.height, self.image.width)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Class probabilities, float32 (H, W, C); sum to 1."""
        logits = self.logits / np.float32(self.temperature)
        return full_size.probabilities(logits, self.image.height, self.image.width)

    @cached_property
    def shares(self) -> dict[str, float]:
        """Each class's share of pixels."""
        found = segmented.shares(self.labels, len(self.spec.classes))
        return dict(zip(self.spec.class_names, found, strict=True))

    @property
    def region_shares(self) -> dict[str, float]:
        """Each region's share of pixels."""
        return {
            name: sum(self.shares[one] for one in members)
            for name, members in self.spec.regions.items()
        }

    def mask(self) -> Image.Image:
        """Returns a mask with the dataset's values or colours."""
        return segmented.label_picture(self.labels, self.spec)

    def overlay(self) -> Image.Image:
        """Returns the image with outlines and a legend below: RGB."""
        return segmented.outlined(photograph.on_grey(self.image), self.labels, self.spec)

    def cutout(self, region: str | None = None) -> Image.Image:
        """Returns a region or class (default: the dataset's) on a transparent background: RGBA.

        Raises PetsegError if missing or unknown.
        """
        region = region_to_cut_out(self.spec, region)
        opacity = full_size.opacity(self.logits, self.labels, self.spec, region)
        return segmented.cutout(self.image, opacity)


@dataclass(frozen=True)
class Network:
    """A trained network for images of any size, from `load`. Thread-safe."""

    path: Path
    spec: DatasetSpec
    """Classes, in label order, and regions."""
    image_size: tuple[int, int]
    """Height and width in pixels to which images are stretched."""
    run: runtimes.Run
    """Images (N, h, w, 3), in [0, 255] -> float32 logits (N, h, w, C)."""

    def segment(self, image, *, flip: bool = False, temperature: float = 1.0) -> Segmentation:
        """Segments an image: a path, Pillow image, array or bytes (see `images.read`).

        `flip` averages with the logits of the mirror image, in twice the time. Raises PetsegError
        if the image cannot be read.
        """
        image = images.read(image)
        run: Callable = runtimes.with_mirror(self.run) if flip else self.run
        (logits,) = run(full_size.network_input(image, self.image_size)[None])
        return Segmentation(image, logits, self.spec, temperature)


def load(model: str | Path | None = None, *, spec: DatasetSpec | None = None) -> Network:
    """Returns a network from any format of training or `petseg export`.

    The default is the U-Net trained in this checkout, else the pretrained one. `spec` is for files
    without classes. Raises PetsegError if the file is missing, damaged or no network of these
    classes, or needs another package.
    """
    path = default_model.find() if model is None else Path(model)
    found = model_spec(path, spec)
    run, size = runtimes.load(path, found)
    return Network(path, found, size, run)


def model_spec(path: Path, spec: DatasetSpec | None = None) -> DatasetSpec:
    """Returns the spec in a network's file, or in dataset.json beside it, or else `spec`.

    Raises PetsegError if the file is missing, the specs differ, or there is none.
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
    """Returns a cutout's region; raises PetsegError if missing or unknown."""
    region = name or spec.default_region
    if region is None:
        known = ", ".join(spec.class_names)
        raise PetsegError(
            f"{spec.name} has no region to cut out; name one of its classes with --region: {known}"
        )
    spec.region_labels(region)
    return region
