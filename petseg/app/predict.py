"""Segments images: predicts the class of each pixel, at each image's original size.

    petseg predict cat.jpg holidays/
    petseg predict --cutout --json --out results holidays/ > shares.json
    petseg predict - --cutout < cat.jpg > cat.png

Prints each class's share of the pixels. Writes to OUT, for each image NAME (subfolders stay):

    NAME_labels.png           a mask with the values or colours of the dataset
    NAME_overlay.jpg          the image with outlines and a legend; see --format
    NAME_cutout.png           with --cutout or --region: a region on a transparent background
    NAME_probabilities.npz    with --probabilities: float16 (H, W, C), and the class names

For standard input (-), writes only the mask, or with --cutout the cutout, to standard output. The
network's file contains its classes and regions.

Searches folders recursively. Reads all formats of Pillow, HEIC with pillow-heif, and the first of
several frames. The network sees transparent pixels as grey; cutouts keep their transparency. Skips
and reports unreadable images, and exits with 1.

    petseg predict --runner beam 'tiles/**.jpg' OUT

segments all images that match a pattern, by Apache Beam, on this machine or a cluster; see
docs/scale.md. Both paths may be any that Beam supports (gs://, s3://, hdfs://). Writes shares to
OUT/shares-*.csv, unreadable images to OUT/failed-*.csv. Repeat the command to resume.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path

from petseg.app import commands, images, segmenting
from petseg.app.segmenting import Segmented
from petseg.core import beam_files
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256
from petseg.decoding import photograph
from petseg.prediction import default_model, network

STANDARD_INPUT = Path("-")
DEFAULT_OUT = Path("predictions")
SHOWN = 10
"""Most failed images that a Beam run prints."""


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, build_parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    photograph.limit_megapixels(options.max_megapixels)
    model = options.model or default_model.find()
    spec = network.model_spec(model, commands.named_dataset(options.dataset))
    cutout = options.cutout or options.region is not None
    region = network.region_to_cut_out(spec, options.region) if cutout else None
    if options.model is None:
        print(f"the network: {commands.shown(model)}, of {spec.name}", file=sys.stderr)
    if not options.temperature > 0:
        raise PetsegError(f"--temperature {options.temperature} is not above 0")
    files = segmenting.FORMATS[options.format] | {"probabilities": "npz"}
    kinds = ["labels", "overlay"] + cutout * ["cutout"]
    kinds += options.probabilities * ["probabilities"]
    suffixes = {kind: files[kind] for kind in kinds}
    if options.runner == "beam":
        return _on_beam(options, model, spec, suffixes, region)
    paths, out = list(map(Path, options.images)), options.out or DEFAULT_OUT
    if STANDARD_INPUT in paths:
        return _pipe(options, model, spec, region)
    found = images.find(paths, out)
    if not found:
        raise PetsegError(f"no image in {', '.join(map(commands.shown, paths))}")
    targets = {
        path: {kind: Path(f"{out / result}_{kind}.{end}") for kind, end in suffixes.items()}
        for path, result in found.items()
    }
    images.refuse_to_overwrite(
        list(found), (target for files in targets.values() for target in files.values())
    )
    done, failed = segmenting.segment(
        targets,
        lambda: network.load(model, spec=spec),
        region,
        flip=options.flip,
        temperature=options.temperature,
    )
    print(_json(model, done, failed) if options.json else _table(done, spec))
    if failed:
        print(f"{len(failed)} of {len(found)} images could not be read", file=sys.stderr)
    return 1 if failed else 0


def _pipe(options: argparse.Namespace, model: Path, spec: DatasetSpec, region: str | None) -> int:
    if len(options.images) > 1 or options.json or options.probabilities:
        raise PetsegError(
            "standard input (-) gives one picture: no other image, JSON or probabilities"
        )
    if sys.stdout.isatty():
        raise PetsegError("the output is a picture: redirect it to a file, as in > cat.png")
    found = network.load(model, spec=spec).segment(sys.stdin.buffer.read(), flip=options.flip)
    kind = "cutout" if region else "labels"
    suffix = segmenting.FORMATS[options.format][kind]
    segmenting.save(found, kind, region, sys.stdout.buffer, suffix)
    return 0


def _on_beam(
    options: argparse.Namespace,
    model: Path,
    spec: DatasetSpec,
    suffixes: dict[str, str],
    region: str | None,
) -> int:
    if len(options.images) != 2 or options.out or options.json:
        raise PetsegError(
            "--runner beam takes two arguments, PATTERN and OUT, without --out and --json"
        )
    if not model.is_file():
        raise PetsegError(f"{model} is a folder; Beam workers need a network in one file")
    from petseg.app import predict_many

    pattern, out = map(beam_files.absolute, options.images)
    copy = f"network-{file_sha256(model)[:16]}{model.suffix}"
    job = predict_many.Job(
        pattern,
        out,
        copy,
        spec,
        suffixes,
        region,
        options.flip,
        options.temperature,
        options.max_megapixels,
    )
    outcome = predict_many.segment(job, model, shlex.split(options.beam_options))
    for path, reason in outcome.failed[:SHOWN]:
        print(f"{path}: {reason}", file=sys.stderr)
    print(f"{outcome.segmented} images; their shares are in {out}/shares-*.csv")
    if outcome.failed:
        count = len(outcome.failed)
        print(f"{count} could not be read; all are in {out}/failed-*.csv", file=sys.stderr)
    return 1 if outcome.failed else 0


def build_parser() -> argparse.ArgumentParser:
    parser = commands.parser("predict", __doc__)
    parser.add_argument(
        "images",
        metavar="IMAGE_OR_FOLDER",
        nargs="+",
        help="images, or folders to search; - is standard input; with --runner beam: PATTERN OUT",
    )
    commands.add_model_option(parser)
    commands.add_limit_option(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help=f"the output folder; default: {DEFAULT_OUT}",
    )
    parser.add_argument(
        "--cutout",
        action="store_true",
        help="also write a region on a transparent background: the one that the dataset chooses, "
        "else its first",
    )
    commands.add_region_option(parser, "the region or class of the cutout; implies --cutout")
    parser.add_argument(
        "--format",
        choices=segmenting.FORMATS,
        default=next(iter(segmenting.FORMATS)),
        help="the format of overlays and cutouts; with jpeg, cutouts are PNG, as JPEG has no "
        "transparency; default: %(default)s",
    )
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="also write the probability of each class in each pixel; slow",
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        metavar="T",
        help="divide the logits by T for the probabilities; petseg report shows the T that "
        "calibrates each network; default: %(default)s",
    )
    parser.add_argument(
        "--flip",
        action="store_true",
        help="average with the prediction for the mirrored image; takes twice as long",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--runner", choices=("local", "beam"), default="local", help="for beam, see above"
    )
    parser.add_argument(
        "--beam-options",
        default="",
        metavar="TEXT",
        help="options for Beam, as '--direct_num_workers=4'; PETSEG_BEAM_OPTIONS adds to them",
    )
    return parser


def _json(model: Path, done: list[Segmented], failed: dict[Path, str]) -> str:
    content = {
        "model": commands.text(model),
        "photographs": [
            {
                "photograph": commands.text(row.path),
                "width": row.width,
                "height": row.height,
                "shares": row.shares,
                "regions": row.regions,
                "files": {kind: commands.text(path) for kind, path in row.files.items()},
            }
            for row in done
        ],
        "failed": [
            {"photograph": commands.text(path), "reason": why} for path, why in failed.items()
        ],
    }
    return json.dumps(content, indent=2, allow_nan=False)  # ASCII: every terminal can print it


def _table(done: list[Segmented], spec: DatasetSpec) -> str:
    from petseg.figures.palette import legend_labels

    present = {i for row in done for i, share in enumerate(row.shares.values()) if share}
    names = [spec.class_names[label] for label in legend_labels(spec, present)]
    rows = [
        (
            commands.shown(row.path),
            f"{row.width}x{row.height}",
            *(f"{row.shares[name]:.1%}" for name in names),
        )
        for row in done
    ]
    return commands.table(("image", "size", *names), rows)


if __name__ == "__main__":
    main()
