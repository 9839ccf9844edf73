"""`petseg inspect`: report, proposal, writing, and refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.app import inspect
from petseg.core import yaml12
from petseg.core.dataset_file import load_dataset
from tests.helpers import datasets
from tests.helpers.annotations import write_coco
from tests.helpers.commands import exit_code
from tests.helpers.inspecting import IMAGE, MASK, inspected, masks, pairs, refused, run
from tests.helpers.processes import run_python


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    """An empty project; folders of images are next to it."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


def proposed(out: str) -> dict:
    _, _, text = out.partition("writes it ---\n")
    return yaml12.parse(text.encode(), "test")


def test_report_is_followed_by_the_proposal(capsys, project):
    out = run(capsys, datasets.cells(project / "data" / "my cells", 5))
    report, _, _ = out.partition("\n--- proposal for datasets/my_cells/dataset.yaml; --write my_")
    assert report.splitlines() == [
        "data/my cells: images and masks",
        "pairs of image and mask: 5",
        "images: all 56x40; PNG, L",
        "masks: PNG, L",
        *report.splitlines()[4:7],
    ]
    assert report.splitlines()[4].split() == ["value", "pixels", "masks"]
    assert proposed(out)["source"] == {
        "type": "folder",
        "path": "../../data/my cells",
        "images": "images",
        "masks": "masks",
        "splits": {"test": 0.2},
    }
    assert "DVC tracks only files in the folder of this file" in out
    assert not Path("datasets").exists()


def test_existing_dataset_yaml_is_not_overwritten(capsys, project):
    folder = datasets.cells(project / "data", 3)
    out = run(capsys, folder, "--write", "mine")
    assert "datasets/mine/dataset.yaml is written" in out
    assert "dataset:\n  name: mine" in out and out.endswith("dvc repro\n")
    assert len(masks(load_dataset("mine"))) == 3
    before = Path("datasets/mine/dataset.yaml").read_bytes()
    _, said = refused(capsys, folder, "--write", "mine")
    assert "datasets/mine/dataset.yaml exists" in said
    assert Path("datasets/mine/dataset.yaml").read_bytes() == before
    assert [path.name for path in Path("datasets/mine").iterdir()] == ["dataset.yaml"]


def test_source_path_is_relative_only_inside_the_project(capsys, project):
    datasets.three(project / "datasets" / "inside")
    out = run(capsys, "datasets/inside")
    assert proposed(out)["source"]["path"] == "."
    assert "for datasets/inside/dataset.yaml" in out
    assert "DVC tracks only files in the folder of this file" not in out
    outside = datasets.three(project.parent / "outside")
    out = run(capsys, outside)
    assert proposed(out)["source"]["path"] == str(outside)
    assert "DVC tracks only files in the folder of this file" in out
    assert len(masks(inspected(capsys, outside).dataset)) == 3


@pytest.mark.parametrize("name", ["a/b", "..", "", "a b", ".hidden"])
def test_dataset_name_with_other_characters_is_refused(capsys, project, name):
    assert exit_code(inspect.main, pairs(project / "data", "a"), "--write", name) == 2
    assert "should be letters, digits" in capsys.readouterr().err


def test_image_sizes_are_summarized(capsys, project):
    for index, (height, width) in enumerate([(10, 40), (20, 30), (40, 60)]):
        mask = np.zeros((height, width), np.uint8)
        mask[:, :5] = 255
        datasets.write_pair(project / "data", str(index), Image.new("RGB", (width, height)), mask)
    out = run(capsys, project / "data")
    assert "images: 3 sizes, sides from 30x10 to 60x40, median 40x20; PNG, RGB" in out


def test_limit_reads_evenly_spread_masks(capsys, project):
    folder = pairs(project / "data", *(f"{number}" for number in range(9)))
    Image.fromarray(np.where(MASK, 7, 0).astype(np.uint8)).save(folder / "masks" / "8.png")
    (folder / "masks" / "1.png").write_bytes(b"")
    out = run(capsys, folder, "--limit", "3")
    assert "pairs of image and mask: 9" in out and "pairs read, spread evenly: 3;" in out
    assert "to fix" not in out
    assert [one["value"] for one in proposed(out)["classes"]] == [0, 7]
    assert proposed(out)["void"] == [255]


