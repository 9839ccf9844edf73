"""Two defaults for TensorFlow, set before it is imported; the environment may override both."""

import os
import platform

from petseg.core.quiet import quieten_tensorflow


def set_defaults() -> None:
    """Switches oneDNN's operations on, and limits TensorFlow's native log to errors.

    TensorFlow leaves oneDNN out on x86 CPUs without AVX-512 VNNI or AMX, where it is quicker all
    the same (docs/speed.md); TF_ENABLE_ONEDNN_OPTS=0 switches it off. For the log see
    `petseg.core.quiet`.
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    quieten_tensorflow()
