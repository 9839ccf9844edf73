"""Checks a folder of unpacked Oxford-IIIT Pet archives."""

from pathlib import Path

LISTS = {"train": "trainval.txt", "test": "test.txt"}


def check_folder(folder: Path, breeds: int, species_count: int) -> list[str]:
    """Returns a sentence for each mistake."""
    mistakes = []
    seen: dict[str, str] = {}
    for list_name in LISTS.values():
        path = folder / "annotations" / list_name
        if not path.is_file():
            mistakes.append(f"annotations/{list_name} is missing")
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            mistakes.append(f"annotations/{list_name} is not UTF-8 text: {error}")
            continue
        if not lines:
            mistakes.append(f"annotations/{list_name} is empty")
        for number, line in enumerate(lines, start=1):
            where = f"annotations/{list_name}, line {number}"
            try:
                name, label, species, _ = line.split(" ")
                valid = 1 <= int(label) <= breeds and 1 <= int(species) <= species_count
            except ValueError:
                valid = False
            if not valid or Path(name).name != name:
                mistakes.append(f"{where}: {line!r} is not NAME CLASS SPECIES BREED")
                continue
            if name in seen:
                mistakes.append(f"{where}: {name} is already in {seen[name]}")
            seen[name] = where
    images = _names(folder / "images", ".jpg")
    trimaps = _names(folder / "annotations" / "trimaps", ".png")
    mistakes += [f"images/{name}.jpg is missing" for name in seen if name not in images]
    mistakes += [
        f"annotations/trimaps/{name}.png is missing" for name in seen if name not in trimaps
    ]
    return mistakes


def _names(folder: Path, suffix: str) -> set[str]:
    return {path.stem for path in folder.glob(f"*{suffix}")} if folder.is_dir() else set()
