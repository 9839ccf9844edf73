"""Figures show something, clip nothing and have reproducible bytes."""

from functools import partial

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from petseg.core.dataset_spec import VOID, DatasetSpec
from petseg.figures import groups
from petseg.figures.confusion import confusion_matrices, share_of_row
from petseg.figures.curves import learning_curves
from petseg.figures.groups import per_group
from petseg.figures.pictures import predictions, samples
from tests.helpers.images import assert_drawn
from tests.helpers.marks import without_warnings
from tests.helpers.specs import CELLS, PAINTED, PETS, STREET

ONE, TWO = ["unet"], ["unet", "shallow"]
THREE = [*TWO, "a_third_network"]
LONG_NAME = "staffordshire_bull_terrier_100"
LONG_TITLE = "The images of the test split that all networks together find the hardest, by mean IoU"


def curve(epochs: int, gap: bool = False) -> pd.DataFrame:
    """A learning curve as in the stages; `gap` leaves out a validation."""
    steps = np.arange(1, epochs + 1)
    table = {"epoch": steps, "learning_rate": 1e-3}
    for prefix, worse in (("", 0.0), ("val_", 0.1)):
        table[prefix + "loss"] = 1 / steps + worse
        table[prefix + "mean_iou"] = 0.8 - 0.5 / steps - worse
        table[prefix + "pixel_accuracy"] = 0.9 - 0.5 / steps - worse
    curve = pd.DataFrame(table)
    if gap:
        curve.loc[1, ["val_loss", "val_mean_iou"]] = np.nan
    return curve


def matrices(networks: list[str], classes: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(1, 10**9, (classes, classes)) for name in networks}


def confusion(networks: list[str], classes: int = 3):
    """Returns a function that draws matrices; many classes get long names."""
    names = PETS.class_names if classes == 3 else [f"{LONG_NAME}{i}" for i in range(classes)]
    return partial(confusion_matrices, matrices(networks, classes), names)


def group_table(networks: list[str], **sizes: int) -> pd.DataFrame:
    """Returns scores; `sizes` are numbers of groups by column."""
    rng = np.random.default_rng(0)
    found = [(column, f"{LONG_NAME}{i}") for column, size in sizes.items() for i in range(size)]
    columns = ["column", "group", "network", "images", "mean_iou"]
    rows = [(*group, name, 100, rng.random()) for name in networks for group in found]
    return pd.DataFrame(rows, columns=columns)


