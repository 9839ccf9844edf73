"""Draws splits by hashing, so that only names and seed matter."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import sha256

from petseg.core.errors import PetsegError
from petseg.sources.raw_example import Key

_SALT = {"validation": ""}
"""Hashed with seed and name, instead of the split's name."""


def draw(keys: Sequence[Key], shares: dict[str, float], seed: int) -> dict[str, str]:
    """Returns names that leave the training split -> their new split.

    Each split takes its share of the rest. Raises PetsegError for a duplicate name.
    """
    _refuse_duplicates(keys)
    drawn: dict[str, str] = {}
    for split, share in shares.items():
        rest = [key for key in keys if key.name not in drawn]
        salt = _SALT.get(split, f"{split} ")
        drawn |= dict.fromkeys(_chosen(rest, share, f"{seed} {salt}"), split)
    return drawn


def _chosen(keys: Sequence[Key], share: float, prefix: str) -> set[str]:
    """Chooses a share of each stratum, with all names of the same digest.

    The choice depends only on names in the stratum, unless a digest is in several. Combines strata
    whose share rounds to 0. Chooses at least one of two or more names.
    """
    strata = defaultdict(list)
    for key in keys:
        strata[key.stratum].append(key)
    small = [stratum for stratum, held in strata.items() if round(share * len(held)) == 0]
    together = [key for stratum in small for key in strata.pop(stratum)]
    alike = defaultdict(set)
    for key in keys:
        alike[key.digest].add(key.name)
    chosen: set[str] = set()
    for held in [*strata.values(), together]:
        digests = {key.name: key.digest for key in held}
        count = round(share * len(held))
        if held is together and not strata and len(keys) > 1:
            count = max(count, 1)
        taken = len(chosen & digests.keys())
        for name in sorted(digests, key=lambda name: sha256(f"{prefix}{name}".encode()).digest()):
            if taken >= count:
                break
            new = alike[digests[name]] - chosen
            chosen |= new
            taken += len(new & digests.keys())
    return chosen


def _refuse_duplicates(keys: Sequence[Key]) -> None:
    times = Counter(key.name for key in keys)
    if duplicated := sorted(name for name, count in times.items() if count > 1):
        raise PetsegError(f"names are duplicated in the training split: {', '.join(duplicated)}")
