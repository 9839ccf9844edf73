"""Creates a copy of this checkout with other parameters, in which the pipeline can run."""

import shutil
import subprocess
from pathlib import Path

from petseg.core import yaml12
from petseg.core.dataset_file import parse_dataset
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.params import load_params
from petseg.core.paths import PARAMS, dataset_file

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ("dvc.lock", "metrics", "plots")


def populate(folder: Path, overlay: dict, source: dict | None = None) -> None:
    """Copies the checkout's code to `folder`, as a separate Git and DVC project.

    params.yaml is merged with `overlay`, and the source section of the dataset that it names with
    `source`. Results of earlier runs in `folder` are kept; results of the checkout are not copied.
    Raises RuntimeError if the checkout is no Git repository.
    """
    for path in _project_files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)
    params = merged(yaml12.read(ROOT / "params.yaml"), overlay)
    text = yaml12.dump(params)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    if source:
        path = folder / dataset_file(params["dataset"]["name"])
        dataset = merged(yaml12.read(path), {"source": source})
        path.write_text(yaml12.dump(dataset), encoding="utf-8")
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=folder, check=True)


def commit(folder: Path, message: str) -> None:
    """Commits all changes in `folder` that Git does not ignore.

    Sets a name and address in `folder` if Git has none: DVC experiments need them for their commits
    too.
    """

    def git(*arguments: str, check: bool = True) -> int:
        options = {"cwd": folder, "check": check, "stdout": subprocess.DEVNULL}
        return subprocess.run(["git", *arguments], **options).returncode

    for key, value in (("user.name", "petseg"), ("user.email", "petseg@localhost")):
        if git("config", "--get-regexp", f"^{key}$", check=False):
            git("config", key, value)
    git("add", "--all")
    if git("diff", "--cached", "--quiet", check=False):
        git("-c", "commit.gpgSign=false", "commit", "--quiet", "--no-verify", "--message", message)


def merged(base: dict, overlay: dict) -> dict:
    """Returns `base` with the values of `overlay`, merged at any depth."""
    result = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = merged(base[key], value) if both else value
    return result


def committed_dataset() -> DatasetSpec:
    """Returns the dataset that the checkout's params.yaml names."""
    name = load_params(ROOT / PARAMS).dataset.name
    path = ROOT / dataset_file(name)
    return parse_dataset(yaml12.read(path), name, path)


def _project_files() -> list[Path]:
    """Returns the files that Git tracks or would track here, without results."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        raise RuntimeError(f"{ROOT} is not a Git repository; clone the project with git")
    paths = [Path(name) for name in listed.stdout.split("\0") if name]
    return [p for p in paths if p.parts[0] not in RESULTS and (ROOT / p).is_file()]
