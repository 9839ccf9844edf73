"""Segments images, checks datasets, and exports, serves and compares trained networks."""

import argparse
import importlib
import importlib.metadata
import sys

COMMANDS = {
    "inspect": "look at a folder of images and masks, and propose a dataset.yaml",
    "check": "check params.yaml, the dataset and the inputs before dvc repro",
    "labels": "find the masks that are most likely wrong",
    "predict": "segment images: write masks, overlays and cutouts",
    "export": "write a network as SavedModel, TFLite and ONNX, and check each file",
    "serve": "serve the networks: a web page, and an HTTP API for scripts",
    "report": "write one HTML page about the last run",
    "compare": "compare the scores and parameters of two revisions",
    "completion": "print a script for tab completion in a shell",
}


def main(arguments: list[str] | None = None) -> None:
    parser = build_parser()
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        importlib.import_module(f"petseg.app.{options.command}").main(options.arguments)
    except ModuleNotFoundError as error:
        package = missing_package(error)
        if package is None:
            raise
        sys.exit(
            f"error: petseg {options.command} needs more packages, {package} among them: "
            "pip install 'petseg[train]', or in a clone: make setup"
        )


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of `petseg` without its commands, which would import their packages."""
    listed = "\n".join(f"  {name:10}  {summary}" for name, summary in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="petseg",
        usage="petseg [-h] [--version] COMMAND ...",
        description=f"{__doc__}\n\ncommands:\n{listed}",
        epilog="petseg COMMAND --help describes a command and its options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    return parser


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Returns the package that is not installed; None if a module of petseg itself is missing."""
    package = (error.name or "petseg").partition(".")[0]
    return None if package == "petseg" else package


class _Version(argparse.Action):
    """Looks the version up only when it is printed: the lookup takes time."""

    def __init__(self, option_strings, dest, help):
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser, *_):
        print(f"petseg {importlib.metadata.version('petseg')}")
        parser.exit()


if __name__ == "__main__":
    main()
