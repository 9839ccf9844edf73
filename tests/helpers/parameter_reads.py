"""Runs a stage in this process, and records which parameters it reads."""

import importlib
import os
import sys

import pytest

from petseg.core import stage_runner
from petseg.core.params import load_params
from petseg.core.strict import Section


def run_recording(stage: str) -> set[str]:
    """Runs a stage as its command does; returns the full names of the parameters that it reads."""
    asked: set[str] = set()

    def load_and_watch() -> Section:
        loaded = load_params()
        _watch(loaded, "", asked)
        return loaded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [stage])
        patch.setattr(os, "_exit", sys.exit)
        module = importlib.import_module(f"stages.{stage}")
        patch.setattr(module, "load_params", load_and_watch)
        stage_runner.run(module.main, stage)
    return asked


def _watch(section: Section, path: str, asked: set[str]) -> None:
    """Makes a section, and the sections in it, note each value that is read."""
    names = {}
    for name, value in section:
        if isinstance(value, Section):
            _watch(value, f"{path}{name}.", asked)
        else:
            names[name] = f"{path}{name}"

    class Watched(type(section)):
        def __getattribute__(self, name):
            if name in names:
                asked.add(names[name])
            return super().__getattribute__(name)

        def __iter__(self):  # of dict(section)
            return ((name, getattr(self, name)) for name in type(self).model_fields)

        def model_dump(self):
            return {
                name: value.model_dump() if isinstance(value, Section) else value
                for name, value in self
            }

    object.__setattr__(section, "__class__", Watched)
