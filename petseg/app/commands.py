"""What the commands share: parsers, exit codes, options, and tables.

Commands import TensorFlow, which takes seconds, only after they have parsed their options.
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
    """Returns a parser for `petseg NAME`."""
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
    """Exits with `main`'s code; prints a PetsegError without a traceback."""
    for stream in (sys.stdout, sys.stderr):  # not every terminal can show every name
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = parser.parse_args(arguments)
    try:
        sys.exit(main(options))
    except PetsegError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # the reader, such as `head`, stopped
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Returns an argparse type for `least` to `most`."""

    def parse(text: str) -> int:
        number = int(text)
        if number < least or (most is not None and number > most):
            limits = f"less than {least}" if number < least else f"more than {most}"
            raise argparse.ArgumentTypeError(f"{number} is {limits}")
        return number

    parse.__name__ = "whole number"
    return parse


def add_model_option(parser: argparse.ArgumentParser, default: Path | None = None) -> None:
    """Adds `--model` and `--dataset`."""
    parser.add_argument(
        "--model",
        type=Path,
        default=default,
        metavar="FILE",
        help="a trained network; default: %(default)s"
        if default
        else "a trained network: a .keras file, or an export by petseg export; default: the U-Net "
        "trained here, or its export, else the one that comes with petseg",
    )
    add_dataset_option(parser)


def add_dataset_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--dataset`, for `named_dataset`."""
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="the dataset of a network whose file does not contain its classes: a folder in "
        f"{paths.DATASETS}, or the path of a dataset.yaml",
    )


def add_region_option(parser: argparse.ArgumentParser, help: str) -> None:
    """Adds `--region`, for `region_to_cut_out`."""
    parser.add_argument("--region", metavar="NAME", help=help)


def add_limit_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--max-megapixels`, for `photograph.limit_megapixels`."""
    parser.add_argument(
        "--max-megapixels",
        type=whole_number(1, 10_000),
        default=photograph.MAX_MEGAPIXELS,
        metavar="N",
        help="refuse larger images, to limit memory; default: %(default)s",
    )


def named_dataset(name: str | None) -> DatasetSpec | None:
    """Returns the dataset of a name or file; raises PetsegError if missing or wrong."""
    if name is None:
        return None
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        return dataset_file.load_dataset(name).spec()
    if not path.is_file():
        raise PetsegError(f"--dataset: {name} not found")
    return dataset_file.parse_dataset(yaml12.read(path), path.absolute().parent.name, path).spec()


def text(path: Path) -> str:
    r"""Returns a path, relative if in the working folder; escapes non-UTF-8 bytes (\xe9)."""
    here = Path.cwd()
    path = path.relative_to(here) if path.is_relative_to(here) else path
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def shown(path: Path) -> str:
    r"""Returns the same with all unprintable characters escaped, such as \n."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text(path)
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a text table: first column left-aligned, others right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in [heads, *rows]
    ]
    return "\n".join(lines)
