"""dvc.yaml declares exactly what each stage reads and writes: no stale and no needless runs."""

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
    "petseg/__init__.py": "sets defaults of TensorFlow; no stage uses its other names",
    "stages/__init__.py": "checks parameters and inputs before a stage starts, and changes nothing",
}
"""Code that every stage imports but no stage has as a dep, and why no result depends on it."""


def test_trained_networks_are_artifacts():
    artifacts = yaml12.read(ROOT / "dvc.yaml")["artifacts"]
    assert list(artifacts) == list(paths.NETWORKS)
    for name, artifact in artifacts.items():
        assert artifact["path"] in DVC[f"train_{name}"]["outs"]
        assert artifact["type"] == "model" and artifact["desc"] and artifact["labels"]


def test_dvc_yaml_has_the_six_stages():
    assert tuple(DVC) == STAGES
    assert all(DVC[stage]["cmd"] == f"python -m stages.{stage}" for stage in STAGES)


def test_each_stage_has_a_one_line_description():
    descriptions = [DVC[stage]["desc"] for stage in STAGES]
    assert all(len(line.splitlines()) == 1 for line in descriptions)
    assert len(set(descriptions)) == len(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_stage_script_has_at_most_80_lines(stage):
    assert len((ROOT / f"stages/{stage}.py").read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_folders_and_the_stage_script(stage):
    code = [dep for dep in DVC[stage]["deps"] if dep.startswith(CODE)]
    folders = [dep for dep in code if (ROOT / dep).is_dir()]
    assert sorted(code) == sorted([*folders, f"stages/{stage}.py"])


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_exactly_what_the_stage_imports(stage):
    imported = imported_files(ROOT / f"stages/{stage}.py", ROOT)
    assert RUN_BEFORE.keys() <= imported
    imported -= RUN_BEFORE.keys()
    deps = [dep for dep in DVC[stage]["deps"] if dep.startswith(CODE)]
    assert [name for name in sorted(imported) if not _under(name, deps)] == []
    assert [dep for dep in deps if not any(_under(name, [dep]) for name in imported)] == []


def test_code_that_runs_before_every_stage_is_no_dep():
    assert not [name for name in RUN_BEFORE for stage in STAGES if name in DVC[stage]["deps"]]


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_exactly_what_the_stage_reads(stage, tiny_run):
    declared = {key for name in DVC[stage]["params"] for key in _leaves(name)}
    assert declared == tiny_run.asked[stage]


@pytest.mark.parametrize("stage", STAGES)
def test_every_out_is_written(stage, tiny_run):
    assert not [out for out in _outs(stage) if not (tiny_run.folder / out).exists()]


def test_every_written_file_is_an_out_or_a_run_report(tiny_run):
    outs = {out for stage in STAGES for out in _outs(stage)}
    reports = {paths.run_report(stage).as_posix() for stage in STAGES}
    assert reports <= tiny_run.written
    others = tiny_run.written - reports - {"params.yaml"}
    assert [name for name in sorted(others) if not _under(name, outs)] == []


def test_run_reports_are_neither_outs_nor_deps():
    folder = paths.run_report("any").parent.as_posix()
    files = [name for stage in STAGES for name in (*_outs(stage), *DVC[stage]["deps"])]
    assert not [name for name in files if _under(name, [folder]) or _under(folder, [name])]


def test_dataset_folder_is_a_dep_of_download_only():
    """Any change in it, such as an edited mask, reruns download; later stages read its outs."""
    assert {stage for stage in STAGES if DATASET in DVC[stage]["deps"]} == {"download"}
    path = paths.dataset_file("${dataset.name}")
    assert path.parent.as_posix() == DATASET
    assert DVC["download"]["params"][0] == "dataset", "DVC takes the name from params.yaml"


def test_each_data_dep_is_in_an_out_of_an_earlier_stage():
    so_far: list[str] = [DATASET]
    for stage in STAGES:
        data = [dep for dep in DVC[stage]["deps"] if not dep.startswith(CODE)]
        assert all(any(f"{dep}/".startswith(f"{out}/") for out in so_far) for dep in data)
        so_far += _outs(stage)


def test_metrics_and_plots_are_in_git_but_not_those_with_dataset_images():
    with_images = {paths.SAMPLES_FIGURE, paths.PREDICTIONS_FIGURE, paths.HARDEST_FIGURE}
    for stage in STAGES:
        for out in _declared(stage):
            name = out if isinstance(out, str) else next(iter(out))
            in_git = isinstance(out, dict) and out[name]["cache"] is False
            compared = name.startswith(("metrics/", "plots/"))
            assert in_git == (compared and name not in map(str, with_images)), name


@pytest.mark.parametrize("stage", STAGES)
def test_outs_have_no_options_that_disable_the_run_cache(stage):
    assert all(isinstance(out, str) for out in DVC[stage].get("outs", []))


def _outs(stage: str) -> list[str]:
    return [out if isinstance(out, str) else next(iter(out)) for out in _declared(stage)]


def _declared(stage: str) -> list:
    return [out for kind in ("outs", "metrics", "plots") for out in DVC[stage].get(kind, [])]


def _under(name: str, parents) -> bool:
    """Returns whether a path is one of `parents` or inside one."""
    return any(Path(name).is_relative_to(parent) for parent in parents)


def _leaves(name: str) -> set[str]:
    """Returns the full names of all values at or below a key of params.yaml."""
    value = params.load_params(ROOT / "params.yaml")
    for part in name.split("."):
        value = getattr(value, part)
    if not isinstance(value, Section):
        return {name}
    return {leaf for key, _ in value for leaf in _leaves(f"{name}.{key}")}
