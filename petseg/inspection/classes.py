"""Proposes classes, void and threshold from masks' values or colours."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from petseg.core.dataset_spec import MAX_CLASSES
from petseg.core.errors import PetsegError
from petseg.inspection.findings import MANY, Findings, Mark
from petseg.inspection.names import VOID_VALUES, NamesFile, is_void, names_of
from petseg.sources.annotations import VOID_NAME

THRESHOLD = 128

_TWO = {0: "background", 255: "foreground", "#000000": "background", "#ffffff": "foreground"}


class ProposedClass(NamedTuple):
    """A class: its mark in the masks, and its palette colour, if any."""

    name: str
    mark: Mark
    colour: str | None


class Proposal(NamedTuple):
    """Proposed classes; `notes` and `void_notes` are comments in dataset.yaml."""

    classes: tuple[ProposedClass, ...]
    notes: tuple[str, ...]
    void: tuple[Mark, ...] = ()
    void_notes: tuple[str, ...] = ()
    threshold: int | None = None


def propose(found: Findings, file: NamesFile | None) -> Proposal:
    """Proposes classes; raises PetsegError if they are not 2 to 150."""
    marks, shares = found.marks, found.marks.shares()
    if not shares and not marks.many:
        raise PetsegError("no mask can be read; the reasons are above")
    if found.need_threshold:
        return _with_threshold(found, shares)
    if found.lossy or marks.many or len(shares) > MAX_CLASSES + 1:
        raise PetsegError(_too_many(found))
    names = names_of(file, shares, found.palette) if file else {}
    notes = _notes(found, names, file)
    if not names and set(shares) <= set(_TWO):
        names = _TWO
    void, void_notes = _void(found, shares, names, file)
    classes = [mark for mark in shares if mark not in void]
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise PetsegError(
            f"the masks hold {len(classes)} class{'es' * (len(classes) != 1)} "
            f"({', '.join(map(str, classes[:5]))}); a dataset needs 2 to {MAX_CLASSES}"
        )
    colours = _display_colours(found, classes)
    proposed = tuple(
        ProposedClass(names.get(mark, f"class_{_number(index, mark)}"), mark, colours.get(mark))
        for index, mark in enumerate(classes)
    )
    return Proposal(proposed, notes, void, void_notes)


def of_labels(labels: Sequence[str]) -> tuple[Proposal, str]:
    """Returns classes for annotations' labels, and the class of unlabelled pixels."""
    names = list(dict.fromkeys(label for label in labels if label != VOID_NAME))
    ground = next((name for name in names if name.lower() == "background"), "background")
    names = [ground, *(name for name in names if name != ground)]
    void = VOID_VALUES[:1] if VOID_NAME in labels else ()
    classes = tuple(ProposedClass(name, value, None) for value, name in enumerate(names))
    notes = (
        "the names are those of the annotations; `value` is what is drawn for each",
        f"unlabelled: pixels without an annotation are {ground}; or write void",
    )
    return Proposal(classes, notes, void), ground


def _with_threshold(found: Findings, shares: Mapping[Any, float]) -> Proposal:
    above = sum(share for mark, share in shares.items() if mark >= THRESHOLD)
    between = sum(share for mark, share in shares.items() if mark not in (0, 255))
    if found.values.many or not 0 < above < 1 or max(shares) > 255:
        raise PetsegError(_too_many(found))
    why = "are JPEG files" if found.lossy else "have soft edges"
    classes = tuple(ProposedClass(_TWO[value], value, None) for value in (0, 255))
    notes = (
        f"the masks {why}: {percent(between)} of their pixels are neither 0 nor 255",
        f"threshold: below {THRESHOLD} counts as 0, from there on as 255; "
        f"{percent(above)} of the pixels become {_TWO[255]}",
        "if there are more than two classes, save the masks as PNG with one value for each",
    )
    return Proposal(classes, notes, threshold=THRESHOLD)


def _void(
    found: Findings, shares: Mapping[Any, float], names: Mapping, file: NamesFile | None
) -> tuple[tuple, tuple[str, ...]]:
    """Returns void's marks: named in a file, or a customary value far above others."""
    void = [mark for mark in shares if is_void(names.get(mark, ""))]
    notes = [f"see its name in {file.path}"] if void and file else []
    *others, highest = sorted(shares)
    if (
        highest in VOID_VALUES
        and highest not in names
        and len(others) >= 2
        and max(others) <= 3 * len(others) + MANY
    ):
        void.append(highest)
        notes.append(f"{highest} is assumed to be void; if not, make it a class")
    return tuple(void), tuple(notes)


def _notes(found: Findings, names: Mapping, file: NamesFile | None) -> tuple[str, ...]:
    if not names or not file:
        key = "mask_colour" if found.coloured else "value"
        return (f"rename the classes as you like; `{key}` is what the masks contain",)
    known = [name for name, _ in file.entries]
    absent = ", ".join(name for name in known if name not in names.values())
    notes = (f"the names are from {file.path}: check that they are the right ones",)
    return notes + (f"in {file.path}, but in no mask: {absent}",) * bool(absent)


def _display_colours(found: Findings, classes: list[Mark]) -> dict[Mark, str]:
    palette: Mapping[Any, str] = found.palette
    colours: dict[Any, Any] = {mark: palette.get(mark) for mark in classes}
    distinct = None not in colours.values() and len({*colours.values()}) == len(classes)
    return colours if distinct else {}


def _number(index: int, mark: Mark) -> Mark:
    return index if isinstance(mark, str) else mark


def _too_many(found: Findings) -> str:
    marks = found.marks
    what = "colours" if found.coloured else "values"
    number = f"more than {len(marks.pixels)}" if marks.many else str(len(marks.pixels))
    examples = (marks.many or found.lossy or [*marks.first.values()])[:3]
    why = "; JPEG alters them" if found.lossy else ""
    return (
        f"the masks hold {number} {what}, as in {', '.join(examples)}{why}. A dataset has 2 to "
        f"{MAX_CLASSES} classes, each with its own values or colours: export the masks as PNG from "
        "the tool that drew them, without soft edges, and resize them without interpolation"
    )


def percent(share: float) -> str:
    """Formats a share as a percentage."""
    if share >= 0.0995:
        return f"{100 * share:.1f} %"
    return f"{100 * share:#.2g} %" if share >= 0.0001 or share == 0 else "< 0.01 %"
