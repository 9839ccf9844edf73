"""How to restore the results that DVC removed before a stage failed."""

import contextlib
import os
import shlex
import subprocess
from pathlib import Path


def way_back() -> str:
    """Returns a message with the commands that restore the failed stage's last results.

    Returns "" if DVC did not start this process, if it runs the stage in a temporary folder
    (`dvc exp run --temp`), or if nothing is missing or can be restored.
    """
    stage = os.environ.get("DVC_STAGE")
    if not stage:
        return ""
    commands = []
    with contextlib.suppress(Exception):  # no error here may hide why the stage failed
        from dvc.repo import Repo  # the import takes a second

        with Repo() as repo:
            if Path(repo.root_dir).samefile(os.environ["DVC_ROOT"]):
                (found,) = repo.stage.collect(stage.rpartition(":")[2])
                gone = [out for out in found.outs if out.hash_info and not out.exists]
                cached = [str(o) for o in gone if o.use_cache and not o.changed_cache()]
                in_git = _tracked([str(out) for out in gone if not out.use_cache])
                if cached:
                    commands.append(f"dvc checkout {shlex.join(cached)}")
                if in_git:
                    commands.append(f"git checkout -- {shlex.join(in_git)}")
    if not commands:
        return ""
    listed = "".join(f"\n  {command}" for command in commands)
    return f"DVC removed this stage's last results before it started. To restore them:{listed}"


def _tracked(names: list[str]) -> list[str]:
    if not names:
        return []
    command = ["git", "ls-files", "-z", "--", *names]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return [name for name in found.stdout.split("\0") if name]
