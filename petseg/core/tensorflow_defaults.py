"""Defaults for TensorFlow, set before its import. Environment variables override them."""

import os
import platform

from petseg.core.quiet import quieten_tensorflow


def set_defaults() -> None:
    """Enables oneDNN, and limits TensorFlow's native log to errors (see `petseg.core.quiet`).

    TensorFlow disables oneDNN on x86 CPUs without AVX-512 VNNI or AMX, but it is faster there too
    (docs/speed.md). TF_ENABLE_ONEDNN_OPTS=0 disables it.
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    quieten_tensorflow()
