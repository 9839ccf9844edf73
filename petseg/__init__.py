"""Pet segmentation with TensorFlow.

Whatever of this package is imported, TensorFlow uses its oneDNN operations from then on: it leaves
them out by itself on x86 CPUs without AVX-512 VNNI or AMX, where they are quicker all the same
(benchmarks/README.md). TF_ENABLE_ONEDNN_OPTS=0 in the environment switches them off.
"""

import os
import platform

if platform.machine().lower() in ("x86_64", "amd64"):
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
