"""Prints a script that completes petseg's commands, options and files.

    petseg completion bash > ~/.local/share/bash-completion/completions/petseg
    petseg completion zsh > ~/.zfunc/_petseg       # in a folder of $fpath
    petseg completion tcsh > ~/.petseg.tcsh        # in ~/.tcshrc: source ~/.petseg.tcsh

The script lacks options of commands whose packages are missing: print it again after updating
petseg or installing petseg[train].
"""

import argparse
import importlib

import shtab

from petseg import __main__ as root
from petseg.app import commands

PATHS = {"FILE": shtab.FILE, "FOLDER": shtab.DIRECTORY, "IMAGE_OR_FOLDER": shtab.FILE}
"""What completes an argument, by metavar."""


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, build_parser(), arguments)


def build_parser() -> argparse.ArgumentParser:
    parser = commands.parser("completion", __doc__)
    parser.add_argument("shell", choices=shtab.SUPPORTED_SHELLS, help="the shell to complete in")
    return parser


def _main(options: argparse.Namespace) -> int:
    print(shtab.complete(whole_parser(), options.shell))
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """Returns petseg's parser, with all commands as subparsers."""
    parser = root.build_parser()
    subparsers = parser.add_subparsers()
    for name, summary in root.COMMANDS.items():
        try:
            found = importlib.import_module(f"petseg.app.{name}").build_parser()
        except ModuleNotFoundError as error:
            if root.missing_package(error) is None:
                raise
            subparsers.add_parser(name, help=summary)
            continue
        for action in found._actions:
            if action.metavar in PATHS:
                action.complete = PATHS[action.metavar]
        subparsers.add_parser(
            name, help=summary, description=summary, parents=[found], add_help=False
        )
    return parser
