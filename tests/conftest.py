"""Fixtures that several test files share."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.disks import SMALL_DISK, mounted
from tests.helpers.once import made_once

# A process in the background may ignore Ctrl-C; processes that tests start must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items) -> None:
    """Runs the tests of all stages first, so that no worker waits for them at the end."""
    items.sort(key=lambda item: "tiny_run" not in item.fixturenames)


# Fixtures import TensorFlow only when they are used: it takes seconds, and not every test needs it.


@pytest.fixture(scope="session")
def records_folder(tmp_path_factory) -> Path:
    """Records that are easy to learn: 24 training examples, 6 in each other split."""
    from tests.helpers.records import write_squares

    folder = tmp_path_factory.mktemp("records")
    write_squares(folder)
    return folder


@pytest.fixture(scope="session")
def encoder_weights(tmp_path_factory) -> Path:
    """The weights file of an encoder, for networks.unet(weights=...)."""
    from tests.helpers.networks import store_encoder_weights

    folder = made_once(tmp_path_factory, "encoder", store_encoder_weights)
    return next(folder.glob("*.h5"))


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """The results of all stages with tiny parameters, a pipeline.TinyRun."""
    from tests.helpers import pipeline

    return pipeline.tiny_run(made_once(tmp_path_factory, "tiny", pipeline.make_tiny_run))


@pytest.fixture
def workdir(tmp_path, monkeypatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def uninstall(monkeypatch) -> Callable[[str], None]:
    """Makes every import of a package fail, even if it is installed and loaded."""

    def hide(package: str) -> None:
        loaded = [name for name in sys.modules if name.startswith(f"{package}.")]
        for name in (package, *loaded):
            monkeypatch.setitem(sys.modules, name, None)

    return hide


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of SMALL_DISK bytes.

    Where none can be mounted, the size of single files is limited instead.
    """
    folder = tmp_path / "small disk"
    folder.mkdir()
    if mounted("-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", str(folder)):
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    else:
        resource = pytest.importorskip("resource")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_DISK, limits[1]))
        yield folder
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
