"""auto follows the hardware; other values are used as given."""

import pytest
import tensorflow as tf

from petseg.training import precision


@pytest.fixture
def machine(monkeypatch):
    """Simulates CPU flags and GPU compute capabilities."""

    def pretend(flags=(), gpus=()):
        monkeypatch.setattr(precision, "_cpu_flags", lambda: set(flags))
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(gpus))
        monkeypatch.setattr(
            tf.config.experimental,
            "get_device_details",
            lambda gpu: {"compute_capability": gpu},
        )

    return pretend


@pytest.mark.parametrize(
    ("flags", "gpus", "expected"),
    [
        (["avx2"], [], "float32"),
        (["avx512_bf16"], [], "mixed_bfloat16"),
        (["amx_bf16", "avx512_bf16"], [], "mixed_bfloat16"),
        ([], [(8, 0)], "mixed_bfloat16"),
        (["amx_bf16"], [(7, 5)], "mixed_float16"),
        ([], [(9, 0), (7, 0)], "mixed_float16"),
        ([], [(9, 0), (6, 1)], "float32"),
    ],
)
def test_auto_selects_the_precision_of_the_hardware(machine, flags, gpus, expected):
    machine(flags, gpus)
    policy, reason = precision.resolve("auto")
    assert policy == expected
    assert "CPU" in reason or "GPU" in reason


@pytest.mark.parametrize("requested", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_params_override_the_hardware(machine, requested):
    machine(["amx_bf16"])
    assert precision.resolve(requested) == (requested, "as params.yaml says")
