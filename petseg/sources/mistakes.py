"""Reports all mistakes of a dataset in one message, by kind."""

from collections.abc import Mapping, Sequence

from petseg.core.errors import PetsegError
from petseg.sources.patterns import printable

LISTED = 10
"""Files to name for each kind of mistake."""


def refuse(file: object, mistakes: Mapping[str, Sequence[object]]) -> None:
    """Raises PetsegError for mistakes: kind with its fix -> files or other items."""
    kinds = {kind: found for kind, found in mistakes.items() if found}
    if not kinds:
        return
    lines = [f"{file}: the dataset cannot be used as it is:"]
    for kind, found in kinds.items():
        lines.append(f"  {kind}:")
        lines += [f"    - {printable(one)}" for one in found[:LISTED]]
        lines += [f"    and {len(found) - LISTED} more"] * (len(found) > LISTED)
    raise PetsegError("\n".join(lines))
