"""Writes a proposed dataset.yaml, with comments on what to check."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from petseg.core import yaml12
from petseg.core.dataset_file import DatasetFile, parse_dataset
from petseg.core.errors import PetsegError
from petseg.core.paths import DATASETS, dataset_file
from petseg.inspection.classes import Proposal, ProposedClass, percent
from petseg.inspection.layouts import Layout
from petseg.inspection.tree import one_line

TEST_SHARE = 0.2

_COLUMN = 32
"""The column of comments after short lines."""

_PLAIN = re.compile(r"\.|((\.\.)?/)*[A-Za-z_][\w./-]*")
_NOT_PLAIN = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def proposed_name(folder: Path) -> str:
    """Makes a valid dataset name from the folder's name."""
    return re.sub(r"[^\w-]+", "_", folder.name).strip("_") or "dataset"


def source_path(folder: Path, name: str) -> str:
    """Returns a path relative to the folder of dataset `name`; absolute outside the project."""
    home = Path.cwd() / DATASETS / name
    inside = folder.is_relative_to(Path.cwd())
    return Path(os.path.relpath(folder, home)).as_posix() if inside else folder.as_posix()


def inspected(folder: Path, layout: Layout) -> DatasetFile:
    """Returns a dataset with placeholder classes, to list its examples."""
    source = layout.source(str(folder)) | {"splits": _splits(layout)}
    if layout.kind != "masks":
        source["unlabelled"] = "void"
    classes = [{"name": "first", "value": 0}, {"name": "second", "value": 1}]
    return parse_dataset({"source": source, "classes": classes}, "inspected", Path("dataset.yaml"))


def text(path: str, layout: Layout, proposal: Proposal, shares: Mapping, unlabelled: str) -> str:
    """Returns the content of dataset.yaml, with class shares as comments."""
    source = layout.source(path)
    if layout.kind != "masks":
        source["unlabelled"] = unlabelled
    lines = ["# Proposed by petseg inspect: read it through."]
    if Path(path).is_absolute() or path.startswith(".."):
        lines += [
            "# DVC tracks only files in the folder of this file;",
            "# petseg check detects changes in others, by names and sizes.",
        ]
    lines += ["source:", *(f"  {key}: {_scalar(value)}" for key, value in source.items())]
    lines.append("  splits:")
    for split, value in _splits(layout).items():
        lines.append(_commented(f"    {split}: {_scalar(value)}", _why(split, layout)))
    lines += [f"# {one_line(note)}" for note in proposal.notes]
    lines.append("classes:")
    entries = [_entry(one) for one in proposal.classes]
    width = max(_COLUMN, 2 + max(map(len, entries)))
    for one, entry in zip(proposal.classes, entries, strict=True):
        share = f"{percent(shares[one.mark])} of the pixels" if one.mark in shares else ""
        lines.append(_commented(entry, share, width))
    if proposal.void:
        why = "; ".join(("never counted", *proposal.void_notes))
        lines.append(_commented(f"void: [{', '.join(map(_scalar, proposal.void))}]", why, width))
    if proposal.threshold is not None:
        lines.append(f"threshold: {proposal.threshold}")
    if len(proposal.classes) == 2:
        lines.append(_commented("regions:", "scored as a whole, tinted, and cut out"))
        lines.append(f"  foreground: [{_scalar(proposal.classes[1].name)}]")
    return "\n".join(lines) + "\n"


def parse(text: str, name: str) -> DatasetFile:
    """Parses the proposal; raises PetsegError with all mistakes."""
    path = dataset_file(name)
    return parse_dataset(yaml12.parse(text.encode(), str(path)), name, path)


def _splits(layout: Layout) -> dict[str, str | float]:
    """Returns the splits; without a test split, tests on the validation split or a share."""
    texts: dict[str, Any] = dict(layout.texts)
    if "test" not in texts:
        texts["test"] = texts.pop("validation", TEST_SHARE)
    return texts


def _why(split: str, layout: Layout) -> str:
    if split != "test" or "test" in layout.texts:
        return ""
    if "validation" in layout.texts:
        return "there is no test split: this is for testing, and validation is drawn from train"
    return "there is no test split: this share is drawn"


def _entry(one: ProposedClass) -> str:
    key = "mask_colour" if isinstance(one.mark, str) else "value"
    parts = {"name": one.name, key: one.mark} | ({"colour": one.colour} if one.colour else {})
    return f"  - {{{', '.join(f'{key}: {_scalar(value)}' for key, value in parts.items())}}}"


def _commented(line: str, comment: str, width: int = _COLUMN) -> str:
    return f"{line.ljust(width - 2)}  # {one_line(comment)}" if comment else line


def _scalar(value: object) -> str:
    """Returns YAML; quotes text that could be another type."""
    if not isinstance(value, str):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN:
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PetsegError(
            f"{one_line(value)} is not UTF-8, so dataset.yaml cannot name it; rename it"
        ) from None
    return json.dumps(value, ensure_ascii=not value.isprintable())