def pictures(
    *shape: int, spec: DatasetSpec = PETS, size: tuple[int, int] = (16, 16)
) -> tuple[np.ndarray, np.ndarray]:
    """Random images and masks with some void; leading dimensions `shape`."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (*shape, *size, 3), np.uint8)
    masks = rng.integers(0, len(spec.classes), (*shape, *size), np.uint8)
    masks[..., 0, 0] = VOID
    return images, masks


def draw_samples(path, count: int = 2, versions: int = 3, **kind) -> None:
    augmented = [pictures(versions, **kind)] * count
    names, spec = [LONG_NAME] * count, kind.get("spec", PETS)
    samples(*pictures(count, **kind), augmented, names, spec, path)


def draw_predictions(path, networks: list[str], count: int = 2, name=LONG_NAME, **kind) -> None:
    images, masks = pictures(count, **kind)
    ious = {network: np.linspace(0.5, 1, count) for network in networks}
    ious[networks[-1]][0] = np.nan
    predicted = dict.fromkeys(networks, masks)
    names, spec = [name] * count, kind.get("spec", PETS)
    predictions(images, masks, predicted, ious, names, spec, path, LONG_TITLE)


FIGURES = {
    "curves": partial(learning_curves, {"unet": curve(12), "shallow": curve(7)}),
    "curves of one epoch": partial(learning_curves, {"unet": curve(1), "shallow": curve(1)}),
    "curves of one network": partial(learning_curves, {"unet": curve(3, gap=True)}),
    "curves of three": partial(learning_curves, {name: curve(5) for name in THREE}),
    "confusion of one": confusion(ONE),
    "confusion of two": confusion(TWO),
    "confusion of three": confusion(THREE),
    "confusion of 2 classes": confusion(TWO, classes=2),
    "confusion of 12 classes": confusion(ONE, classes=12),
    "confusion of 20 classes": confusion(TWO, classes=20),
    "groups": partial(per_group, group_table(TWO, breed=37, species=2)),
    "groups of three networks": partial(per_group, group_table(THREE, city=3)),
    "one group of one network": partial(per_group, group_table(ONE, plate=1)),
    "very many groups": partial(per_group, group_table(ONE, video=200)),
    "samples": draw_samples,
    "samples of two classes": partial(draw_samples, spec=CELLS, size=(8, 40)),
    "samples of three colours": partial(draw_samples, spec=PAINTED, size=(40, 8)),
    "samples of 20 classes": partial(draw_samples, spec=STREET, size=(16, 32), versions=1),
    "samples of one": partial(draw_samples, count=1),
    "samples without augmentation": partial(draw_samples, versions=0),
    "predictions of one": partial(draw_predictions, networks=ONE),
    "predictions of two": partial(draw_predictions, networks=TWO, count=1),
    "predictions of three": partial(draw_predictions, networks=THREE),
    "predictions of 20 classes": partial(
        draw_predictions, networks=ONE, spec=STREET, size=(8, 64), name=5 * LONG_NAME
    ),
}


@without_warnings
@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_reproducible_and_not_clipped(name, tmp_path):
    draw = FIGURES[name]
    path, again = tmp_path / "new" / "figure.png", tmp_path / "again.png"
    draw(path=path)
    with matplotlib.rc_context({"font.size": 20, "savefig.facecolor": "red"}):
        draw(path=again)
    assert path.read_bytes() == again.read_bytes(), "depends on more than its input"
    assert [entry.name for entry in path.parent.iterdir()] == ["figure.png"]
    assert b"Software" not in path.read_bytes()

    image = imread(path)[..., :3]
    height, width, _ = image.shape
    assert min(height, width) > 150
    assert_drawn(image)


def test_different_input_gives_different_bytes(tmp_path):
    learning_curves({"unet": curve(5)}, tmp_path / "a.png")
    learning_curves({"unet": curve(6)}, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def image_of(draw, path) -> np.ndarray:
    draw(path=path)
    return imread(path)


def test_group_figure_grows_with_the_number_of_groups(tmp_path):
    few = image_of(partial(per_group, group_table(TWO, breed=4)), tmp_path / "few.png")
    many = image_of(partial(per_group, group_table(TWO, breed=37)), tmp_path / "many.png")
    assert (len(many) - len(few)) / 33 >= 20, "pixels per line of 8 points at 120 dpi"


def test_only_the_lowest_of_many_groups_are_drawn(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(groups, "save", lambda figure, path: drawn.append(figure))
    table = group_table(TWO, breed=2, video=100)
    per_group(table, tmp_path / "never.png")
    few, many = drawn[0].axes
    assert few.get_title(loc="left") == "breed"
    assert many.get_title(loc="left") == "video: the 60 lowest of 100"
    shown = many.lines[0].get_xdata()
    unet = table[(table["network"] == "unet") & (table["column"] == "video")]["mean_iou"]
    np.testing.assert_array_equal(shown, sorted(unet)[:60])


def test_group_without_a_score_is_drawn(tmp_path):
    table = group_table(TWO, breed=3).iloc[:-1]
    table.loc[table["network"] == "unet", "mean_iou"] = np.nan
    per_group(table, tmp_path / "groups.png")
    assert (tmp_path / "groups.png").exists()


def test_panels_have_the_aspect_ratio_of_the_images(tmp_path):
    one = partial(draw_samples, count=1)
    square, wide, tall = (
        image_of(partial(one, size=size), tmp_path / "figure.png").shape
        for size in ((16, 16), (16, 48), (48, 16))
    )
    assert wide[1] > 1.4 * square[1] and wide[0] < square[0]
    assert tall[0] > 1.3 * square[0] and tall[1] < square[1]


def test_confusion_of_many_classes_has_no_numbers_and_limited_width(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("petseg.figures.confusion.save", lambda figure, path: drawn.append(figure))
    for classes in (3, 12, 13, 150):
        confusion(ONE, classes)(path=tmp_path / "never.png")
    widths = [figure.get_figwidth() for figure in drawn]
    assert widths == sorted(widths) and widths[-1] < 20
    assert [len(figure.axes[0].texts) for figure in drawn] == [9, 144, 0, 0]


def test_share_of_row_normalises_rows_and_checks_the_shape():
    shares = share_of_row(np.array([[1, 1, 2], [0, 5, 0], [0, 0, 0]]), 3)
    np.testing.assert_array_equal(shares[:2], [[0.25, 0.25, 0.5], [0, 1, 0]])
    assert np.isnan(shares[2]).all()
    with pytest.raises(ValueError, match="3 classes"):
        share_of_row(np.zeros((2, 2)), 3)


def test_confusion_with_an_empty_class_is_drawn(tmp_path):
    confusion_matrices({"unet": np.diag([3, 4, 0])}, PETS.class_names, tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").exists()


NOTHING = {
    "curves": partial(learning_curves, {}),
    "a curve": partial(learning_curves, {"unet": curve(1).iloc[:0]}),
    "confusion": confusion([]),
    "groups": partial(per_group, group_table(ONE)),
    "samples": partial(draw_samples, count=0),
    "predictions": partial(predictions, [], [], {}, {}, [], PETS, title=""),
}


@pytest.mark.parametrize("name", NOTHING)
def test_figure_without_data_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"no (network|epoch|group|image)|has no epoch"):
        NOTHING[name](path=tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())


def test_pictures_of_different_lengths_are_refused(tmp_path):
    images, masks = pictures(2)
    names, path = ["a", "b"], tmp_path / "figure.png"
    with pytest.raises(ValueError, match="zip"):
        samples(images, masks[:1], [pictures(1)] * 2, names, PETS, path)
    with pytest.raises(ValueError, match="augmented versions differ"):
        samples(images, masks, [pictures(1), pictures(2)], names, PETS, path)
    with pytest.raises(ValueError, match="scores of"):
        predictions(images, masks, {"unet": masks}, {}, names, PETS, path, "")
    with pytest.raises(ValueError, match="zip"):
        predictions(images, masks, {"unet": masks}, {"unet": np.ones(1)}, names, PETS, path, "")
    with pytest.raises(ValueError, match="zip"):
        predictions(images, masks, {"unet": masks}, {"unet": np.ones(2)}, ["a"], PETS, path, "")
    assert not path.exists()
