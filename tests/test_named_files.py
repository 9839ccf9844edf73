"""Files of the project that its code, settings and pages name are there."""

import re
import subprocess

from tests.helpers import ROOT

FOLDERS = "benchmarks|docs|params|petseg|scripts|stages|tests"
NAMED = re.compile(rf"(?<![\w/.{{*-])(?:{FOLDERS})/[\w/.-]+\.(?:md|png|py|yaml)\b")


def tracked() -> list[str]:
    command = ["git", "ls-files", "-z", "*.md", "*.py", "*.toml", "*.yaml", "Makefile"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split("\0")[:-1]


def test_named_files_exist():
    missing, found = [], 0
    for name in tracked():
        for path in NAMED.findall((ROOT / name).read_text(encoding="utf-8")):
            found += 1
            if not (ROOT / path).is_file():
                missing.append(f"{name} names {path}")
    assert found > 100
    assert missing == []
