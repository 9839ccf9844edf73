"""Selects the training precision."""

import platform
from pathlib import Path

import tensorflow as tf

BFLOAT16_CPU_FLAGS = ("amx_bf16", "avx512_bf16")


def resolve(requested: str) -> tuple[str, str]:
    """Returns the Keras dtype policy for `requested` (auto or a policy), and the reason.

    GPUs have bfloat16 from compute capability 8.0 on, and float16 in tensor cores from 7.0 on. A
    CPU without 16-bit support is many times slower in it.
    """
    if requested != "auto":
        return requested, "as params.yaml says"
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capabilities = [
            tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
            for gpu in gpus
        ]
        if min(capabilities) >= (8, 0):
            return "mixed_bfloat16", "every GPU has bfloat16"
        if min(capabilities) >= (7, 0):
            return "mixed_float16", "not every GPU has bfloat16, but all have float16"
        return "float32", "not every GPU has tensor cores"
    found = [flag for flag in BFLOAT16_CPU_FLAGS if flag in _cpu_flags()]
    if found:
        return "mixed_bfloat16", f"the CPU has {' and '.join(found)}"
    return "float32", "the CPU has no bfloat16 arithmetic"


def _cpu_flags() -> set[str]:
    information = Path("/proc/cpuinfo")
    if platform.system() != "Linux" or not information.exists():
        return set()
    for line in information.read_text(encoding="utf-8").splitlines():
        if line.startswith("flags"):
            return set(line.split(":", 1)[1].split())
    return set()
