"""How an image best gets into the network's square: what other ways cost against stretching.

    python tools/compare_framing.py PATH/TO/ORIGINAL_DATASET [--model models/unet.keras]

`letterbox` frames the image with its own shape. `reduced` stretches it as `preprocess` does,
after decoding it no larger than it is needed. Scored on those images of the validation split
that the folder (with images/ and annotations/, as the dataset's archives unpack) holds at their
original size, against the original masks. petseg/evaluation/full_size.py stretches.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from petseg.app import commands
from petseg.core import paths
from petseg.core.errors import PetsegError
from petseg.metrics import bootstrap, scores
from petseg.sources import integrity

GREY = (127, 127, 127)
"""Around a framed image: about 0 after the networks' own scaling."""
EVERYWHERE = (slice(None), slice(None))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", metavar="FOLDER", type=Path)
    commands.add_model_option(parser)
    commands.run(compare, parser)


def compare(options: argparse.Namespace) -> int:
    from petseg import records
    from petseg.evaluation import full_size, inference, original_size
    from petseg.sources import preparation

    held = {path.stem for path in (options.dataset / "images").glob("*.jpg")}
    names = [name for name in records.index(paths.RECORDS, "validation")["name"] if name in held]
    if not names:
        raise PetsegError(f"{options.dataset}/images holds no image of the validation split")
    model = commands.load_model(options.model)
    size, run = inference.image_size(model), inference.runner(model)
    matrices = defaultdict(list)
    for name in names:
        encoded = (options.dataset / "images" / f"{name}.jpg").read_bytes()
        trimap = (options.dataset / f"annotations/trimaps/{name}.png").read_bytes()
        in_full = integrity.decode_photograph(encoded)
        small = integrity.decode_photograph(encoded, at_least=size)
        mask = integrity.decode_mask(trimap, in_full.size, in_full.orientation)
        reduced, _ = preparation.resize(small.image, mask, size, small.box)
        ways = {
            "stretch": (full_size.square(in_full.image, size), EVERYWHERE),
            "letterbox": letterbox(in_full.image, size),
            "reduced": (reduced, EVERYWHERE),
        }
        logits = run(np.stack([square for square, _ in ways.values()]))
        for (way, (_, inside)), found in zip(ways.items(), logits, strict=True):
            matrices[way].append(original_size.confusion_matrix(found[inside], trimap))
    print(table({way: np.stack(found) for way, found in matrices.items()}))
    return 0


def letterbox(image: Image.Image, size: int) -> tuple[np.ndarray, tuple[slice, slice]]:
    """A square, uint8 (size, size, 3), with the image in its middle, and where it lies."""
    share = size / max(image.size)
    width, height = (max(1, round(side * share)) for side in image.size)
    left, top = (size - width) // 2, (size - height) // 2
    square = Image.new("RGB", (size, size), GREY)
    square.paste(image.resize((width, height), Image.Resampling.BILINEAR), (left, top))
    return np.asarray(square), (slice(top, top + height), slice(left, left + width))


def table(matrices: dict[str, np.ndarray]) -> str:
    """Scores over all pixels at original size; 95 % intervals of the difference from stretching."""
    rows = []
    for title, statistic in (("mean IoU", scores.mean_iou), ("pet IoU", scores.pet_iou)):
        found = bootstrap.intervals(matrices, statistic, resamples=2000, seed=0)
        for way in matrices:
            against = ""
            if way != "stretch":
                estimate, low, high = found[f"stretch_minus_{way}"]
                against = f"{-estimate:+.4f} [{-high:+.4f}, {-low:+.4f}]"
            rows.append((f"{title}, {way}", f"{found[way].estimate:.4f}", against))
    heads = (f"{len(matrices['stretch'])} images", "", "against stretch, 95% interval")
    return commands.table(heads, rows)


if __name__ == "__main__":
    main()
