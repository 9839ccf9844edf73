"""docs/results.md and docs/experiments.md agree with the committed tables and the ablation."""

import ablation
import experiments
import numpy as np
import pandas as pd
import pytest
import results

from petseg.app.compare import flat
from petseg.core import yaml12
from petseg.core.files import write_json
from petseg.evaluation import tables
from petseg.evaluation.result import Counter
from petseg.metrics import scores
from tests.helpers import ROOT
from tests.helpers.dvc_charts import matrices, per_image
from tests.helpers.specs import PETS


def table(writer, name: str) -> str:
    """Returns the text between two marks on a script's page."""
    _, _, rest = writer.PAGE.read_text(encoding="utf-8").partition(writer.MARK.format(name))
    return rest.partition(writer.END)[0]


def test_group_table_equals_plots():
    per_group = pd.read_csv(ROOT / "plots" / "per_group.csv")
    assert table(results, "groups") == results.groups(per_group)


@pytest.mark.parametrize("name", ablation.read_tables())
def test_ablation_table_equals_the_stored_results(name):
    rows, stored = ablation.read_tables()[name], ablation.read_results()
    assert table(experiments, name) == experiments.ablations(rows, stored)


def test_subset_and_its_complement_add_up_to_all_images(tmp_path, monkeypatch):
    found = matrices(np.random.default_rng(0), images=2)
    rows = per_image(found)
    file, names = tmp_path / "some.txt", rows["name"].unique()
    file.write_text("\n".join(names[::3]), encoding="utf-8")
    scored = {"images": 5, "mean_iou": 0.1, "iou": dict.fromkeys("abc", 0.2)}
    scored["regions"] = {"pet": {"iou_dataset": 0.3, "iou_per_image": 0.4}}
    monkeypatch.setattr(ablation, "FOLDER", tmp_path)
    write_json(ablation.metrics_file("tutorial"), scored | {"subsets": {"some": scored}})
    lines = [line.split(" | ") for line in results.subsets(rows, [str(file)]).splitlines()[2:]]
    assert [(title.removeprefix("| "), part) for title, part, *_ in lines] == [
        *(("U-Net", "all"), ("Shallow", "all"), ("Tutorial's recipe", "all")),
        *(("U-Net", "some"), ("Shallow", "some"), ("Tutorial's recipe", "some")),
        *(("U-Net", "not some"), ("Shallow", "not some")),
    ]
    images = [int(line[2]) for line in lines if line[0] == "| U-Net"]
    assert images == [len(names), len(names[::3]), len(names) - len(names[::3])]
    total = scores.counts(found["unet"].sum(axis=0))
    assert lines[0][3] == f"{scores.mean_iou(total):.4f}"


def test_wrong_pixels_are_listed_by_pairs_of_classes():
    counter = Counter(PETS)
    counter.add(np.array([[[90, 1, 2], [3, 80, 4], [0, 10, 10]]]))
    lines = results.wrong(tables.confusion(counter.counted(), PETS)).splitlines()[2:]
    assert lines[0] == "| border taken for background | 50.0% | 5.00% |"
    assert len(lines) == 6


def test_images_are_grouped_by_the_size_of_their_pet():
    background = [100, 90, 50, 10, 0]
    keys = ("class.pet", "class.background", "class.border", "region.pet")
    columns = [f"{key}.{count}" for key in keys for count in scores.COUNTS]
    per_image = pd.DataFrame(0, range(10), columns)
    per_image["network"] = ["unet", "shallow"] * 5
    for index, count in enumerate(background):
        rows = [2 * index, 2 * index + 1]
        per_image.loc[rows, "class.background.truth"] = count
        per_image.loc[rows, ["class.pet.truth", "region.pet.truth"]] = 100 - count
    groups = results.size_group(per_image)
    assert list(groups.cat.codes) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert next(iter(groups.cat.categories)).startswith("0% to")


def test_ablation_row_is_compared_with_the_first_row_of_the_same_seed():
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 2), ("c", 2)], names=ablation.KEY)
    values = {"epochs": 4, "seconds": 120.0, "val_mean_iou": [0.5, 0.7, 0.75, 0.8]}
    tested = {"test_mean_iou": [None, None, None, 0.6], "test_region_iou": [None, None, None, 0.9]}
    rows = {n: ablation.Row({}, f"change {n}", n == "c") for n in ("a", "b", "not run", "c")}
    found = experiments.ablations(rows, pd.DataFrame(values | tested, index)).splitlines()
    assert found[2:] == [
        "| `a` | change a | 0.6000 (0.5000 to 0.7000) |  | 4 | 2 |  |  |",
        "| `b` | change b | 0.7500 | +0.0500 | 4 | 2 |  |  |",
        "| `c` | change c | 0.8000 |  | 4 | 2 | 0.6000 | 0.9000 |",
    ]


def test_ablation_results_are_added_and_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "RESULTS", tmp_path / "results.csv")
    assert ablation.read_results().empty
    for seed, score in ((42, 0.5), (43, 0.6), (42, 0.7)):
        ablation.keep("a row", seed, {"epochs": 4, "seconds": 60.5, "val_mean_iou": score})
    assert ablation.read_results()["val_mean_iou"].to_dict() == {
        ("a row", 42): 0.7,
        ("a row", 43): 0.6,
    }


def test_ablation_rows_change_existing_parameters():
    known = flat(yaml12.read(ROOT / "params.yaml"))
    for name, row in ablation.read_rows().items():
        changes = flat(row.changes)
        assert set(changes) <= set(known)
        assert any(known[key] != value for key, value in changes.items()) or name == "committed"


def test_ablation_can_add_a_class_weight_that_params_yaml_lacks():
    changes = {"train_unet.loss.class_weights": {"border": 1.5}, "train_unet.epochs": 3}
    assert ablation.command("row", changes, "train_unet")[6:] == [
        *("-S", "++train_unet.loss.class_weights.border=1.5"),
        *("-S", "train_unet.epochs=3", "train_unet"),
    ]
