"""The 37 breeds of the Oxford-IIIT Pet dataset, and how to draw them."""

from typing import NamedTuple


class Breed(NamedTuple):
    """A breed's name in the dataset, colours, and `pattern` of the marks (see fur.py).

    `shaggy` is the depth of fur tufts relative to the body's radius.
    """

    name: str
    coat: str
    marks: str
    pattern: str
    shaggy: float = 0.0


BREEDS = (
    Breed("Abyssinian", "#b5763f", "#7d4a26", "ticked"),
    Breed("american_bulldog", "#ece4d8", "#a9794c", "patches"),
    Breed("american_pit_bull_terrier", "#7a563c", "#eee6da", "bib"),
    Breed("basset_hound", "#efe6d6", "#9a5a2c", "saddle"),
    Breed("beagle", "#e9d9c0", "#6b3f22", "saddle"),
    Breed("Bengal", "#d29a56", "#4b2c17", "spots"),
    Breed("Birman", "#ece0cb", "#6d5647", "points", 0.05),
    Breed("Bombay", "#2b292d", "#1c1a1e", "plain"),
    Breed("boxer", "#b9783f", "#f1e8da", "bib"),
    Breed("British_Shorthair", "#7d8794", "#69737f", "plain"),
    Breed("chihuahua", "#d9b07a", "#f3e6cd", "bib"),
    Breed("Egyptian_Mau", "#b4aca0", "#4a4541", "spots"),
    Breed("english_cocker_spaniel", "#a8622e", "#8b4d22", "ticked", 0.05),
    Breed("english_setter", "#f0ece4", "#55504c", "spots", 0.03),
    Breed("german_shorthaired", "#d8cfc2", "#4e2f20", "patches"),
    Breed("great_pyrenees", "#f4efe4", "#dccfb6", "patches", 0.06),
    Breed("havanese", "#cdb491", "#f1e7d6", "bib", 0.08),
    Breed("japanese_chin", "#f3efe9", "#2b2827", "patches", 0.05),
    Breed("keeshond", "#8d8a86", "#3b3836", "saddle", 0.08),
    Breed("leonberger", "#b07a43", "#3a2a20", "points", 0.06),
    Breed("Maine_Coon", "#94724f", "#4a3524", "stripes", 0.06),
    Breed("miniature_pinscher", "#2f2624", "#a5602e", "points"),
    Breed("newfoundland", "#332c2a", "#241f1e", "plain", 0.06),
    Breed("Persian", "#e3d3b8", "#cdb48e", "plain", 0.07),
    Breed("pomeranian", "#d98f48", "#f0c890", "bib", 0.09),
    Breed("pug", "#d9bd93", "#3a302b", "points"),
    Breed("Ragdoll", "#efe8dc", "#8a7768", "points", 0.05),
    Breed("Russian_Blue", "#8a95a5", "#76818f", "ticked"),
    Breed("saint_bernard", "#f1e9dd", "#a4562a", "patches", 0.04),
    Breed("samoyed", "#f7f3ea", "#e6ddcb", "plain", 0.08),
    Breed("scottish_terrier", "#3b3836", "#57524e", "ticked", 0.06),
    Breed("shiba_inu", "#cf8a4a", "#f5e8d4", "bib"),
    Breed("Siamese", "#e8dac1", "#4f3b31", "points"),
    Breed("Sphynx", "#dcab98", "#c48f7e", "ticked"),
    Breed("staffordshire_bull_terrier", "#6c6f78", "#eee9e2", "bib"),
    Breed("wheaten_terrier", "#dcbf8c", "#cba969", "ticked", 0.07),
    Breed("yorkshire_terrier", "#b9824c", "#4a4c55", "saddle", 0.06),
)
"""The 37 breeds in the dataset's order: the class number is the index plus one."""

CAT, DOG = 1, 2


def species_of(breed: Breed) -> int:
    """Returns CAT or DOG; the dataset capitalizes only cat breeds."""
    return CAT if breed.name[0].isupper() else DOG


def tip_colour(breed: Breed) -> str | None:
    """Returns the colour of ears, feet and tail, or None for the coat's."""
    return breed.marks if breed.pattern == "points" else None
