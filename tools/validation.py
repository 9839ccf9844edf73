"""Scores a trained network on the validation split, optionally with averaged predictions.

    python tools/validation.py                          # models/unet.keras, one pass
    python tools/validation.py --network shallow --average --subset FILE

Scores are on the published masks, so that networks of any image size can be compared. Use it to
choose configurations: the test split stays unseen. `--average` also averages the logits with those
of the mirror image and of the enlarged image, and reports the extra time. `--subset` also scores
the images that a file lists, as `evaluate.subsets` does.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from petseg.app import commands
from petseg.core import paths
from petseg.core.params import load_params

SCALE = 1.25
"""Scale of the enlarged image; its sides are rounded to multiples of 32."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--network", choices=paths.NETWORKS, default="unet", help="default: %(default)s"
    )
    parser.add_argument("--average", action="store_true", help="also with averaged predictions")
    parser.add_argument(
        "--subset", action="append", default=[], metavar="FILE", help="image names, one per line"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    commands.run(score, parser)


def score(options: argparse.Namespace) -> int:
    from petseg import records
    from petseg.evaluation import inference, scoring, subsets, tables
    from petseg.sources import raw

    params, spec = load_params(), records.spec(paths.RECORDS)
    source = records.on_disk(paths.RECORDS, "validation")
    names = records.index(paths.RECORDS, "validation")["name"]
    masks = raw.masks(paths.RAW_DATASET, "validation", names)
    parts = subsets.read_subsets(options.subset, names, "validation")
    model = inference.load_trained(options.network, paths.model(options.network), spec)
    ways = {"one pass": inference.runner(model)}
    if options.average:
        larger = at_scale(model, params, options.network, len(spec.classes))
        ways |= averaged(ways["one pass"], model, larger)
    found = {}
    for way, run in ways.items():
        clock = Clock(run)
        result = scoring.score_network(clock, source, masks, spec, params.evaluate.batch_size, way)
        found[way] = tables.metrics(result, model.count_params(), spec, parts)
        found[way]["seconds"] = clock.seconds
    print(json.dumps(found, indent=2) if options.json else table(found, spec))
    return 0


class Clock:
    """Wraps a function of images and measures its total seconds."""

    def __init__(self, run: Callable[[np.ndarray], np.ndarray]):
        self.run, self.seconds = run, 0.0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        logits = self.run(images)
        self.seconds += time.perf_counter() - start
        return logits


def averaged(plain: Callable, model, larger) -> dict[str, Callable]:
    """Returns ways to average logits: of a model, which `plain` runs, and of one at_scale."""
    from petseg.evaluation.inference import runner
    from petseg.prediction.runtimes import with_mirror

    mirrored = with_mirror(plain)
    return {
        "with the mirror image": mirrored,
        f"with the image enlarged {SCALE} times": mean(plain, runner(larger)),
        "with both": mean(mirrored, with_mirror(runner(larger))),
    }


def mean(one: Callable, other: Callable) -> Callable:
    return lambda images: (one(images) + other(images)) / 2


def at_scale(model, params, network: str, classes: int):
    """Returns a model that enlarges images SCALE times; its logits have the original size."""
    import keras

    from petseg.models import shallow, unet

    height, width, _ = model.input_shape[1:]
    size = tuple(round(side * SCALE / 32) * 32 for side in (height, width))
    if network == "unet":
        enlarged = unet.build(size, classes, params.train_unet, None)
    else:
        enlarged = shallow.build(size, classes, params.train_shallow)
    enlarged.set_weights(model.get_weights())
    resizing = keras.layers.Resizing
    images = keras.Input((height, width, 3))
    return keras.Sequential([images, resizing(*size), enlarged, resizing(height, width)])


def table(found: dict, spec) -> str:
    """Returns a row for each way and subset."""
    region, base = spec.default_region, next(iter(found.values()))["seconds"]
    heads = ("", "images", "mean IoU", *(f"{name} IoU" for name in spec.class_names))
    heads += (f"region {region}", "an image", "at records' size", "time")
    rows = []
    for way, content in found.items():
        for name, part in {"": content, **content.get("subsets", {})}.items():
            of_region = part["regions"][region]
            rows.append(
                (
                    f"{way}, {name}" if name else way,
                    f"{part['images']:,}",
                    *(f"{v:.4f}" for v in (part["mean_iou"], *part["iou"].values())),
                    *(f"{of_region[key]:.4f}" for key in ("iou_dataset", "iou_per_image")),
                    f"{part['at_records_size']['mean_iou']:.4f}",
                    f"{content['seconds'] / base:.2f}",
                )
            )
    return commands.table(heads, rows)


if __name__ == "__main__":
    main()
