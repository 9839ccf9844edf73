"""How to get back the results that DVC removed before a stage that then failed."""

import contextlib
import os
import shlex
import subprocess
from pathlib import Path


def way_back() -> str:
    """The commands that bring back what the failed stage of this process had made before.

    "" where there are none: where DVC did not start this process, where it runs the stage in a
    folder of its own (`dvc exp run --temp`), and where nothing is missing or can be had back.
    """
    stage = os.environ.get("DVC_STAGE")
    if not stage:
        return ""
    commands = []
    with contextlib.suppress(Exception):  # whatever it is must not hide why the stage failed
        from dvc.repo import Repo  # it takes a second to come

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
    return f"DVC removed this stage's last results before it started. To have them back:{listed}"


def _tracked(names: list[str]) -> list[str]:
    if not names:
        return []
    command = ["git", "ls-files", "-z", "--", *names]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return [name for name in found.stdout.split("\0") if name]
