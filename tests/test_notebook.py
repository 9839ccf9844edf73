"""The notebook runs from start to end in a fresh kernel, and is committed without outputs."""

import json
import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers import ROOT

NOTEBOOK = ROOT / "notebooks" / "five_steps.ipynb"
STEPS = ("Libraries and dataset", "Preprocess", "Define the models", "Train", "See and score")
PICTURES = 10
SHORTER = {
    "train_unet": {"epochs": 8, "final_epochs_without_geometry": 2},
    "train_shallow": {"epochs": 6, "final_epochs_without_geometry": 2},
}
"""The notebook's CHANGES here: less than half of the time, and both networks still learn."""


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)


def test_committed_notebook_is_valid_and_has_five_steps(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for number, step in enumerate(STEPS, 1):
        assert re.search(rf"^## {number} {step}", text, re.MULTILINE), step


def test_committed_notebook_has_no_outputs(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [cell.source for cell in code if cell.outputs or cell.execution_count] == []
    verify = [sys.executable, "-m", "nbstripout", "--verify", NOTEBOOK]
    stripped = subprocess.run(verify, capture_output=True, text=True)
    assert stripped.returncode == 0, f"run: nbstripout {NOTEBOOK.relative_to(ROOT)}"


def test_notebook_links_lead_to_pages_and_headings(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!https?:)([^)#]+)#?([^)]*)\)", text)
    assert any(heading for _, heading in links)
    for page, heading in links:
        content = (NOTEBOOK.parent / page).read_text(encoding="utf-8")
        anchors = {line.strip("# ").lower().replace(" ", "-") for line in content.splitlines()}
        assert heading in anchors | {""}, (page, heading)


@pytest.mark.slow
def test_notebook_runs_anywhere_and_both_networks_beat_the_baseline(
    notebook, tmp_path, monkeypatch
):
    cwd = tmp_path / "any folder"
    cwd.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PETSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PETSEG_OFFLINE_DIR", raising=False)
    (settings,) = [cell for cell in notebook.cells if "\nCHANGES = {}" in cell.source]
    settings.source += f"\nCHANGES = {SHORTER}"
    notebook.cells.append(nbformat.v4.new_code_cell("print(score_table.to_json())"))
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(cwd)}})
    client.execute()

    mean_iou = json.loads(notebook.cells[-1].outputs[0].text)["mean_iou"]
    assert mean_iou["baseline"] + 0.1 < mean_iou["shallow"] < mean_iou["unet"]
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", ()) for output in outputs) == PICTURES
    assert [path.name for path in cwd.iterdir()] == ["notebook_run"]
