"""MobileNetV2 without its classifier.

Source: Sandler et al., arXiv:1801.04381; https://keras.io/api/applications/mobilenet/.
"""

import urllib.request
from pathlib import Path

import keras

from petseg.core.errors import PetsegError, first_line
from petseg.core.files import atomic_file
from petseg.core.params import TrainUnet
from petseg.models.encoders.features import Encoder

IMAGENET_URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
"""The ImageNet weights of Keras Applications."""

SKIP_LAYERS = {
    "expansions": (
        "block_1_expand_relu",
        "block_3_expand_relu",
        "block_6_expand_relu",
        "block_13_expand_relu",
    ),
    "bottlenecks": (
        "expanded_conv_project_BN",
        "block_2_add",
        "block_5_add",
        "block_12_add",
    ),
}
"""The last layers at 1/2, 1/4, 1/8 and 1/16 of the input: bottlenecks, or the expansions that are
computed only from them."""

BOTTOM_LAYER = "block_16_project"  # at 1/32

FIRST_BLOCKS = {
    "level_1": "stem",
    "level_2": "block_1",
    "level_3": "block_3",
    "level_4": "block_6",
    "level_5": "block_13",
}
"""The first block after the last bottleneck of the previous level."""


def encoder(input_size: tuple[int, int], params: TrainUnet, weights: Path | None) -> Encoder:
    """Builds MobileNetV2 with outputs for skip connections and bottom."""
    network = build(input_size, params.encoder_alpha, weights)
    names = (*SKIP_LAYERS[params.skip_connections], BOTTOM_LAYER)
    levels = {level: network.get_layer(name).output for level, name in enumerate(names, 1)}
    black, white = params.input_range
    return Encoder(
        network,
        levels,
        scale=(white - black) / 255,
        offset=black,
        trained=_layers_from(network, params.fine_tune_from),
        pretrained=weights is not None,
    )


def _layers_from(network: keras.Model, fine_tune_from: str) -> list[keras.layers.Layer]:
    block = FIRST_BLOCKS.get(fine_tune_from, fine_tune_from)
    if block == "stem":
        return network.layers
    names = [layer.name for layer in network.layers]
    first = next((i for i, n in enumerate(names) if n.startswith(f"{block}_")), len(names))
    return network.layers[first:]


def build(
    image_size: tuple[int, int] | None, alpha: float, weights: Path | None = None
) -> keras.Model:
    """Builds a model: images (B, H, W, 3) in [-1, 1] -> features (B, H/32, W/32, C).

    `image_size` None accepts any (H, W); `weights` None is random. Raises PetsegError if they do
    not fit.
    """
    shape = (*(image_size or (None, None)), 3)
    model = keras.applications.MobileNetV2(shape, alpha=alpha, include_top=False, weights=None)
    if weights:
        _load_weights(model, weights, alpha)
    return model


def imagenet_file(alpha: float) -> str:
    """Returns Keras's file name of ImageNet weights without classifier."""
    return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5"


def fetch_imagenet(alpha: float, folder: Path) -> Path:
    """Returns Keras's ImageNet weights file in `folder`; downloads it if missing.

    Raises OSError or HTTPException for a failed download, PetsegError for wrong content. Keras's
    own download would accept a killed process's incomplete file.
    """
    path = folder / imagenet_file(alpha)
    if not path.is_file():
        with (
            atomic_file(path) as temporary,
            urllib.request.urlopen(IMAGENET_URL + path.name, timeout=60) as answer,
        ):
            temporary.write_bytes(answer.read())
            build(None, alpha, temporary)  # rejects an HTML error page
    return path


def _load_weights(model: keras.Model, path: Path, alpha: float) -> None:
    try:
        model.load_weights(path)
    except Exception as error:  # Keras, h5py and zipfile raise many types
        raise PetsegError(
            f"{path} does not hold weights of MobileNetV2 with encoder_alpha {alpha} and no "
            f"classifier ({model.count_params():,} values were expected): {first_line(error)}"
        ) from None
