"""Runs a stage in this process and notes which parameters it reads."""

import dataclasses
import importlib
import os
import sys

import pytest

from petseg import cli, params, paths


def run_recording(stage: str) -> set[str]:
    """Runs a stage as its command does; the full names of the parameters it read after loading."""
    asked: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        load = params.load

        def load_and_watch(*args):
            loaded = load(*args)
            _watch(loaded, "", asked)
            return loaded

        patch.setattr(params, "load", load_and_watch)
        patch.setattr(sys, "argv", [stage])
        patch.setattr(os, "_exit", sys.exit)
        module = importlib.import_module(f"stages.{stage}")
        cli.run(module.main, module.__doc__, paths.cost(stage))
    return asked


def _watch(section, path: str, asked: set[str]) -> None:
    """Makes one section, and those inside, note each value that is read from them."""
    names = {}
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            _watch(value, f"{path}{field.name}.", asked)
        else:
            names[field.name] = f"{path}{field.name}"

    class Watched(type(section)):
        def __getattribute__(self, name):
            if name in names:
                asked.add(names[name])
            return super().__getattribute__(name)

    object.__setattr__(section, "__class__", Watched)
