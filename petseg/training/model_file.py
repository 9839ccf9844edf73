"""Saves trained networks reproducibly.

DVC compares content: with Keras's time of saving and addresses of shared objects, retraining to
the same weights would rerun all later stages.
"""

import json
import re
import zipfile
from pathlib import Path

import keras

from petseg.core.dataset_spec import SPEC_FILE, DatasetSpec
from petseg.core.files import atomic_file

_OLDEST_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP archive can hold."""


def save(model: keras.Model, path: Path, spec: DatasetSpec) -> None:
    """Saves a `.keras` file with the dataset's spec, for `dataset_spec.of_model`; Keras ignores it.

    Raises PetsegError if the disk is full.
    """
    needs = sum(variable.nbytes for variable in model.get_weights())
    with atomic_file(path, needs) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary) as archive:
            entries = {name: archive.read(name) for name in sorted(archive.namelist())}
        entries["metadata.json"] = _without_date(entries["metadata.json"])
        entries["config.json"] = _with_numbered_objects(entries["config.json"])
        entries[SPEC_FILE] = json.dumps(spec.to_json()).encode()
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, content in entries.items():
                archive.writestr(zipfile.ZipInfo(name, _OLDEST_DATE), content)


def _without_date(metadata: bytes) -> bytes:
    return json.dumps(json.loads(metadata) | {"date_saved": None}).encode()


def _with_numbered_objects(config: bytes) -> bytes:
    numbers: dict[bytes, int] = {}

    def numbered(match: re.Match) -> bytes:
        return b"%s%d" % (match[1], numbers.setdefault(match[2], len(numbers)))

    return re.sub(rb'("shared_object_id": )(\d+)', numbered, config)
