"""A trained network, and what it finds in an image."""

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
    """What a network found in one image; everything has the image's own size, upright."""

    image: Image.Image
    """RGB, or RGBA where any of it is transparent."""
    logits: np.ndarray
    """As the network gave them, at its own size: float32 (h, w, C)."""
    spec: DatasetSpec
    """The classes, in the order of their labels, and the regions."""
    temperature: float = 1.0
    """What the logits are divided by for the probabilities: the one that calibrates them."""

    @cached_property
    def labels(self) -> np.ndarray:
        """The class of each pixel: uint8 (H, W), indices into `spec.class_names`."""
        return full_size.labels(self.logits, self.image.height, self.image.width)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """The probability of each class in each pixel: float32 (H, W, C); adds up to 1."""
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
        """A mask with the dataset's own values or colours, in the colours of the classes."""
        return segmented.label_picture(self.labels, self.spec)

    def overlay(self) -> Image.Image:
        """The image with outlines, and a legend below: RGB."""
        return segmented.outlined(photograph.on_grey(self.image), self.labels, self.spec)

    def cutout(self, region: str | None = None) -> Image.Image:
        """The image on a transparent background, without all that is no part of a region: RGBA.

        `region` is one of the dataset's, or a class; by default the one that the dataset says.
        PetsegError where there is none, or an unknown one.
        """
        region = region_to_cut_out(self.spec, region)
        opacity = full_size.opacity(self.logits, self.labels, self.spec, region)
        return segmented.cutout(self.image, opacity)


@dataclass(frozen=True)
class Network:
    """A trained network, for images of any size; `load` makes one. Threads may share it."""

    path: Path
    spec: DatasetSpec
    """The classes, in the order of their labels, and the regions."""
    image_size: tuple[int, int]
    """The height and width of what the network sees, in pixels: images are stretched to it."""
    run: runtimes.Run
    """Images (N, h, w, 3) of that size, in [0, 255] -> float32 logits (N, h, w, C)."""

    def segment(self, image, *, flip: bool = False, temperature: float = 1.0) -> Segmentation:
        """Segments one image, as `petseg.prediction.images.read` takes it: a path, an image of
        Pillow, an array, bytes.

        With `flip`, the mean of the logits of the image and of its mirror image; takes twice as
        long. PetsegError where the image cannot be read.
        """
        image = images.read(image)
        run: Callable = runtimes.with_mirror(self.run) if flip else self.run
        (logits,) = run(full_size.network_input(image, self.image_size)[None])
        return Segmentation(image, logits, self.spec, temperature)


def load(model: str | Path | None = None, *, spec: DatasetSpec | None = None) -> Network:
    """A trained network of any format that `petseg export` writes, or training.

    Without `model`, the U-Net that this checkout has trained, else the one that comes with petseg.
    `spec` is that of a file that does not say what its classes are. PetsegError where the file is
    missing, damaged or no network of these classes, or where its format needs another package.
    """
    path = default_model.find() if model is None else Path(model)
    found = model_spec(path, spec)
    run, size = runtimes.load(path, found)
    return Network(path, found, size, run)


def model_spec(path: Path, spec: DatasetSpec | None = None) -> DatasetSpec:
    """The dataset that a network was trained for: what its file says, or dataset.json beside it.

    Else `spec`. PetsegError where there is no such file, where the two differ, and where neither is
    known.
    """
    default_model.require(path)
    carried = dataset_spec.of_model(path)
    if carried and spec:
        mend = "name no dataset: the file says what its classes are"
        dataset_spec.require_same_classes(carried, spec, str(path), mend)
    if found := carried or spec:
        return found
    text = runtimes.read(path).spec_text  # whose message tells where it is no network at all
    if text:
        return dataset_spec.of_text(text, f"{dataset_spec.SPEC_FILE} in {path}")
    raise PetsegError(
        f"{path} does not say what its classes are; name the dataset that it was trained on, "
        "with --dataset"
    )


def region_to_cut_out(spec: DatasetSpec, name: str | None = None) -> str:
    """The region that a cutout is of; PetsegError where there is none, or an unknown one."""
    region = name or spec.default_region
    if region is None:
        known = ", ".join(spec.class_names)
        raise PetsegError(
            f"{spec.name} has no region to cut out; name one of its classes with --region: {known}"
        )
    spec.region_labels(region)
    return region
