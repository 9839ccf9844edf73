"""The pretrained networks match the committed run, are complete, and work."""

import json

import marked
import numpy as np
import pytest
from PIL import Image

import petseg
import pretrained
from petseg.core import paths
from petseg.core.dataset_spec import SPEC_FILE, parse_spec
from petseg.core.files import file_sha256, read_json
from petseg.core.params import load_params
from petseg.prediction import default_model
from tests.helpers import ROOT
from tests.helpers.images import CHELSEA
from tests.helpers.specs import PETS

FACTS = read_json(pretrained.FACTS)
NETWORKS = pytest.mark.parametrize("network", paths.NETWORKS)


@NETWORKS
def test_files_match_the_model_card(network):
    facts, path = FACTS["networks"][network], default_model.pretrained(network)
    assert path.parent == pretrained.FOLDER
    assert facts["bytes"] == path.stat().st_size < 6_000_000
    assert facts["sha256"] == file_sha256(path)
    assert f"`{facts['sha256']}`" in pretrained.CARD.read_text(encoding="utf-8")


@NETWORKS
def test_networks_come_from_the_committed_run(network):
    facts = FACTS["networks"][network]
    assert facts["trained_model_md5"] == pretrained.locked_md5(network)
    assert tuple(facts["image_size"]) == load_params(ROOT / "params.yaml").image_size
    found = facts["validation"]
    assert found["trained"]["mean_iou"] - found["stored"]["mean_iou"] <= pretrained.MOST_LOSS


def test_model_card_matches_the_committed_scores():
    text = pretrained.CARD.read_text(encoding="utf-8")
    for name, part in pretrained.parts(FACTS).items():
        assert pretrained.MARK.format(name) + part + marked.END in text


def test_classes_are_those_of_the_dataset():
    content = json.loads((pretrained.FOLDER / SPEC_FILE).read_text(encoding="utf-8"))
    assert parse_spec(content, SPEC_FILE) == PETS


@NETWORKS
def test_shares_in_generated_images_are_the_recorded_ones(network):
    found = pretrained.generated_shares(default_model.pretrained(network))
    np.testing.assert_allclose(
        found, FACTS["networks"][network]["shares_in_generated_pictures"], atol=0.01
    )


def test_cat_in_a_new_photograph_is_found():
    """The photograph is in no training set; the face fills its left."""
    found = petseg.load(default_model.pretrained("unet")).segment(CHELSEA)
    assert found.region_shares["pet"] > 0.6
    labels = found.labels
    assert (labels[100:250, 100:300] == PETS.class_names.index("pet")).mean() > 0.95
    assert (labels[:100, 400:] == PETS.class_names.index("background")).mean() > 0.8
    with Image.open(CHELSEA) as photograph:
        assert found.cutout().size == photograph.size
