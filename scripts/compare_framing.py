"""Is a photograph better stretched to the network's square, or framed in it with its own shape?

    python scripts/compare_framing.py PATH/TO/ORIGINAL_DATASET [--model models/unet.keras]

Scores both on the photographs of the validation split that the folder (with images/ and
annotations/, as the dataset's archives unpack) holds at their original size, against the original
masks. Networks learn from stretched photographs, and petseg/segmentation.py stretches.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from petseg import commands, paths, segmentation
from petseg.data import integrity, records
from petseg.errors import PetsegError
from petseg.evaluation import bootstrap, scores
from petseg.evaluation.original_size import confusion

GREY = (127, 127, 127)
"""Around a framed photograph: about 0 after the networks' own scaling."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", metavar="FOLDER", type=Path)
    commands.add_model_option(parser)
    commands.run(compare, parser)


def compare(options: argparse.Namespace) -> int:
    names = [name for name in validation_names() if photograph(options.dataset, name).is_file()]
    if not names:
        raise PetsegError(f"{options.dataset}/images holds no photograph of the validation split")
    model = commands.load_model(options.model)
    size, run = segmentation.image_size(model), segmentation.runner(model)
    matrices: dict[str, list] = {"stretch": [], "letterbox": []}
    for name in names:
        data = photograph(options.dataset, name).read_bytes()
        image = integrity.decode_photograph(data).image
        trimap = (options.dataset / f"annotations/trimaps/{name}.png").read_bytes()
        truth = np.asarray(integrity.decode_mask(trimap, image.size)) - 1
        stretched = run(segmentation.square(image, size)[None])[0]
        matrices["stretch"].append(confusion(stretched, truth))
        framed, inside = letterbox(image, size)
        matrices["letterbox"].append(confusion(run(framed[None])[0][inside], truth))
    print(table({framing: np.stack(found) for framing, found in matrices.items()}))
    return 0


def validation_names() -> list[str]:
    return [example.name for example in records.read(paths.RECORDS, "validation")]


def photograph(dataset: Path, name: str) -> Path:
    return dataset / "images" / f"{name}.jpg"


def letterbox(image: Image.Image, size: int) -> tuple[np.ndarray, tuple[slice, slice]]:
    """A square, uint8 (size, size, 3), with the photograph in its middle, and where it lies."""
    share = size / max(image.size)
    width, height = (max(1, round(side * share)) for side in image.size)
    left, top = (size - width) // 2, (size - height) // 2
    square = Image.new("RGB", (size, size), GREY)
    square.paste(image.resize((width, height), Image.Resampling.BILINEAR), (left, top))
    return np.asarray(square), (slice(top, top + height), slice(left, left + width))


def table(matrices: dict[str, np.ndarray]) -> str:
    """Scores over all pixels with 95 % intervals of the difference, at original size."""
    rows = []
    for title, statistic in (("mean IoU", scores.mean_iou), ("pet IoU", scores.pet_iou)):
        found = bootstrap.intervals(matrices, statistic, resamples=2000, seed=0)
        *framings, difference = (f"{interval.estimate:.4f}" for interval in found.values())
        low, high = found["stretch_minus_letterbox"][1:]
        rows.append((title, *framings, difference, f"[{low:+.4f}, {high:+.4f}]"))
    count = len(matrices["stretch"])
    heads = (f"{count} photographs", *matrices, "difference", "95% interval")
    return commands.table(heads, rows)


if __name__ == "__main__":
    main()
