"""The rival starts from the same weights, and the table compares both."""

import sys

import numpy as np
import pytest

from benchmarks import torch_rival
from petseg.core.errors import PetsegError
from petseg.models.encoders import mobilenet_v2


@pytest.fixture(scope="module")
def model():
    return mobilenet_v2.build((32, 32), 0.35)


def test_every_weight_gets_one_torchvision_name(model):
    tensors = torch_rival.as_torch(model)
    assert len(tensors) == len(model.weights) == 52 * (1 + 4)
    assert sum(tensor.size for tensor in tensors.values()) == model.count_params()
    modules = {name.rpartition(".")[0] for name in tensors}
    inner = [f"features.{block}.conv" for block in range(2, 18)]
    assert modules == {
        *(f"features.{block}.{part}" for block in (0, 18) for part in (0, 1)),
        *(f"features.1.conv.{part}" for part in ("0.0", "0.1", "1", "2")),
        *(f"{block}.{p}" for block in inner for p in ("0.0", "0.1", "1.0", "1.1", "2", "3")),
    }


def test_kernels_are_transposed_to_output_input_height_width(model):
    tensors = torch_rival.as_torch(model)
    for layer, name in {
        "Conv1": "features.0.0",
        "block_3_expand": "features.4.conv.0.0",
        "expanded_conv_depthwise": "features.1.conv.0.0",
        "block_3_depthwise": "features.4.conv.1.0",
        "block_16_project": "features.17.conv.2",
    }.items():
        (kernel,) = model.get_layer(layer).get_weights()
        found = tensors[f"{name}.weight"]
        if "depthwise" in layer:
            np.testing.assert_array_equal(found[5, 0], kernel[:, :, 5, 0])
            assert found.shape[1] == 1
        else:
            np.testing.assert_array_equal(found[3, 2], kernel[:, :, 2, 3])


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("/no/such/python", "/no/such/python cannot be run"),
        (sys.executable, "has no segmentation_models.pytorch .*pip install -r benchmarks"),
    ],
)
def test_environment_without_torch_is_refused(python, message):
    with pytest.raises(PetsegError, match=message):
        torch_rival.require_torch(python)


def test_ratio_is_ours_over_theirs():
    common = {"parameters": 1000, "seconds": 60.0, "images": 600, "mean_iou": 0.5}
    common["regions"] = {"pet": 0.75}
    rows = [{"title": t, "images_per_second": r} | common for t, r in (("ours", 30), ("U", 6))]
    *_, ours, theirs = torch_rival.table(rows).splitlines()
    assert ours == "| ours | 1,000 | 30.0 | 1.00 | 60 | 600 | 0.5000 | 0.7500 |"
    assert theirs == "| U | 1,000 | 6.0 | 5.00 | 60 | 600 | 0.5000 | 0.7500 |"
