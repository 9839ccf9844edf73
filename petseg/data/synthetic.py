"""Generated pets in the layout of the original Oxford-IIIT Pet archives.

For a first run without any dataset, and for tests: each picture is a drawn cat or dog of one of
the 37 breeds before a cluttered background whose colours are often those of fur, so that colour
alone does not tell the pet from the rest.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg.data.drawing import BREEDS, draw_pet, species_of
from petseg.errors import PetsegError
from petseg.files import atomic_folder

_JPEG_QUALITY = 92
_HEADER = "#Drawn by petseg.data.synthetic"


def write_dataset(folder: Path, *, train: int, test: int, image_size: int, seed: int) -> None:
    """Writes generated pets into `folder`, laid out as the original archives unpack.

    `images/NAME.jpg` are RGB, `annotations/trimaps/NAME.png` hold 1 pet, 2 background and 3 border,
    and `annotations/{trainval,test,list}.txt` name them. Sides vary between `image_size` and 1.5
    times that. A picture depends on nothing but `seed` and its name, so a larger dataset contains
    the smaller one's pictures. An earlier generated dataset in `folder` is replaced.

    Raises PetsegError for a count below 1, an image size below 32, a negative seed, or a folder
    that holds anything else than generated pets.
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
            drawn = pool.map(lambda pet: _write_pet(root, *pet, image_size, seed), pets)
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
    """Replacing the folder must never cost anyone their photographs."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    names = folder / "annotations" / "list.txt"
    if not (names.is_file() and names.read_bytes().startswith(_HEADER.encode())):
        raise PetsegError(
            f"{folder} holds something other than generated pets: "
            "name a new or empty folder for them"
        )


def _list_line(index: int, number: int) -> str:
    breed = BREEDS[index]
    species = species_of(breed)
    breed_id = sum(species_of(other) == species for other in BREEDS[: index + 1])
    return f"{breed.name}_{number} {index + 1} {species} {breed_id}\n"
