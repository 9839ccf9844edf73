"""Parameters that are valid alone but contradict each other."""

import pytest

from petseg.core import params
from tests.helpers.changed_params import changed, mistakes


@pytest.mark.parametrize(
    ("values", "mistake"),
    [
        (
            {"train_unet.loss.cross_entropy": 0, "train_unet.loss.dice": 0},
            "train_unet.loss.dice: cross_entropy is 0 too; nothing would be learnt",
        ),
        (
            {"train_shallow.augmentation.scale": [1.1, 0.8]},
            "train_shallow.augmentation.scale: the lower end 1.1 is above the upper end 0.8",
        ),
        (
            {"train_shallow.warmup_epochs": 31},
            "train_shallow.warmup_epochs: 31.0 is more than epochs: 30",
        ),
        (
            {"train_unet.input_range": [1, -1]},
            "train_unet.input_range: black 1.0 is not below white -1.0",
        ),
        (
            {"train_unet.encoder_weights": "none", "train_unet.fine_tune_from": "frozen"},
            "train_unet.fine_tune_from: an encoder without weights",
        ),
        (
            {"train_unet.encoder_upscale": 2},
            "train_unet.decoder_filters: 4 upsample blocks, where encoder_upscale: 2 needs 3",
        ),
        (
            {"train_unet.decoder_filters": [64, 32]},
            "train_unet.decoder_filters: 2 upsample blocks, where encoder_upscale: 1 needs 4",
        ),
        (
            {"train_unet.encoder": "a_preset", "train_unet.fine_tune_from": "block_3"},
            "train_unet.fine_tune_from: block_3 is a block of mobilenet_v2; with encoder: a_preset",
        ),
        (
            {"train_unet.encoder": "a_preset", "train_unet.encoder_weights": "a.weights.h5"},
            "train_unet.encoder_weights: a_preset is a preset, which comes with its weights",
        ),
    ],
)
def test_contradiction_is_reported(values, mistake):
    (found,) = mistakes(changed(values))
    assert found.startswith(mistake)


@pytest.mark.parametrize(
    "values",
    [
        {"train_unet.loss.cross_entropy": 0},
        {"train_unet.loss.class_weights": {"pet": 0}},
        {"train_unet.augmentation.scale": [1, 1]},
        {"train_unet.epochs": 1, "train_unet.warmup_epochs": 1},
        {"train_unet.encoder_weights": "none"},
        {"train_unet.encoder": "a_preset"},
        {"train_unet.encoder": "a_preset", "train_unet.decoder_filters": [64, 32]},
        {"train_unet.encoder": "a_preset", "train_unet.encoder_alpha": 0.6},
        {"train_unet.fine_tune_from": "frozen"},
        {"train_unet.encoder_upscale": 4, "train_unet.decoder_filters": [64, 32]},
    ],
)
def test_consistent_values_are_accepted(values):
    params.parse_params(changed(values))


def test_all_contradictions_are_reported_at_once():
    both = {
        f"{network}.{key}": value
        for network in ("train_unet", "train_shallow")
        for key, value in {
            "loss.cross_entropy": 0,
            "loss.dice": 0,
            "augmentation.scale": [2, 1],
            "warmup_epochs": 50,
        }.items()
    }
    assert len(mistakes(changed(both | {"image_size": 33}))) == 7


def test_mistakes_and_contradictions_are_reported_together():
    content = changed(
        {
            "seed": "x",
            "train_unet.encoder_weights": "none",
            "train_unet.fine_tune_from": "frozen",
            "train_unet.decoder_filters": [64, 32],
            "train_unet.batch_size": 0,
            "train_unet.dropuot": 0.5,
            "train_unet.loss.cross_entropy": 0,
            "train_unet.loss.dice": 0,
            "train_unet.loss.label_smoothing": 2,
            "train_unet.augmentation.flip": 1,
        }
    )
    assert {line.split(": ")[0] for line in mistakes(content)} == {
        "seed",
        "train_unet.fine_tune_from",
        "train_unet.decoder_filters",
        "train_unet.batch_size",
        "train_unet.dropuot",
        "train_unet.loss.dice",
        "train_unet.loss.label_smoothing",
        "train_unet.augmentation.flip",
    }


def test_invalid_value_causes_no_contradiction():
    values = {
        "train_unet.epochs": 0,
        "train_unet.warmup_epochs": 9,
        "train_unet.encoder_upscale": 3,
    }
    found = [line.split(": ")[0] for line in mistakes(changed(values))]
    assert found == ["train_unet.epochs", "train_unet.encoder_upscale"]


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.75, 1, 1.0, 1.3, 1.4])
def test_width_with_imagenet_weights_is_accepted(alpha):
    params.parse_params(changed({"train_unet.encoder_alpha": alpha}))


def test_error_for_width_without_imagenet_weights_lists_widths():
    values = {"train_unet.encoder_alpha": 0.6}
    (mistake,) = mistakes(changed(values))
    assert mistake == (
        "train_unet.encoder_alpha: ImageNet weights exist for 0.35, 0.5, 0.75, 1.0, 1.3, 1.4, and "
        "not for 0.6; another width needs encoder_weights: none or a file"
    )
    params.parse_params(changed(values | {"train_unet.encoder_weights": "none"}))
    params.parse_params(changed(values | {"train_unet.encoder_weights": "a.weights.h5"}))
