"""Compares ways to fit an image into the network's input: what others score against stretching.

    python tools/compare_framing.py PATH/TO/ORIGINAL_DATASET [--model models/unet.keras]

`letterbox` keeps the aspect ratio and adds a frame. `reduced` stretches as `preprocess` does, after
decoding at a reduced size. The folder has images/ and annotations/, as the dataset's archives
unpack. Scores are on its images of the validation split, at original size and against the original
masks. petseg/evaluation/full_size.py stretches.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from petseg.app import commands
from petseg.core import paths
from petseg.core.errors import PetsegError
from petseg.decoding.mask import decode_mask
from petseg.decoding.photograph import decode_photograph
from petseg.metrics import bootstrap, scores

GREY = (127, 127, 127)
"""Colour of the frame: about 0 after the networks' own scaling."""
EVERYWHERE = (slice(None), slice(None))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", metavar="FOLDER", type=Path)
    commands.add_model_option(parser)
    commands.run(compare, parser)


def compare(options: argparse.Namespace) -> int:
    from petseg import records
    from petseg.evaluation import full_size, original_size
    from petseg.prediction import network
    from petseg.sources import prepared

    held = {path.stem for path in (options.pictures / "images").glob("*.jpg")}
    names = [name for name in records.index(paths.RECORDS, "validation")["name"] if name in held]
    if not names:
        raise PetsegError(f"{options.pictures}/images holds no image of the validation split")
    found = network.load(options.model, spec=commands.named_dataset(options.dataset))
    spec, size, run = found.spec, found.image_size, found.run
    matrices = defaultdict(list)
    for name in names:
        encoded = (options.pictures / "images" / f"{name}.jpg").read_bytes()
        trimap = (options.pictures / f"annotations/trimaps/{name}.png").read_bytes()
        in_full = decode_photograph(encoded)
        small = decode_photograph(encoded, at_least=size)
        mask = decode_mask(trimap, spec, in_full.size, in_full.orientation)
        reduced, _ = prepared.resize(small.image, mask, size, small.box)
        ways = {
            "stretch": (full_size.network_input(in_full.image, size), EVERYWHERE),
            "letterbox": letterbox(in_full.image, size),
            "reduced": (reduced, EVERYWHERE),
        }
        logits = run(np.stack([pixels for pixels, _ in ways.values()]))
        for (way, (_, inside)), found in zip(ways.items(), logits, strict=True):
            matrices[way].append(original_size.confusion_matrix(found[inside], trimap, spec))
    counts = {
        way: scores.counts(np.stack(found), spec.label_sets) for way, found in matrices.items()
    }
    print(table(counts, len(spec.classes)))
    return 0


def letterbox(image: Image.Image, size: tuple[int, int]) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Returns an input, uint8 (*size, 3), with the centred image, and the image's position."""
    share = min(size[0] / image.height, size[1] / image.width)
    width, height = (max(1, round(side * share)) for side in image.size)
    left, top = (size[1] - width) // 2, (size[0] - height) // 2
    framed = Image.new("RGB", size[::-1], GREY)
    framed.paste(image.resize((width, height), Image.Resampling.BILINEAR), (left, top))
    return np.asarray(framed), (slice(top, top + height), slice(left, left + width))


def table(counts: dict[str, np.ndarray], classes: int) -> str:
    """Returns dataset-wide scores at original size, and 95 % intervals against stretching."""
    rows = []
    statistics = {
        "mean IoU": lambda found: scores.mean_iou(found[..., :classes, :]),
        "pet IoU": lambda found: scores.iou(found)[..., classes],
    }
    for title, statistic in statistics.items():
        found = bootstrap.intervals(counts, statistic, resamples=2000, seed=0)
        for way in counts:
            against = ""
            if way != "stretch":
                estimate, low, high = found[f"stretch_minus_{way}"]
                against = f"{-estimate:+.4f} [{-high:+.4f}, {-low:+.4f}]"
            rows.append((f"{title}, {way}", f"{found[way].estimate:.4f}", against))
    heads = (f"{len(counts['stretch'])} images", "", "against stretch, 95% interval")
    return commands.table(heads, rows)


if __name__ == "__main__":
    main()
