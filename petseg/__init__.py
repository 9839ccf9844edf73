"""Pet segmentation with TensorFlow.

Importing anything of this package sets two defaults for TensorFlow, which the environment may
override. oneDNN's operations are on (TF_ENABLE_ONEDNN_OPTS=1): TensorFlow leaves them out on x86
CPUs without AVX-512 VNNI or AMX, where they are quicker all the same (benchmarks/README.md). And
its native log is limited to errors (TF_CPP_MIN_LOG_LEVEL=2, see petseg/quiet.py).
"""

import os
import platform

from petseg.quiet import quieten_tensorflow

if platform.machine().lower() in ("x86_64", "amd64"):
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
quieten_tensorflow()
