"""dvc.yaml says what each stage reads and writes: no cached result is stale, none lost in vain."""

from pathlib import Path

import pytest
from import_graph import imported_files

from petseg.core import params, paths, yaml12
from petseg.core.strict import Section
from tests.helpers import ROOT
from tests.helpers.tiny import STAGES

DVC = yaml12.read(ROOT / "dvc.yaml")["stages"]
CODE = ("petseg/", "stages/")
DATASET = "datasets/${dataset.name}"

RUN_BEFORE = {
    "petseg/__init__.py": "sets defaults of TensorFlow; what else it gives, no stage uses",
    "stages/__init__.py": "checks parameters and inputs before a stage starts, and changes nothing",
}
"""Code that every stage imports and that is no dep of any, and why no result depends on it."""


def test_the_trained_networks_are_artifacts():
    artifacts = yaml12.read(ROOT / "dvc.yaml")["artifacts"]
    assert list(artifacts) == list(paths.NETWORKS)
    for name, artifact in artifacts.items():
        assert artifact["path"] in DVC[f"train_{name}"]["outs"]
        assert artifact["type"] == "model" and artifact["desc"] and artifact["labels"]


def test_stages_are_the_six():
    assert tuple(DVC) == STAGES
    assert all(DVC[stage]["cmd"] == f"python -m stages.{stage}" for stage in STAGES)


def test_each_stage_is_described_in_a_line():
    descriptions = [DVC[stage]["desc"] for stage in STAGES]
    assert all(len(line.splitlines()) == 1 for line in descriptions)
    assert len(set(descriptions)) == len(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_s_script_fits_on_a_screen(stage):
    assert len((ROOT / f"stages/{stage}.py").read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize("stage", STAGES)
def test_deps_on_code_are_folders_and_the_stage_s_script(stage):
    code = [dep for dep in DVC[stage]["deps"] if dep.startswith(CODE)]
    folders = [dep for dep in code if (ROOT / dep).is_dir()]
    assert sorted(code) == sorted([*folders, f"stages/{stage}.py"])


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_imports_lies_in_its_deps_and_each_of_them_is_imported(stage):
    imported = imported_files(ROOT / f"stages/{stage}.py", ROOT)
    assert RUN_BEFORE.keys() <= imported
    imported -= RUN_BEFORE.keys()
    deps = [dep for dep in DVC[stage]["deps"] if dep.startswith(CODE)]
    assert [name for name in sorted(imported) if not _under(name, deps)] == []
    assert [dep for dep in deps if not any(_under(name, [dep]) for name in imported)] == []


def test_no_code_that_is_run_before_a_stage_is_a_dep():
    assert not [name for name in RUN_BEFORE for stage in STAGES if name in DVC[stage]["deps"]]


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_exactly_the_keys_that_the_stage_reads(stage, tiny_run):
    declared = {key for name in DVC[stage]["params"] for key in _leaves(name)}
    assert declared == tiny_run.asked[stage]


@pytest.mark.parametrize("stage", STAGES)
def test_outs_are_exactly_what_the_stage_writes(stage, tiny_run):
    assert not [out for out in _outs(stage) if not (tiny_run.folder / out).exists()]


def test_every_file_of_the_run_is_an_out_or_a_run_report(tiny_run):
    outs = {out for stage in STAGES for out in _outs(stage)}
    reports = {paths.run_report(stage).as_posix() for stage in STAGES}
    assert reports <= tiny_run.written
    others = tiny_run.written - reports - {"params.yaml"}
    assert [name for name in sorted(others) if not _under(name, outs)] == []


def test_a_run_report_is_never_the_same_twice_and_is_no_out():
    folder = paths.run_report("any").parent.as_posix()
    files = [name for stage in STAGES for name in (*_outs(stage), *DVC[stage]["deps"])]
    assert not [name for name in files if _under(name, [folder]) or _under(folder, [name])]


def test_the_folder_of_the_dataset_is_a_dep_of_download_alone():
    """Whatever lies in it, an edited mask too; what later stages read of it, download brings."""
    assert {stage for stage in STAGES if DATASET in DVC[stage]["deps"]} == {"download"}
    path = paths.dataset_file("${dataset.name}")
    assert path.parent.as_posix() == DATASET
    assert DVC["download"]["params"][0] == "dataset", "DVC takes the name from params.yaml"


def test_each_dep_on_data_is_an_out_of_an_earlier_stage_or_inside_one():
    so_far: list[str] = [DATASET]
    for stage in STAGES:
        data = [dep for dep in DVC[stage]["deps"] if not dep.startswith(CODE)]
        assert all(any(f"{dep}/".startswith(f"{out}/") for out in so_far) for dep in data)
        so_far += _outs(stage)


def test_what_shows_photographs_is_cached_and_what_is_compared_lies_in_git():
    photographs = {paths.SAMPLES_FIGURE, paths.PREDICTIONS_FIGURE, paths.HARDEST_FIGURE}
    for stage in STAGES:
        for out in _declared(stage):
            name = out if isinstance(out, str) else next(iter(out))
            in_git = isinstance(out, dict) and out[name]["cache"] is False
            compared = name.startswith(("metrics/", "plots/"))
            assert in_git == (compared and name not in map(str, photographs)), name


@pytest.mark.parametrize("stage", STAGES)
def test_no_out_keeps_a_stage_from_the_run_cache(stage):
    assert all(isinstance(out, str) for out in DVC[stage].get("outs", []))


def _outs(stage: str) -> list[str]:
    return [out if isinstance(out, str) else next(iter(out)) for out in _declared(stage)]


def _declared(stage: str) -> list:
    return [out for kind in ("outs", "metrics", "plots") for out in DVC[stage].get(kind, [])]


def _under(name: str, places) -> bool:
    """Whether a file or folder is one of some places or lies below one."""
    return any(Path(name).is_relative_to(place) for place in places)


def _leaves(name: str) -> set[str]:
    """The full names of all values at or below a key of params.yaml."""
    value = params.load_params(ROOT / "params.yaml")
    for part in name.split("."):
        value = getattr(value, part)
    if not isinstance(value, Section):
        return {name}
    return {leaf for key, _ in value for leaf in _leaves(f"{name}.{key}")}
