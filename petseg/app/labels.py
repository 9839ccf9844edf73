"""Finds images whose masks are most likely wrong, for you to review.

    petseg labels                                  # ranks; writes label_review/index.html
    petseg labels --accept label_review/wrong.txt  # adds names to leave_out in dataset.yaml

Splits the train and validation records into folds, and scores each fold by a network trained for a
few epochs on the others, as a network memorizes the wrong masks that it sees. cleanlab ranks the
images by the probabilities of their masks' labels. The page shows image, mask, prediction and
doubtful pixels of the worst. Tick wrong masks, save their names, and pass the file to --accept.
The test split does not change.
"""

import argparse
import csv
from pathlib import Path

from petseg.app import commands, leave_out
from petseg.core import paths
from petseg.core.dataset_file import load_dataset
from petseg.core.errors import PetsegError
from petseg.core.params import load_params

OUT = Path("label_review")
HEADING = "name"
"""First column of the ranking file, which --accept also takes."""


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, build_parser(), arguments)


def build_parser() -> argparse.ArgumentParser:
    parser = commands.parser("labels", __doc__)
    parser.add_argument(
        "--network",
        choices=paths.NETWORKS,
        default=paths.NETWORKS[0],
        help="the network to train; default: %(default)s",
    )
    parser.add_argument(
        "--folds",
        type=commands.whole_number(2, 20),
        default=3,
        metavar="N",
        help="number of folds; default: %(default)s",
    )
    parser.add_argument(
        "--epochs",
        type=commands.whole_number(1),
        metavar="N",
        help="epochs of each training; default: enough for some hundred updates",
    )
    parser.add_argument(
        "--worst",
        type=commands.whole_number(1, 1000),
        default=60,
        metavar="N",
        help="number of images on the page; default: %(default)s",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=OUT,
        metavar="FOLDER",
        help="the output folder; default: %(default)s",
    )
    parser.add_argument(
        "--accept",
        type=Path,
        metavar="FILE",
        help="only add the names in the first column of FILE to leave_out",
    )
    return parser


def _main(options: argparse.Namespace) -> int:
    params = load_params()
    if options.accept:
        return _accept(options.accept, params.dataset.name)
    from petseg.app import label_page, label_ranking

    ranking = label_ranking.rank(params, options.network, options.folds, options.epochs)
    label_page.write(options.out, ranking, options.worst)
    print(f"{len(ranking.rows)} images are ranked in {options.out / label_page.TABLE}")
    print(f"review the worst in {options.out / label_page.PAGE}")
    return 0


def _accept(path: Path, name: str) -> int:
    from petseg.sources import raw

    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            accepted = [row[0].strip() for row in csv.reader(stream) if row and row[0].strip()]
    except OSError as error:
        raise PetsegError(f"{path} cannot be read: {error.strerror}") from None
    dataset = raw.open_raw(paths.RAW_DATASET)
    known = {key.name for split in dataset.counts if split != "test" for key in dataset.keys(split)}
    accepted = [one for one in accepted if one != HEADING]
    if unknown := [one for one in accepted if one not in known]:
        raise PetsegError(
            f"{path}: no image to train or validate with is called {', '.join(unknown[:5])}"
        )
    file = load_dataset(name).file
    added = leave_out.add(file, accepted)
    print(f"{len(added)} names were added to leave_out in {file}; to train without them: dvc repro")
    return 0


if __name__ == "__main__":
    main()
