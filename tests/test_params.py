"""params.yaml is read strictly: every mistake in one message, by its key's full path."""

import copy
import dataclasses
import json
import subprocess
import sys
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workspace import merged

from petseg import params, yaml12
from petseg.errors import PetsegError
from tests.helpers import ROOT

SHIPPED = yaml12.read(ROOT / "params.yaml")


def paths(content: dict, above: str = "") -> list[str]:
    """The dotted paths of all keys, those of sections included."""
    found = []
    for key, value in content.items():
        found.append(above + key)
        found += paths(value, f"{above}{key}.") if isinstance(value, dict) else []
    return found


KEYS = paths(SHIPPED)
SECTIONS = [path for path in KEYS if isinstance(reduce(dict.get, path.split("."), SHIPPED), dict)]


def changed(values: dict[str, object]) -> dict:
    """The shipped parameters with other values at dotted paths."""
    content = copy.deepcopy(SHIPPED)
    for path, value in values.items():
        *above, key = path.split(".")
        reduce(dict.get, above, content)[key] = value
    return content


def mistakes(content: object) -> list[str]:
    with pytest.raises(PetsegError) as caught:
        params.parse(content, "here")
    headline, *lines = str(caught.value).splitlines()
    assert headline == f"here has {len(lines)} mistake{'s' if len(lines) > 1 else ''}:"
    assert all(line.startswith("  - ") for line in lines)
    return [line[4:] for line in lines]


def load_text(tmp_path: Path, text: str) -> params.Params:
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    return params.load(tmp_path / "params.yaml")


def test_the_shipped_params_load_with_all_their_values():
    loaded = params.load(ROOT / "params.yaml")
    assert json.loads(json.dumps(dataclasses.asdict(loaded))) == SHIPPED
    assert isinstance(loaded.train_unet.decoder_filters, tuple)


def test_the_demo_overlay_changes_only_keys_that_exist():
    overlay = yaml12.read(ROOT / "params" / "demo.yaml")
    loaded = params.parse(merged(SHIPPED, overlay))
    assert loaded.dataset.name == "synthetic"
    assert loaded.train_unet.learning_rate == overlay["train_unet"]["learning_rate"]
    assert loaded.train_unet.optimizer == SHIPPED["train_unet"]["optimizer"]


def test_params_cannot_be_changed_after_loading():
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.parse(SHIPPED).seed = 1


def test_a_whole_number_is_taken_where_any_number_is_meant():
    learning_rate = params.parse(changed({"train_unet.learning_rate": 1})).train_unet.learning_rate
    assert (learning_rate, type(learning_rate)) == (1.0, float)


@pytest.mark.parametrize("path", KEYS)
def test_a_missing_key_is_named(path):
    content = copy.deepcopy(SHIPPED)
    *above, key = path.split(".")
    del reduce(dict.get, above, content)[key]
    assert mistakes(content) == [f"{path}: missing"]


@pytest.mark.parametrize("path", KEYS)
def test_a_value_of_a_wrong_type_is_named(path):
    for wrong in (None, b"bytes", [], [[]]):
        assert [line.split(": ")[0] for line in mistakes(changed({path: wrong}))] == [path]


