"""dvc.yaml against the code: no cached result is ever stale, and none is thrown away in vain."""

import dataclasses

import pytest
import yaml
from conftest import ROOT, STAGES
from stage_imports import imported_files

from petseg import params, paths

DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def test_stages_are_the_six():
    assert tuple(DVC) == STAGES
    assert all(DVC[stage]["cmd"] == f"python -m stages.{stage}" for stage in STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_exactly_the_files_that_the_script_imports(stage):
    declared = {dep for dep in DVC[stage]["deps"] if dep.endswith(".py")}
    assert declared == imported_files(ROOT / "stages" / f"{stage}.py", ROOT)


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_exactly_the_keys_that_the_stage_reads(stage, tiny_run):
    declared = {key for name in DVC[stage]["params"] for key in _leaves(name)}
    assert declared == tiny_run.asked[stage]


@pytest.mark.parametrize("stage", STAGES)
def test_outs_are_exactly_what_the_stage_writes(stage, tiny_run):
    """The cost file is written around `main`, by the command alone."""
    missing = [out for out in _outs(stage) if not (tiny_run.folder / out).exists()]
    assert missing == [paths.cost(stage).as_posix()]


def test_every_file_of_the_run_is_an_out(tiny_run):
    outs = {out for stage in STAGES for out in _outs(stage)}
    written = {
        path.relative_to(tiny_run.folder).as_posix()
        for path in tiny_run.folder.rglob("*")
        if path.is_file()
    }
    ignored = ("cache/", "params.yaml", *(f"{out}/" for out in outs), *outs)
    assert not [name for name in written if not name.startswith(ignored)]


def test_each_dep_on_data_is_an_out_of_an_earlier_stage_or_inside_one():
    so_far: list[str] = []
    for stage in STAGES:
        data = [dep for dep in DVC[stage]["deps"] if not dep.endswith(".py")]
        assert all(any(f"{dep}/".startswith(f"{out}/") for out in so_far) for dep in data)
        so_far += _outs(stage)


def test_what_shows_photographs_is_cached_and_what_is_compared_lies_in_git():
    photographs = {paths.SAMPLES_FIGURE, paths.PREDICTIONS_FIGURE, paths.HARDEST_FIGURE}
    for stage in STAGES:
        for out in [*DVC[stage]["outs"], *DVC[stage].get("metrics", [])]:
            name = out if isinstance(out, str) else next(iter(out))
            in_git = isinstance(out, dict) and out[name] == {"cache": False}
            compared = name.startswith(("metrics/", "plots/"))
            assert in_git == (compared and name not in map(str, photographs)), name


def _outs(stage: str) -> list[str]:
    listed = [*DVC[stage]["outs"], *DVC[stage].get("metrics", [])]
    return [out if isinstance(out, str) else next(iter(out)) for out in listed]


def _leaves(name: str) -> set[str]:
    """The full names of all values at or below a key of params.yaml."""
    value = params.load(ROOT / "params.yaml")
    for part in name.split("."):
        value = getattr(value, part)
    if not dataclasses.is_dataclass(value):
        return {name}
    return {leaf for field in dataclasses.fields(value) for leaf in _leaves(f"{name}.{field.name}")}
