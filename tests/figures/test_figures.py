"""Every figure: it is written, shows something, clips nothing and always has the same bytes."""

from functools import partial

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from petseg.core.classes import NUM_CLASSES
from petseg.figures.breeds import display_name, per_breed
from petseg.figures.confusion import confusion_matrices, share_of_row
from petseg.figures.curves import learning_curves
from petseg.figures.pictures import predictions, samples
from tests.helpers.marks import without_warnings

ONE, TWO = ["unet"], ["unet", "shallow"]
THREE = [*TWO, "a_third_network"]
LONG_NAME = "staffordshire_bull_terrier_100"
LONG_TITLE = "The photographs of the test split that all networks together find the hardest"


def curve(epochs: int, gap: bool = False) -> pd.DataFrame:
    """A learning curve, as the stages write it; with a gap, one validation has no result."""
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


def matrices(networks: list[str]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.integers(1, 10**9, (NUM_CLASSES, NUM_CLASSES)) for name in networks}


def breed_table(networks: list[str], cats: int, dogs: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    breeds = [(f"Cat_{number}", "cat") for number in range(cats)]
    breeds += [(f"american_pit_bull_terrier_{number}", "dog") for number in range(dogs)]
    columns = ["breed", "species", "network", "mean_iou", "pet_iou", "images"]
    rows = [(*breed, name, *rng.random(2), 100) for name in networks for breed in breeds]
    return pd.DataFrame(rows, columns=columns)


def pictures(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Random photographs and masks with the leading dimensions `shape`."""
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (*shape, 16, 16, 3), np.uint8)
    return photos, rng.integers(0, NUM_CLASSES, (*shape, 16, 16), np.uint8)


def draw_samples(path, count: int = 2, versions: int = 3) -> None:
    augmented = [pictures(versions)] * count
    samples(*pictures(count), augmented, [LONG_NAME] * count, path)


def draw_predictions(path, networks: list[str], count: int = 2) -> None:
    photos, masks = pictures(count)
    ious = {network: np.linspace(0.5, 1, count) for network in networks}
    ious[networks[-1]][0] = np.nan
    predicted = dict.fromkeys(networks, masks)
    predictions(photos, masks, predicted, ious, [LONG_NAME] * count, path, LONG_TITLE)


FIGURES = {
    "curves": partial(learning_curves, {"unet": curve(12), "shallow": curve(7)}),
    "curves of one epoch": partial(learning_curves, {"unet": curve(1), "shallow": curve(1)}),
    "curves of one network": partial(learning_curves, {"unet": curve(3, gap=True)}),
    "curves of three": partial(learning_curves, {name: curve(5) for name in THREE}),
    "confusion of one": partial(confusion_matrices, matrices(ONE)),
    "confusion of two": partial(confusion_matrices, matrices(TWO)),
    "confusion of three": partial(confusion_matrices, matrices(THREE)),
    "breeds": partial(per_breed, breed_table(TWO, 12, 25)),
    "breeds of three networks": partial(per_breed, breed_table(THREE, 1, 2)),
    "breeds of one network and species": partial(per_breed, breed_table(ONE, 0, 1)),
    "samples": draw_samples,
    "samples of one": partial(draw_samples, count=1),
    "samples without augmentation": partial(draw_samples, versions=0),
    "predictions of one": partial(draw_predictions, networks=ONE),
    "predictions of two": partial(draw_predictions, networks=TWO, count=1),
    "predictions of three": partial(draw_predictions, networks=THREE),
}


@without_warnings
@pytest.mark.parametrize("name", FIGURES)
def test_figure(name, tmp_path):
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
    assert (image < 0.9).any(axis=2).mean() > 0.01, "blank"
    for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
        assert (edge == 1).all(), "something reaches the edge, and is cut there"


def test_different_input_gives_different_bytes(tmp_path):
    learning_curves({"unet": curve(5)}, tmp_path / "a.png")
    learning_curves({"unet": curve(6)}, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_the_figure_of_breeds_grows_with_their_number(tmp_path):
    per_breed(breed_table(TWO, 2, 2), tmp_path / "few.png")
    per_breed(breed_table(TWO, 12, 25), tmp_path / "many.png")
    few, many = (imread(tmp_path / name).shape[0] for name in ("few.png", "many.png"))
    assert (many - few) / 33 >= 20, "pixels for a line of 8 points at 120 dpi"


def test_breeds_without_a_score_are_drawn(tmp_path):
    table = breed_table(TWO, 1, 3).iloc[:-1]
    table.loc[table["network"] == "unet", "pet_iou"] = np.nan
    per_breed(table, tmp_path / "breeds.png")
    assert (tmp_path / "breeds.png").exists()


def test_display_name():
    assert display_name("american_pit_bull_terrier") == "American Pit Bull Terrier"
    assert display_name("Maine_Coon") == "Maine Coon"


def test_share_of_row():
    shares = share_of_row(np.array([[1, 1, 2], [0, 5, 0], [0, 0, 0]]))
    np.testing.assert_array_equal(shares[:2], [[0.25, 0.25, 0.5], [0, 1, 0]])
    assert np.isnan(shares[2]).all()
    with pytest.raises(ValueError, match="3 classes"):
        share_of_row(np.zeros((2, 2)))


def test_a_class_without_pixels_is_drawn(tmp_path):
    confusion_matrices({"unet": np.diag([3, 4, 0])}, tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").exists()


NOTHING = {
    "curves": partial(learning_curves, {}),
    "a curve": partial(learning_curves, {"unet": curve(1).iloc[:0]}),
    "confusion": partial(confusion_matrices, {}),
    "breeds": partial(per_breed, breed_table(ONE, 0, 0)),
    "samples": partial(draw_samples, count=0),
    "predictions": partial(predictions, [], [], {}, {}, [], title=""),
}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_to_draw_is_an_error(name, tmp_path):
    with pytest.raises(ValueError, match=r"no (network|epoch|breed|image)|has no epoch"):
        NOTHING[name](path=tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())


def test_pictures_that_do_not_fit_are_an_error(tmp_path):
    photos, masks = pictures(2)
    names, path = ["a", "b"], tmp_path / "figure.png"
    with pytest.raises(ValueError, match="zip"):
        samples(photos, masks[:1], [pictures(1)] * 2, names, path)
    with pytest.raises(ValueError, match="as many augmented versions"):
        samples(photos, masks, [pictures(1), pictures(2)], names, path)
    with pytest.raises(ValueError, match="scores of"):
        predictions(photos, masks, {"unet": masks}, {}, names, path, "")
    with pytest.raises(ValueError, match="zip"):
        predictions(photos, masks, {"unet": masks}, {"unet": np.ones(1)}, names, path, "")
    with pytest.raises(ValueError, match="zip"):
        predictions(photos, masks, {"unet": masks}, {"unet": np.ones(2)}, ["a"], path, "")
    assert not path.exists()
