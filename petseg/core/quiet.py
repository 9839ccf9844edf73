"""Filters TensorFlow's native log by TF_CPP_MIN_LOG_LEVEL, also during the import.

The levels: 0 shows everything, 1 hides information, 2 warnings too (the default here), 3 errors
too. TensorFlow ignores the variable while it loads its libraries. They write to the file
descriptor of standard error, so this module filters the descriptor. All other lines pass. The
filter runs in a separate process, so that it still prints the last message of a crash.
"""

import importlib.abc
import importlib.machinery
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
DEFAULT_LOG_LEVEL = "2"

_HEADINGS = "WARNING: All log messages before absl::InitializeLog|To enable the following instruct"
_NO_GPU = "E.* failed call to cuInit"  # an error only where there is a GPU
_GPU_PATHS = ("/proc/driver/nvidia/gpus", "/dev/dxg")

_FILTER = """
import re, sys
unwanted = re.compile(sys.argv[1].encode())
for line in sys.stdin.buffer:
    if not unwanted.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def quieten_tensorflow() -> None:
    """Makes TensorFlow obey TF_CPP_MIN_LOG_LEVEL when it is first imported."""
    level = os.environ.setdefault(LOG_LEVEL, DEFAULT_LOG_LEVEL)
    if level in ("1", "2", "3") and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietFinder(int(level)))


def has_nvidia_gpu() -> bool:
    """Returns whether the machine has an NVIDIA GPU, even one that TensorFlow cannot use."""
    return any(Path(path).exists() for path in _GPU_PATHS)


def _unwanted_lines(level: int) -> str:
    """Returns a regular expression for the start of the native lines that `level` hides."""
    letters = "IWE"[:level]
    native = rf"[{letters}]\d{{4}} |\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [{letters}] "
    return "|".join([native, _HEADINGS] + [_NO_GPU] * (not has_nvidia_gpu()))


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as usual, and filters standard error during its import."""

    def __init__(self, level: int):
        self._level = level

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_quietly(module: ModuleType) -> None:
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                with _filtered_stderr(_unwanted_lines(self._level)):
                    execute(module)
                    module.config.list_physical_devices()  # logs its search for GPUs
                # TensorFlow Datasets logs through absl, in Python.
                logging.getLogger("absl").setLevel(logging.INFO + 10 * self._level)

            # This loader is used for this import only.
            spec.loader.exec_module = execute_quietly  # type: ignore[method-assign]
        return spec


def _second_stderr() -> int | None:
    """Flushes standard error and duplicates its descriptor. Returns None if there is none."""
    try:
        sys.stderr.flush()
        return os.dup(2)
    except (AttributeError, OSError):
        return None


@contextmanager
def without_native_messages() -> Iterator[None]:
    """Discards output to descriptor 2, for libraries that also raise what they print."""
    if (stderr := _second_stderr()) is None:
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)


@contextmanager
def _filtered_stderr(unwanted: str) -> Iterator[None]:
    """Removes lines that begin with `unwanted` from the output to descriptor 2."""
    if (stderr := _second_stderr()) is None:
        yield
        return
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _FILTER, unwanted],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C must not stop the filter
    ) as process:
        assert process.stdin is not None  # it is a pipe
        os.dup2(process.stdin.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            process.stdin.close()
