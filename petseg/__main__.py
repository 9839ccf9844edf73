"""The commands: petseg inspect, check, predict, export, serve and compare."""

import argparse
import importlib

COMMANDS = {
    "inspect": "look at a folder of images and masks, and propose a dataset.yaml",
    "check": "check params.yaml and the inputs that it names, before dvc repro",
    "predict": "segment images: masks, outlines and cutouts",
    "export": "write a network as SavedModel, TFLite and ONNX, and check each",
    "serve": "try the networks in the browser",
    "compare": "compare the scores and parameters of two revisions",
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="petseg",
        description=__doc__,
        epilog="\n".join(f"  {name:8} {what}" for name, what in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, help="petseg COMMAND --help tells more")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    importlib.import_module(f"petseg.app.{options.command}").main(options.arguments)


if __name__ == "__main__":
    main()
