"""The report on a pull request has its parameters, scores and charts."""

import re

import pull_request_report
import pytest
from PIL import Image

from petseg.core import yaml12
from petseg.core.files import write_json
from tests.helpers import dvc_charts, projects


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose workspace has other results than its last commit."""
    dvc_charts.chart_project(tmp_path)
    for seed in (0, 1):
        dvc_charts.write_results(tmp_path, seed)
        write_json(tmp_path / "metrics" / "unet.json", {"mean_iou": 0.5 + seed / 4})
        (tmp_path / "params.yaml").write_text(yaml12.dump({"seed": seed}), encoding="utf-8")
        content = yaml12.read(tmp_path / "dvc.yaml") | {"metrics": ["metrics/unet.json"]}
        content |= {"params": ["params.yaml"]}
        (tmp_path / "dvc.yaml").write_text(yaml12.dump(content), encoding="utf-8")
        if not seed:
            projects.commit(tmp_path, "a run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_report_has_what_changed_and_its_charts(project, capsys):
    pull_request_report.main(["HEAD", "--charts", "charts"])
    text = capsys.readouterr().out
    assert "| params.yaml | seed" in text.replace("`", "")
    assert "| 0.25 " in text
    pictures = [project / link for link in re.findall(r"\]\((charts/[^)]+)\)", text)]
    assert len(pictures) >= 4
    for path in pictures:
        with Image.open(path) as picture:
            assert min(picture.size) > 100, path


def test_unknown_revision_is_one_message(project):
    with pytest.raises(SystemExit, match=r"^error: dvc params diff nowhere"):
        pull_request_report.main(["nowhere"])
