"""Generates pets for tests and a first run without downloads."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg.core.errors import PetsegError
from petseg.core.files import atomic_folder
from petseg.sources.generated.breeds import BREEDS, species_of
from petseg.sources.generated.drawing import draw_pet

_JPEG_QUALITY = 92
_HEADER = "#Drawn by petseg.sources.generated"
_HEADERS = (_HEADER, "#Drawn by petseg.sources.synthetic")  # the second: earlier versions


def write_dataset(folder: Path, *, train: int, test: int, image_size: int, seed: int) -> None:
    """Writes generated pets in the layout of the unpacked Oxford-IIIT Pet archives.

    `images/NAME.jpg` are RGB; `annotations/trimaps/NAME.png` have values 1 pet, 2 background, 3
    border; `annotations/{trainval,test,list}.txt` list names. Sides are 1 to 1.5 times
    `image_size`. An image depends only on `seed` and name: a larger dataset contains a smaller one.

    Replaces generated pets in `folder`. Raises PetsegError for other content, a count below 1, an
    image size below 32, or a negative seed.
    """
    folder = Path(folder)
    if train < 1 or test < 1:
        raise PetsegError(f"generated pets: train ({train}) and test ({test}) must be at least 1")
    if image_size < 32 or seed < 0:
        raise PetsegError(
            f"generated pets: image_size ({image_size}) must be at least 32 "
            f"and seed ({seed}) at least 0"
        )
    _refuse_foreign(folder)

    pets = [(i % len(BREEDS), i // len(BREEDS) + 1) for i in range(train + test)]
    with atomic_folder(folder) as root:
        (root / "images").mkdir()
        (root / "annotations" / "trimaps").mkdir(parents=True)
        for file, members in (("trainval", pets[:train]), ("test", pets[train:]), ("list", pets)):
            header = f"{_HEADER}, seed {seed}\n#Image CLASS-ID SPECIES BREED-ID\n"
            text = "".join(_list_line(*pet) for pet in sorted(members))
            path = root / "annotations" / f"{file}.txt"
            path.write_text(header * (file == "list") + text, encoding="utf-8", newline="\n")

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            drawn = pool.map(lambda pet: _write_pet(root, pet[0], pet[1], image_size, seed), pets)
            for _ in tqdm(drawn, "drawing pets", len(pets), unit="pet", disable=None):
                pass


def _write_pet(root: Path, index: int, number: int, image_size: int, seed: int) -> None:
    breed = BREEDS[index]
    name = f"{breed.name}_{number}"
    rng = np.random.default_rng([seed, crc32(name.encode())])
    height, width = (image_size * rng.uniform(1, 1.5, size=2)).round().astype(int).tolist()
    image, trimap = draw_pet(rng, breed, height, width)
    Image.fromarray(image).save(root / "images" / f"{name}.jpg", quality=_JPEG_QUALITY)
    Image.fromarray(trimap).save(root / "annotations" / "trimaps" / f"{name}.png")


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    names = folder / "annotations" / "list.txt"
    if not (names.is_file() and names.read_text("utf-8", "replace").startswith(_HEADERS)):
        raise PetsegError(
            f"{folder} contains something other than generated pets: "
            "name a new or empty folder instead"
        )


def _list_line(index: int, number: int) -> str:
    breed = BREEDS[index]
    species = species_of(breed)
    breed_id = sum(species_of(other) == species for other in BREEDS[: index + 1])
    return f"{breed.name}_{number} {index + 1} {species} {breed_id}\n"