def test_other_layouts_and_unused_images_are_reported(capsys, project):
    folder = pairs(project / "data", "a", "b", "c")
    for path in ("labels/a", "labels/b", "labels/d", "trimaps/a"):
        (folder / path).parent.mkdir(exist_ok=True)
        Image.fromarray(MASK).save(folder / f"{path}.png")
    (folder / "extra").mkdir()
    Image.fromarray(IMAGE).save(folder / "extra" / "x.jpg")
    out = run(capsys, folder)
    assert "other layouts that fit: images and labels (2)\n" in out
    assert "images not used: extra/ (1), labels/ (3), trimaps/ (1)" in out


def coco(folder: Path, *labels: str) -> Path:
    """Writes three images with a box per label."""
    boxes = [
        [[1, 1, 9, 1, 9, 9, 1, 9]],
        [[12, 3, 25, 3, 25, 15, 12, 15]],
        [[2, 12, 8, 12, 8, 18, 2, 18]],
    ]
    annotations = [(n, *row) for n in range(3) for row in zip(labels, boxes, strict=False)]
    names = [f"{n}.png" for n in range(3)]
    write_coco(folder / "coco.json", names, (20, 30), (*labels, "unused"), annotations)
    (folder / "images").mkdir()
    for index in range(3):
        Image.fromarray(IMAGE + index).save(folder / "images" / f"{index}.png")
    return folder


def test_coco_annotations_are_drawn(capsys, project):
    found = inspected(capsys, coco(project / "data", "cat", "dog"))
    assert found.dataset.class_names == ("background", "cat", "dog")
    assert found.dataset.source.unlabelled == "background"
    assert "10.7 %      3  cat" in found.report and "26.0 %      3  dog" in found.report
    assert all(set(np.unique(mask)) == {0, 1, 2} for mask in masks(found.dataset).values())


def test_annotations_may_have_labels_for_void_and_background(capsys, project):
    found = inspected(capsys, coco(project / "data", "void", "Background", "cat"))
    assert found.dataset.class_names == ("Background", "cat")
    assert found.dataset.void == (255,)
    assert found.dataset.source.unlabelled == "Background"
    assert all(set(np.unique(mask)) == {0, 1, 255} for mask in masks(found.dataset).values())


def labelme(folder: Path) -> Path:
    """Writes images with a dog, a cat, nothing, and damaged annotations."""
    box = [[1, 1], [9, 9]]
    folder.mkdir()
    for name, labels in (("a", ["dog"]), ("b", ["cat"]), ("c", []), ("d", None)):
        shapes = [
            {"label": label, "shape_type": "rectangle", "points": box} for label in labels or ()
        ]
        content = {"shapes": shapes, "imageHeight": 20, "imageWidth": 30}
        text = json.dumps(content) if labels is not None else "{"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
        Image.fromarray(IMAGE + ord(name)).save(folder / f"{name}.png")
    return folder


def test_labelme_annotations_are_drawn(capsys, project):
    found = inspected(capsys, labelme(project / "data"))
    assert found.dataset.class_names == ("background", "cat", "dog")
    assert "1 x files that cannot be used" in found.report
    assert "d.json: d.json is not a JSON file, or is damaged" in found.report
    (project / "data" / "d.json").unlink()
    (project / "data" / "d.png").unlink()
    labels = {name: set(np.unique(mask)) for name, mask in masks(found.dataset).items()}
    assert labels == {"a": {0, 2}, "b": {0, 1}, "c": {0}}


def test_linked_folders_are_followed_but_not_in_circles(capsys, project):
    pairs(project / "data", "a", "b")
    (project / "linked").mkdir()
    for name in ("images", "masks"):
        (project / "linked" / name).symlink_to(project / "data" / name)
    (project / "linked" / "again").symlink_to(project / "linked")
    found = inspected(capsys, project / "linked")
    assert len(masks(found.dataset)) == 2
    assert "not used" not in found.report


def test_tensorflow_is_not_imported(project):
    folder = datasets.three(project / "data")
    code = "import sys\nfrom petseg.app import inspect\ntry:\n    inspect.main(sys.argv[1:])\n"
    code += "finally:\n    assert not {'tensorflow', 'keras'} & set(sys.modules)"
    done = run_python("-c", code, folder, folder=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert "pairs of image and mask: 3" in done.stdout