@pytest.mark.parametrize("section", ["", *SECTIONS])
def test_an_unknown_key_is_named(section):
    path = f"{section}.colour".lstrip(".")
    assert mistakes(changed({path: 1})) == [f"{path}: unknown key"]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("seed", "42", "'42' is not a whole number"),
        ("seed", 42.0, "42.0 is not a whole number"),
        ("seed", True, "True is not a whole number"),
        ("train_unet.learning_rate", "1e-3", "'1e-3' is not a number"),
        ("train_unet.learning_rate", "nan", "'nan' is not a number"),
        ("train_unet.learning_rate", "inf", "'inf' is not a number"),
        ("train_unet.learning_rate", "fast", "'fast' is not a number"),
        ("train_unet.learning_rate", False, "False is not a number"),
        ("train_unet.dropout", 10**400, f"{10**400} is too large"),
        ("train_shallow.deterministic", 1, "1 is not true or false"),
        ("train_shallow.deterministic", "yes", "'yes' is not true or false"),
        ("train_unet.encoder_weights", 1.0, "1.0 is not a text"),
        ("train_unet.input_range", [0.0, 1.0, 2.0], "[0.0, 1.0, 2.0] is not a list of 2"),
        ("train_unet.decoder_filters", 512, "512 is not a list"),
        ("train_unet.decoder_filters", [512, 256, 64.0], "64.0 is not a whole number"),
        ("train_unet.loss.class_weights", [1, 1, True], "True is not a number"),
        ("train_unet.loss", [1, 2], "expected keys and values"),
        ("evaluate", 64, "expected keys and values"),
    ],
)
def test_a_wrong_type_is_explained(path, value, reason):
    assert mistakes(changed({path: value})) == [f"{path}: {reason}"]


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("seed", -1, "-1 is not between 0 and 2147483647"),
        ("seed", 2**31, "2147483648 is not between 0 and 2147483647"),
        ("image_size", 0, "0 is not between 32 and 4096"),
        ("dataset.name", "imagenet", "'imagenet' is not one of oxford_iiit_pet, synthetic"),
        ("preprocess.validation_share", 0, "0.0 is not strictly between 0 and 1"),
        ("preprocess.validation_share", 1.0, "1.0 is not strictly between 0 and 1"),
        ("train_unet.learning_rate", 0.0, "0.0 is not strictly between 0 and inf"),
        ("train_unet.learning_rate", NAN, "nan is not strictly between 0 and inf"),
        ("train_unet.learning_rate", INFINITY, "inf is not strictly between 0 and inf"),
        ("train_unet.weight_decay", NAN, "nan is not between 0 and 10"),
        ("train_unet.loss.dice", -INFINITY, "-inf is not between 0 and 1000"),
        ("train_unet.loss.class_weights", [1, NAN, 1], "nan is not between 0 and 1000"),
        ("train_unet.augmentation.scale", [0.0, 1.0], "0.0 is not between 0.05 and 4"),
        ("train_unet.enlarge", 3, "3 is not one of 1, 2, 4"),
        ("train_unet.decoder_filters", [0, 1, 1], "0 is not between 1 and 4096"),
        ("train_unet.fine_tune_from", "block_17", "'block_17' is not frozen, stem, or block_1 to "),
        ("train_unet.fine_tune_from", "block_1\n", "'block_1\\n' is not frozen, stem, or block_1"),
        ("train_shallow.optimizer", "Adam", "'Adam' is not one of adamw, adam, sgd"),
    ],
)
def test_a_value_out_of_range_is_explained(path, value, reason):
    (mistake,) = mistakes(changed({path: value}))
    assert mistake.startswith(f"{path}: {reason}")


@pytest.mark.parametrize(
    ("values", "mistake"),
    [
        ({"image_size": 100}, "image_size: 100 is not a multiple of 32"),
        (
            {"train_unet.loss.cross_entropy": 0, "train_unet.loss.dice": 0},
            "train_unet.loss: cross_entropy and dice are both 0",
        ),
        (
            {"train_shallow.loss.class_weights": [0, 0, 0]},
            "train_shallow.loss.class_weights: all are 0",
        ),
        (
            {"train_shallow.augmentation.scale": [1.1, 0.8]},
            "train_shallow.augmentation.scale: the lower end 1.1 is above the upper end 0.8",
        ),
        (
            {"train_unet.encoder_weights": "none", "train_unet.fine_tune_from": "frozen"},
            "train_unet.fine_tune_from: an encoder without weights",
        ),
        (
            {"train_unet.enlarge": 1},
            "train_unet.decoder_filters: 3 upsample blocks, where enlarge: 1 needs 4",
        ),
        (
            {"train_unet.decoder_filters": [64, 32]},
            "train_unet.decoder_filters: 2 upsample blocks, where enlarge: 2 needs 3",
        ),
    ],
)
def test_a_contradiction_between_values_is_explained(values, mistake):
    (found,) = mistakes(changed(values))
    assert found.startswith(mistake)


@pytest.mark.parametrize(
    "values",
    [
        {"image_size": 96},
        {"train_unet.loss.cross_entropy": 0},
        {"train_unet.loss.class_weights": [0, 0, 1]},
        {"train_unet.augmentation.scale": [1, 1]},
        {"train_unet.epochs": 1, "train_unet.warmup_epochs": 1},
        {"train_unet.encoder_weights": "none"},
        {"train_unet.fine_tune_from": "frozen"},
        {"train_unet.enlarge": 4, "train_unet.decoder_filters": [64, 32]},
    ],
)
def test_what_only_looks_like_a_contradiction_is_taken(values):
    params.parse(changed(values))


def test_all_mistakes_are_named_at_once():
    content = changed(
        {
            "seed": "x",
            "preprocess.validation_share": 2,
            "train_unet.loss.dise": 0.5,
            "train_shallow.augmentation.scale": [1],
        }
    )
    del content["visualize"]["samples"]
    assert {line.split(": ")[0] for line in mistakes(content)} == {
        "seed",
        "preprocess.validation_share",
        "train_unet.loss.dise",
        "train_shallow.augmentation.scale",
        "visualize.samples",
    }


def test_all_contradictions_are_named_at_once():
    both = {
        f"{network}.{key}": value
        for network in ("train_unet", "train_shallow")
        for key, value in {
            "loss.cross_entropy": 0,
            "loss.dice": 0,
            "loss.class_weights": [0, 0, 0],
            "augmentation.scale": [2, 1],
            "warmup_epochs": 50,
        }.items()
    }
    assert len(mistakes(changed(both | {"image_size": 33}))) == 9


