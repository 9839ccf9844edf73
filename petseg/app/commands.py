"""What the commands for people share: how they start and end, the model, and tables.

TensorFlow takes seconds to come, so it is imported where it is needed: `--help` and a mistake in
the options need not wait for it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from petseg.core import dataset_file, paths, yaml12
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError
from petseg.decoding import photograph


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """The parser of `petseg NAME`, to which the command adds its options."""
    return argparse.ArgumentParser(
        prog=f"petseg {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run(
    main: Callable[[argparse.Namespace], int],
    parser: argparse.ArgumentParser,
    arguments: list[str] | None = None,
) -> None:
    """Ends with the exit code of `main`; a PetsegError is printed as one message, with code 1."""
    for stream in (sys.stdout, sys.stderr):  # a name may hold what the terminal cannot show
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = parser.parse_args(arguments)
    try:
        sys.exit(main(options))
    except PetsegError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # who read the output, as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """An argparse type: a whole number from `least` to `most`."""

    def parse(text: str) -> int:
        number = int(text)
        if number < least or (most is not None and number > most):
            limits = f"less than {least}" if number < least else f"more than {most}"
            raise argparse.ArgumentTypeError(f"{number} is {limits}")
        return number

    parse.__name__ = "whole number"
    return parse


def add_model_option(parser: argparse.ArgumentParser, default: Path | None = None) -> None:
    """`--model`, for `default_model.find` where it has no default, and `--dataset`."""
    parser.add_argument(
        "--model",
        type=Path,
        default=default,
        metavar="FILE",
        help="a trained network; default: %(default)s"
        if default
        else "a trained network: .keras, or what petseg export writes; default: the U-Net that was "
        "trained here, or its export, else the one that comes with petseg",
    )
    add_dataset_option(parser)


def add_dataset_option(parser: argparse.ArgumentParser) -> None:
    """`--dataset`, for `named_dataset`."""
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="for a network whose file does not say what its classes are: a folder in "
        f"{paths.DATASETS}, or the path of a dataset.yaml",
    )


def add_region_option(parser: argparse.ArgumentParser, help: str) -> None:
    """`--region`, for `region_to_cut_out`."""
    parser.add_argument("--region", metavar="NAME", help=help)


def add_limit_option(parser: argparse.ArgumentParser) -> None:
    """`--max-megapixels`, for `photograph.limit_megapixels`."""
    parser.add_argument(
        "--max-megapixels",
        type=whole_number(1, 10_000),
        default=photograph.MAX_MEGAPIXELS,
        metavar="N",
        help="larger images are refused, for the sake of memory; default: %(default)s",
    )


def named_dataset(name: str | None) -> DatasetSpec | None:
    """The dataset of a name, or in a file; None where nobody names one.

    PetsegError where there is none of that name or it has mistakes.
    """
    if name is None:
        return None
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        return dataset_file.load_dataset(name).spec()
    if not path.is_file():
        raise PetsegError(f"--dataset: {name} not found")
    return dataset_file.parse_dataset(yaml12.read(path), path.absolute().parent.name, path).spec()


def text(path: Path) -> str:
    r"""A path as valid Unicode, relative to the working folder if it lies there.

    Bytes that are not UTF-8 are escaped, as in caf\xe9.jpg.
    """
    here = Path.cwd()
    path = path.relative_to(here) if path.is_relative_to(here) else path
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def shown(path: Path) -> str:
    r"""The same on one line: what is not printable is escaped, too, a line break as \n."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text(path)
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in [heads, *rows]
    ]
    return "\n".join(lines)
