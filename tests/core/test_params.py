"""params.yaml is read strictly: one message reports all mistakes with their full keys."""

import copy
import json
from functools import reduce

import pytest
from pydantic import ValidationError
from workspace import merged

from petseg.core import params, yaml12
from petseg.core.errors import PetsegError
from tests.helpers import ROOT
from tests.helpers.changed_params import KEYS, SECTIONS, SHIPPED, changed, load_text, mistakes
from tests.helpers.processes import run_python


def test_shipped_params_load_unchanged():
    loaded = params.load_params(ROOT / "params.yaml")
    assert json.loads(json.dumps(loaded.model_dump())) == SHIPPED
    assert isinstance(loaded.train_unet.decoder_filters, tuple)


@pytest.mark.parametrize("size", [(96, 160), [96, 160]])
def test_image_size_list_is_height_and_width(size):
    assert params.parse_params(changed({"image_size": size})).image_size == (96, 160)
    assert params.parse_params(changed({"image_size": 96})).image_size == (96, 96)


WEIGHTS = "train_unet.loss.class_weights"
NO_WEIGHTS = "should be balanced, or a weight for each class that is named"
NO_SIZE = "should be a multiple of 32 from 32 to 4096, or two of them: [height, width]"


@pytest.mark.parametrize(
    ("given", "loaded"),
    [
        ({}, {}),
        ({"border": 2}, {"border": 2.0}),
        ({"any class of any dataset": 0, 7: 0.5}, {"any class of any dataset": 0.0, "7": 0.5}),
        ("balanced", "balanced"),
    ],
)
def test_class_weights_are_named_or_balanced(given, loaded):
    """params.yaml is read before the dataset, so any class name is accepted."""
    assert params.parse_params(changed({WEIGHTS: given})).train_unet.loss.class_weights == loaded


def test_demo_overlay_changes_only_existing_keys():
    overlay = yaml12.read(ROOT / "params" / "demo.yaml")
    loaded = params.parse_params(merged(SHIPPED, overlay))
    assert loaded.dataset.name == "generated_pets"
    assert loaded.train_unet.learning_rate == overlay["train_unet"]["learning_rate"]
    assert loaded.train_unet.optimizer == SHIPPED["train_unet"]["optimizer"]


def test_params_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        params.parse_params(SHIPPED).seed = 1


def test_integer_is_accepted_as_float():
    learning_rate = params.parse_params(
        changed({"train_unet.learning_rate": 1})
    ).train_unet.learning_rate
    assert (learning_rate, type(learning_rate)) == (1.0, float)


@pytest.mark.parametrize("path", KEYS)
def test_missing_key_is_reported(path):
    content = copy.deepcopy(SHIPPED)
    *above, key = path.split(".")
    del reduce(dict.get, above, content)[key]
    assert mistakes(content) == [f"{path}: missing"]


@pytest.mark.parametrize("path", KEYS)
def test_wrong_type_is_reported_at_its_key(path):
    """A wrong element of a list of any length is reported with its index."""
    listed = path in ("preprocess.beam_options", "train_unet.decoder_filters", "evaluate.subsets")
    for wrong in (None, b"bytes", {}, [[]]) if listed else (None, b"bytes", [], [[]]):
        element = "[0]" * (listed and wrong == [[]])
        named = [line.split(": ")[0] for line in mistakes(changed({path: wrong}))]
        assert named == [path + element]


@pytest.mark.parametrize("section", ["", *SECTIONS])
def test_unknown_key_is_reported(section):
    path = f"{section}.colour".lstrip(".")
    assert mistakes(changed({path: 1})) == [f"{path}: unknown key"]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("seed", "42", "'42' should be a whole number"),
        ("seed", 42.0, "42.0 should be a whole number"),
        ("seed", True, "True should be a whole number"),
        ("train_unet.learning_rate", "1e-3", "'1e-3' should be a number"),
        ("train_unet.learning_rate", "nan", "'nan' should be a number"),
        ("train_unet.learning_rate", "inf", "'inf' should be a number"),
        ("train_unet.learning_rate", "fast", "'fast' should be a number"),
        ("train_unet.learning_rate", False, "False should be a number"),
        ("train_unet.dropout", 10**400, f"{10**400} is too large"),
        ("train_unet.encoder_upscale", True, "True should be a whole number"),
        ("train_shallow.deterministic", 1, "1 should be true or false"),
        ("train_shallow.deterministic", "yes", "'yes' should be true or false"),
        ("train_unet.encoder_weights", 1.0, "1.0 should be a text"),
        ("train_unet.input_range", [0.0, 1.0, 2.0], "[0.0, 1.0, 2.0] should be a list of 2"),
        ("train_unet.input_range", [0.0], "[0.0] should be a list of 2"),
        ("train_unet.input_range", {0.0, 1.0}, "{0.0, 1.0} should be a list"),
        ("train_unet.decoder_filters", 512, "512 should be a list"),
        ("train_unet.decoder_filters[2]", [512, 256, 64.0], "64.0 should be a whole number"),
        (WEIGHTS, [1, 1, 2], f"[1, 1, 2] {NO_WEIGHTS}"),
        (WEIGHTS, "even", f"'even' {NO_WEIGHTS}"),
        (WEIGHTS, {"pet": True}, "True of pet should be a number from 0 to 1000"),
        (WEIGHTS, {"pet": 1, "border": "2"}, "'2' of border should be a number from 0 to 1000"),
        (WEIGHTS, {"pet": {"a": 1}}, "{'a': 1} of pet should be a number from 0 to 1000"),
        ("train_unet.loss", [1, 2], "expected keys and values"),
        ("evaluate", 64, "expected keys and values"),
    ],
)
def test_wrong_type_is_explained(path, value, reason):
    """The message names a wrong element of a list."""
    assert mistakes(changed({path.partition("[")[0]: value})) == [f"{path}: {reason}"]


