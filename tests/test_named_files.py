"""Files and folders of the project that its code, settings and pages name are there."""

import re
import subprocess

from tests.helpers import ROOT

FOLDERS = "benchmarks|docs|params|petseg|stages|tests|tools"
NAMED = re.compile(
    rf"(?<![\w/.{{*-])(?:{FOLDERS})/[\w/-]+(?![\w{{*<])(?:\.(?:md|png|py|txt|yaml)\b)?(?!\.\w)"
)
PLACEHOLDER = "NAME"
ELSEWHERE = ("petseg/pretrained", "docs/reference")
"""Folders of the installed package and of a built site."""


def tracked() -> list[str]:
    command = ["git", "ls-files", "-z", "*.md", "*.py", "*.toml", "*.yaml", "Makefile"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split("\0")[:-1]


def test_named_files_and_folders_exist():
    missing, found = [], 0
    for name in tracked():
        for path in NAMED.findall((ROOT / name).read_text(encoding="utf-8")):
            found += 1
            elsewhere = PLACEHOLDER in path or path.startswith(ELSEWHERE)
            if not elsewhere and not (ROOT / path).exists():
                missing.append(f"{name} names {path}")
    assert found > 50
    assert missing == []
