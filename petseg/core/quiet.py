"""Keeps TensorFlow's native log out of the terminal, unless the user asks for it.

TF_CPP_MIN_LOG_LEVEL chooses what appears: 0 everything, 1 no information, 2 no warnings either
(the default here), 3 no errors. TensorFlow itself does not obey it while its libraries are loaded.
What they write then goes to the file descriptor of standard error, so that is where it is
filtered. All other lines pass. The filter is a process of its own: it still prints the last words
of a TensorFlow that crashes.
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
    """Makes TensorFlow obey TF_CPP_MIN_LOG_LEVEL when something imports it for the first time."""
    level = os.environ.setdefault(LOG_LEVEL, DEFAULT_LOG_LEVEL)
    if level in ("1", "2", "3") and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietFinder(int(level)))


def has_nvidia_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU, also one that TensorFlow cannot use."""
    return any(Path(path).exists() for path in _GPU_PATHS)


def _unwanted_lines(level: int) -> str:
    """A regular expression for the beginning of the native lines that `level` leaves out."""
    letters = "IWE"[:level]
    native = rf"[{letters}]\d{{4}} |\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [{letters}] "
    return "|".join([native, _HEADINGS] + [_NO_GPU] * (not has_nvidia_gpu()))


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as usual, and filters standard error while it is executed."""

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
                    module.config.list_physical_devices()  # which looks for GPUs, and says so
                # The same for what TensorFlow Datasets writes from Python.
                logging.getLogger("absl").setLevel(logging.INFO + 10 * self._level)

            # Only this loader, which belongs to this import.
            spec.loader.exec_module = execute_quietly  # type: ignore[method-assign]
        return spec


def _second_stderr() -> int | None:
    """Another descriptor of standard error, whose buffer is empty; None where there is none."""
    try:
        sys.stderr.flush()
        return os.dup(2)
    except (AttributeError, OSError):
        return None


@contextmanager
def without_native_messages() -> Iterator[None]:
    """Drops what this process writes to descriptor 2, as a library does that raises its errors."""
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
    """Leaves lines that begin with `unwanted` out of what this process writes to descriptor 2."""
    if (stderr := _second_stderr()) is None:
        yield
        return
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _FILTER, unwanted],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for this process, not for the filter
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
