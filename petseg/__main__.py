"""The commands: petseg inspect, check, labels, report, predict, export, serve,
compare."""

import argparse
import importlib
import importlib.metadata
import sys

COMMANDS = {
    "inspect": "look at a folder of images and masks, and propose a dataset.yaml",
    "check": "check params.yaml and the inputs that it names, before dvc repro",
    "labels": "find the masks that are most likely wrong",
    "predict": "segment images: masks, outlines and cutouts",
    "export": "write a network as SavedModel, TFLite and ONNX, and check each",
    "serve": "a page to try the networks on, and an API for scripts",
    "report": "one page on the last run, to be sent around",
    "compare": "compare the scores and parameters of two revisions",
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="petseg",
        description=__doc__,
        epilog="\n".join(f"  {name:8} {what}" for name, what in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version, and end")
    parser.add_argument("command", choices=COMMANDS, help="petseg COMMAND --help tells more")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        importlib.import_module(f"petseg.app.{options.command}").main(options.arguments)
    except ModuleNotFoundError as error:
        package = (error.name or "petseg").partition(".")[0]
        if package == "petseg":
            raise
        sys.exit(
            f"error: petseg {options.command} needs more packages, {package} among them: "
            "pip install 'petseg[train]', or in a clone: make setup"
        )


class _Version(argparse.Action):
    """Looks the version up only where it is asked for, as that takes time."""

    def __init__(self, option_strings, dest, help):
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser, *_):
        print(f"petseg {importlib.metadata.version('petseg')}")
        parser.exit()


if __name__ == "__main__":
    main()
