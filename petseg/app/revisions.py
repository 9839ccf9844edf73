"""Reads results and parameters of Git revisions, DVC experiments and the workspace."""

import io
from pathlib import Path

import pandas as pd
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.scm import RevError
from scmrepo.exceptions import SCMError

from petseg.core import yaml12
from petseg.core.errors import PetsegError
from petseg.core.paths import PARAMS, PER_IMAGE
from petseg.evaluation import tables
from petseg.metrics import scores

WORKSPACE = "workspace"
"""DVC's name for the current files."""


def read_table(revision: str) -> pd.DataFrame:
    """Returns the per-image table; a PetsegError says how to get a missing one."""
    content = _read(revision, PER_IMAGE.as_posix())
    if content is None:
        raise PetsegError(f"{revision} has no {PER_IMAGE}. {_way(revision, 'dvc repro')}")
    try:
        columns = pd.read_csv(io.BytesIO(content), nrows=0).columns
        # Names and groups may look like NA or numbers.
        texts = [name for name in columns if name == "name" or name.startswith(tables.GROUP)]
        table = pd.read_csv(io.BytesIO(content), converters=dict.fromkeys(texts, str))
    except ValueError as error:
        raise PetsegError(f"{PER_IMAGE} of {revision} cannot be read: {error}") from None
    classes = tables.names(table, tables.CLASS) or ["NAME"]
    counts = [f"{tables.CLASS}{name}.{count}" for name in classes for count in scores.COUNTS]
    if lacking := [name for name in ("network", "name", *counts) if name not in table]:
        raise PetsegError(
            f"{PER_IMAGE} of {revision} is from another version of this project: it has no column "
            f"{', '.join(lacking)}. Run the pipeline of that revision again with the current code"
        )
    if table.empty or table.duplicated(["network", "name"]).any():
        raise PetsegError(f"{PER_IMAGE} of {revision} is empty, or has duplicated images")
    return table


def read_params(revision: str) -> dict:
    """Returns a revision's params.yaml; {} if missing."""
    data = _read(revision, PARAMS.as_posix()) or b""
    content = yaml12.parse(data, f"{PARAMS} of {revision}")
    return content if isinstance(content, dict) else {}


def _read(revision: str, path: str) -> bytes | None:
    """Returns a file from Git or DVC; None if missing."""
    known = {}
    try:
        files = DVCFileSystem(rev=None if revision == WORKSPACE else revision, subrepos=True)
        # DVC shows a revision's whole Git repository, but only the workspace's project.
        root = files.repo.root_dir if revision == WORKSPACE else files.repo.scm.root_dir
        name = f"/{(_project() / path).relative_to(Path(root).resolve()).as_posix()}"
        known = files.info(name)
        with files.open(name, mode="rb") as stream:
            return stream.read()
    except RevError:
        raise PetsegError(f"no Git revision or DVC experiment is called {revision!r}") from None
    except FileNotFoundError:
        if "md5" not in known:  # before the first run, DVC knows an out without a checksum
            return None
        where = "neither its cache nor a remote has it"
        way = _way(revision, f"dvc pull {path}", "dvc repro")
        raise PetsegError(f"DVC knows {path} of {revision}, but {where}. {way}") from None
    except (DvcException, SCMError, OSError) as error:
        raise PetsegError(f"{path} of {revision} cannot be read: {error}") from None


def _project() -> Path:
    """Returns the nearest folder with a params.yaml, upwards."""
    here = Path.cwd().resolve()
    return next((f for f in (here, *here.parents) if (f / PARAMS).is_file()), here)


def _way(revision: str, *commands: str) -> str:
    if revision == WORKSPACE:
        go, experiment = "", ""
    else:
        go = f"git checkout {revision} && "
        experiment = f"\n(if it is an experiment: dvc exp apply {revision} && ...)"
    listed = "\nor with\n".join(f"  {go}{command}" for command in commands)
    return f"Get it with\n{listed}{experiment}"