@pytest.mark.parametrize("content", [None, [], "text", 3])
def test_a_file_without_keys_is_refused(content):
    assert mistakes(content) == ["the file: expected keys and values"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("seed: 1\nseed: 2\n", 'duplicate key "seed"'),
        ("dataset:\n  name: a\n  name: b\n", 'duplicate key "name"'),
        ("? {a: 1}\n: 2\n", "unhashable key"),
        ("seed: [1\n", "expected ',' or ']'"),
        ("seed: !!python/object:os.system x\n", "could not determine a constructor"),
        ("seed: !!int ''\n", "cannot be read"),
        ("seed: " + "9" * 5000, "cannot be read"),
        ("[" * 5000, "cannot be read"),
    ],
    ids=lambda text: text[:24],
)
def test_what_is_not_plain_yaml_is_refused(tmp_path, text, reason):
    with pytest.raises(PetsegError) as caught:
        load_text(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'params.yaml'} cannot be read: ")
    assert reason in str(caught.value)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PetsegError, match=r"params\.yaml cannot be read"):
        params.load(tmp_path / "params.yaml")


def with_learning_rate(number: str) -> str:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    return text.replace("learning_rate: 0.005", f"learning_rate: {number}")


@pytest.mark.parametrize("number", ["1e-05", "5E-5", "1e+30", ".5e3", "0o17", "1"])
def test_every_number_of_yaml_is_a_number(tmp_path, number):
    loaded = load_text(tmp_path, with_learning_rate(number)).train_shallow.learning_rate
    assert loaded == (15 if number == "0o17" else float(number))


@pytest.mark.parametrize("number", [".inf", ".nan", "'1e-05'", "1e"])
def test_what_is_no_usable_number_is_refused(tmp_path, number):
    with pytest.raises(PetsegError, match=r"train_shallow\.learning_rate: "):
        load_text(tmp_path, with_learning_rate(number))


def test_a_key_that_is_no_text_is_unknown(tmp_path):
    with pytest.raises(PetsegError, match=r"\n  - 1: unknown key"):
        load_text(tmp_path, with_learning_rate("1") + "1: 2\n")


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(PetsegError, match=r"params\.yaml not found; run from the project's root"):
        params.load(tmp_path / "params.yaml")


def test_tensorflow_is_not_imported():
    code = "import petseg.params, sys; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**400)])
    | st.floats()
    | st.text()
    | st.dates()
    | st.binary()
)
yaml_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(KEYS) | st.text() | st.integers(), inner, max_size=5)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(yaml_values)
def test_anything_else_than_the_whole_is_refused(content):
    with pytest.raises(PetsegError, match="mistake"):
        params.parse(content)


@settings(deadline=None)
@given(st.sampled_from(KEYS), yaml_values)
def test_any_value_at_any_key_is_taken_or_named(path, value):
    try:
        params.parse(changed({path: value}))
    except PetsegError as error:
        assert f"\n  - {path}" in str(error)


def test_a_few_lines_that_hold_billions_of_values_are_refused_in_a_short_message(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    text = "\n".join([*lines, "seed: *a11", "train_unet: {decoder_filters: *a11}"])
    with pytest.raises(PetsegError, match=r"seed: \[.*\.\.\.\] is not a whole number") as caught:
        load_text(tmp_path, text)
    assert len(str(caught.value)) < 10_000


TEXTS = {path.rpartition(".")[2] for path in KEYS} | set("{}[]&*!|>-?: \n'\"%@#,~") | {"  ", "<<"}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | st.lists(st.sampled_from(sorted(TEXTS)) | st.text()).map("".join))
def test_whatever_a_file_holds_is_refused_by_our_own_error(tmp_path, content):
    data = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
    (tmp_path / "params.yaml").write_bytes(data)
    with pytest.raises(PetsegError):
        params.load(tmp_path / "params.yaml")


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.75, 1, 1.0, 1.3, 1.4])
def test_a_width_with_imagenet_weights_is_taken(alpha):
    params.parse(changed({"train_unet.encoder_alpha": alpha}))


def test_a_width_without_imagenet_weights_names_those_with_them():
    values = {"train_unet.encoder_alpha": 0.6}
    (mistake,) = mistakes(changed(values))
    assert mistake == (
        "train_unet.encoder_alpha: ImageNet weights exist for 0.35, 0.5, 0.75, 1.0, 1.3, 1.4, and "
        "not for 0.6; another width needs encoder_weights: none or a file"
    )
    params.parse(changed(values | {"train_unet.encoder_weights": "none"}))
    params.parse(changed(values | {"train_unet.encoder_weights": "a.weights.h5"}))