NO_FOLDER = r"should match pattern '^[\w-][\w.-]*$'"
NAN, INFINITY = float("nan"), float("inf")
STARTS = ["frozen", "stem", *map("level_{}".format, range(1, 6))]
STARTS += map("block_{}".format, range(1, 16))
BLOCKS = ", ".join(f"'{start}'" for start in STARTS) + " or 'block_16'"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("seed", -1, "-1 should be greater than or equal to 0"),
        ("seed", 2**31, "2147483648 should be less than 2147483648"),
        ("image_size", 0, f"0 {NO_SIZE}"),
        ("image_size", 4128, f"4128 {NO_SIZE}"),
        ("image_size", 112, f"112 {NO_SIZE}"),
        ("image_size", 128.0, f"128.0 {NO_SIZE}"),
        ("image_size", True, f"True {NO_SIZE}"),
        ("image_size", [128], f"[128] {NO_SIZE}"),
        ("image_size", [128, 96, 3], f"[128, 96, 3] {NO_SIZE}"),
        ("image_size", [128, 100], f"[128, 100] {NO_SIZE}"),
        ("image_size", [[128], 128], f"[[128], 128] {NO_SIZE}"),
        ("image_size", {"height": 128}, f"{{'height': 128}} {NO_SIZE}"),
        ("dataset.name", "../elsewhere", f"'../elsewhere' {NO_FOLDER}"),
        ("dataset.name", "a\n", f"'a\\n' {NO_FOLDER}"),
        ("dataset.name", "", f"'' {NO_FOLDER}"),
        ("preprocess.validation_share", 0, "0 should be greater than 0"),
        ("preprocess.validation_share", 1.0, "1.0 should be less than 1"),
        ("train_unet.learning_rate", 0.0, "0.0 should be greater than 0"),
        ("train_unet.learning_rate", NAN, "nan should be a finite number"),
        ("train_unet.learning_rate", INFINITY, "inf should be a finite number"),
        ("train_unet.weight_decay", NAN, "nan should be a finite number"),
        ("train_unet.loss.dice", -INFINITY, "-inf should be a finite number"),
        (WEIGHTS, {"pet": NAN}, "nan of pet should be a number from 0 to 1000"),
        (WEIGHTS, {"pet": INFINITY}, "inf of pet should be a number from 0 to 1000"),
        (WEIGHTS, {"pet": -1}, "-1 of pet should be a number from 0 to 1000"),
        (WEIGHTS, {"pet": 1001}, "1001 of pet should be a number from 0 to 1000"),
        (
            "train_unet.augmentation.scale[0]",
            [0.0, 1.0],
            "0.0 should be greater than or equal to 0.05",
        ),
        ("train_unet.encoder_upscale", 3, "3 should be one of 1, 2, 4"),
        ("train_unet.encoder_upscale", 8, "8 should be less than or equal to 4"),
        ("train_unet.decoder_filters[0]", [0, 1, 1], "0 should be greater than or equal to 1"),
        ("train_unet.fine_tune_from", "block_17", f"'block_17' should be {BLOCKS}"),
        ("train_unet.fine_tune_from", "block_1\n", f"'block_1\\n' should be {BLOCKS}"),
        ("train_shallow.optimizer", "Adam", "'Adam' should be 'adamw', 'adam' or 'sgd'"),
    ],
)
def test_value_out_of_range_is_explained(path, value, reason):
    assert mistakes(changed({path.partition("[")[0]: value})) == [f"{path}: {reason}"]


def test_all_mistakes_are_reported_at_once():
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


def with_learning_rate(number: str) -> str:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    return text.replace("learning_rate: 0.005", f"learning_rate: {number}")


@pytest.mark.parametrize("number", ["1e-05", "5E-5", "1e+30", ".5e3", "0o17", "1"])
def test_all_yaml_number_formats_are_accepted(tmp_path, number):
    loaded = load_text(tmp_path, with_learning_rate(number)).train_shallow.learning_rate
    assert loaded == (15 if number == "0o17" else float(number))


@pytest.mark.parametrize("number", [".inf", ".nan", "'1e-05'", "1e"])
def test_unusable_number_is_refused(tmp_path, number):
    with pytest.raises(PetsegError, match=r"train_shallow\.learning_rate: "):
        load_text(tmp_path, with_learning_rate(number))


def test_integer_key_is_unknown(tmp_path):
    with pytest.raises(PetsegError, match=r"\n  - 1: unknown key"):
        load_text(tmp_path, with_learning_rate("1") + "1: 2\n")


def test_error_for_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(PetsegError, match=r"params\.yaml not found; run from the project's root"):
        params.load_params(tmp_path / "params.yaml")


def test_import_does_not_load_tensorflow():
    code = "import petseg.core.params, sys; assert 'tensorflow' not in sys.modules"
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
