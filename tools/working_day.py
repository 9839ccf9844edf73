"""Records docs/working_day.md: updates demo/ and runs the page's commands in a copy of it.

`--check` writes nothing, and fails where the page differs in more than numbers.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import marked
from workspace import ROOT

PAGE = ROOT / "docs" / "working_day.md"
DEMO = ROOT / "demo"
CHANGE = ("12", "4")
"""The epochs of the shallow network in demo/params.yaml, and in the experiment."""

Step = tuple[str, str]
"""A command, and what is shown of the lines that it prints: a regular expression."""

EXPERIMENT: list[Step] = [
    ("git checkout -b fewer-epochs", ""),
    ("# in params.yaml: train_shallow.epochs: {} -> {}".format(*CHANGE), ""),
    ("dvc repro", r"Stage '|Running stage"),
    ("dvc params diff main", "."),
    ("dvc metrics diff main", r"Path|.*unet_minus_shallow|metrics/shallow.json +[dimpr]\S+ "),
    ("dvc plots diff main          # a page with the curves, matrices and groups of both", ""),
    ('git commit -a -m "Train the shallow network for 4 epochs"', ""),
]
COMPARISON: list[Step] = [
    ("petseg compare main HEAD --groups 3", r"REV|network|shallow| +[*o]|breed:|Param|  train"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the page, write nothing")
    check = parser.parse_args().check
    subprocess.run([sys.executable, "tools/demo.py"], cwd=ROOT, check=True)
    before = PAGE.read_text(encoding="utf-8")
    after = before
    for name, text in record():
        after = marked.replaced(after, begin(name), marked.END, text)
    if check:
        sys.exit(difference(before, after))
    PAGE.write_text(after, encoding="utf-8")


def begin(name: str) -> str:
    return f"<!-- {name}: tools/working_day.py -->\n"


def record() -> Iterator[tuple[str, str]]:
    """Runs the commands; yields the name and the Markdown of each part of the page."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "demo"
        _run(f"git clone --quiet --branch main {DEMO} {folder}", Path(parent))
        _run(f"dvc cache dir --local {DEMO / '.dvc' / 'cache'}", folder)
        _run("dvc checkout --quiet", folder)
        for name, steps in (("experiment", EXPERIMENT), ("comparison", COMPARISON)):
            yield name, "```console\n" + "".join(_played(step, folder) for step in steps) + "```\n"
    commit = _run("git rev-parse --short HEAD", ROOT).strip()
    yield "source", f"Recorded from commit `{commit}` on {date.today()}.\n"


def difference(before: str, after: str) -> int | str:
    """0 where two pages have the same shape, else a message with the lines that differ."""
    lines = list(
        difflib.unified_diff(shape(before), shape(after), "page", "recorded", lineterm="", n=0)
    )
    mend = f"error: {PAGE.name} is outdated; run: python tools/working_day.py"
    return "\n".join([*lines, mend]) if lines else 0


def shape(text: str) -> list[str]:
    """Returns the lines of a page without what differs: numbers, stars, groups, spaces, order.

    DVC lists the metrics files in changing order.
    """
    text = re.sub(r"commit `\w+`", "commit", text).replace(" *\n", "\n")
    text = re.sub(r"[-+]?\d+(\.\d+)?", "N", text)
    text = re.sub(
        r"^shallow +[^ .]+ +N N", "shallow group N N", re.sub(r" +", " ", text), flags=re.M
    )
    return sorted(line for line in text.splitlines() if line != "...")


def shown(command: str, printed: str, pattern: str) -> str:
    """A command, and the lines that begin with `pattern`; "..." stands for others."""
    lines = [f"$ {command}"]
    for line in printed.splitlines() if pattern else ():
        if re.match(pattern, line):
            lines.append(line.rstrip())
        elif lines[-1] != "...":
            lines.append("...")
    return "".join(f"{line}\n" for line in lines)


def _played(step: Step, folder: Path) -> str:
    command, pattern = step
    print(f"$ {command}", flush=True)
    if command.startswith("#"):
        _edit(folder / "params.yaml")
        return shown(command, "", "")
    return shown(command, _run(command, folder), pattern)


def _edit(path: Path) -> None:
    """Changes the epochs of the shallow network, and nothing else, in a params.yaml."""
    before, section, rest = path.read_text(encoding="utf-8").partition("train_shallow:")
    old, new = (f"epochs: {count}\n" for count in CHANGE)
    if old not in rest:
        sys.exit(f"error: {path} has no {old.strip()!r} in train_shallow")
    path.write_text(before + section + rest.replace(old, new, 1), encoding="utf-8")


def _run(command: str, folder: Path) -> str:
    """What a command prints; Git gets a name for its commits, which not every machine has."""
    environment = os.environ | {"GIT_AUTHOR_NAME": "petseg", "GIT_AUTHOR_EMAIL": "petseg@localhost"}
    environment |= {"GIT_COMMITTER_NAME": "petseg", "GIT_COMMITTER_EMAIL": "petseg@localhost"}
    options = {"cwd": folder, "env": environment, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    done = subprocess.run(command, shell=True, **options)
    if done.returncode:
        sys.exit(f"error: {command} ended with exit code {done.returncode}\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
