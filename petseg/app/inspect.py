"""Reports on a folder of images and masks, and proposes a dataset.yaml.

    petseg inspect ~/cells                   # prints the report, then the proposal
    petseg inspect ~/cells --write cells     # writes the proposal to datasets/cells/
    petseg inspect datasets/cells            # a folder inside datasets/

Masks may contain class values, 0 and 255, palette indices or colours; COCO and LabelMe annotations
work too. Changes no image or mask.
"""

import argparse
import os
import re
from pathlib import Path

import numpy as np

from petseg.app import commands
from petseg.core.errors import PetsegError
from petseg.core.files import write_text
from petseg.core.paths import dataset_file
from petseg.inspection import annotated, classes, dataset_yaml, findings, report, scan
from petseg.inspection.layouts import find_layouts
from petseg.inspection.names import find_names
from petseg.inspection.tree import one_line, walk
from petseg.sources import listing

_NAME = re.compile(r"[\w-][\w.-]*")


def main(arguments: list[str] | None = None) -> None:
    commands.run(_inspect, build_parser(), arguments)


def build_parser() -> argparse.ArgumentParser:
    parser = commands.parser("inspect", __doc__)
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="the folder of images and masks"
    )
    parser.add_argument(
        "--write",
        type=_dataset_name,
        metavar="NAME",
        help="write the proposal to datasets/NAME/dataset.yaml, unless that file exists",
    )
    parser.add_argument(
        "--limit",
        type=commands.whole_number(1),
        metavar="N",
        help="read at most N masks and their images, spread evenly; default: all",
    )
    return parser


def _dataset_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} should be letters, digits, _, - and .")
    return text


def _inspect(options: argparse.Namespace) -> int:
    folder = Path(os.path.abspath(options.folder))  # noqa: PTH100 (keeps symbolic links)
    name = options.write or dataset_yaml.proposed_name(folder)
    target = dataset_file(name)
    if options.write and target.exists():
        raise PetsegError(f"{target} exists; remove it first, or choose another name")
    text = _report(folder, name, options.limit)
    if not options.write:
        print(f"\n--- proposal for {target}; --write {name} writes it ---\n{text}", end="")
        return 0
    write_text(target, text)
    print(f"\n{target} is written. Read it through, set in params.yaml\n")
    print(f"dataset:\n  name: {name}\n\nand run: dvc repro")
    return 0


def _report(folder: Path, name: str, limit: int | None) -> str:
    """Prints a report; returns a proposed dataset.yaml."""
    tree = walk(folder)
    layouts, damaged = find_layouts(tree)
    layout = layouts[0]
    examples = listing.find(dataset_yaml.inspected(folder, layout))
    rows = _spread(examples.rows, limit)
    _print(report.layout_lines(tree, layouts, examples.rows, len(rows)))
    _print([f"not used, {one}" for one in damaged])

    proposal, unlabelled, read_mask = None, "", lambda mask: mask.path.read_bytes()
    path = dataset_yaml.source_path(folder, name)
    if layout.kind != "masks":
        proposal, unlabelled = classes.of_labels(annotated.labels(layout.kind, rows))
        drawn = dataset_yaml.parse(dataset_yaml.text(path, layout, proposal, {}, unlabelled), name)
        read_mask = annotated.drawer(layout.kind, rows, drawn, unlabelled)
    found = findings.sum_up(folder, scan.scan(rows, read_mask))
    _print(report.content_lines(found))
    try:
        proposal = proposal or classes.propose(found, find_names(tree))
    finally:
        _print(report.marks_lines(found, proposal))
        _print(report.problem_lines(tree, examples.mistakes, found))
    text = dataset_yaml.text(path, layout, proposal, found.marks.shares(), unlabelled)
    dataset_yaml.parse(text, name)
    return text


def _spread(rows: list, limit: int | None) -> list:
    if limit is None or limit >= len(rows):
        return rows
    return [rows[index] for index in np.linspace(0, len(rows) - 1, limit).round().astype(int)]


def _print(lines: list[str]) -> None:
    for line in lines:
        print(one_line(line))


if __name__ == "__main__":
    main()
