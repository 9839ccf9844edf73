"""Writes the architecture figure and the table of rooms in docs/how_it_works.md.

Both come from the code: rooms and arrows from the imports, stages and their order from dvc.yaml,
descriptions from the docstring of each room.
"""

import argparse
from pathlib import Path

import marked
import matplotlib
import matplotlib.pyplot as plt
from import_graph import imports, room, rooms
from matplotlib.patches import FancyBboxPatch
from workspace import ROOT

from petseg.core import files, yaml12

PAGE = ROOT / "docs" / "how_it_works.md"
FIGURE = ROOT / "docs" / "images" / "architecture.svg"
BEGIN = "<!-- rooms: tools/architecture.py -->\n"
STAGES = "stages"
STAGE, ROOM, LINE, TEXT = "#dbeafe", "#f3f4f6", "#6b7280", "#111827"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    draw(FIGURE)
    marked.replace(PAGE, BEGIN, marked.END, table())


def needs() -> dict[str, set[str]]:
    """Which rooms each room, and the stages together, import."""
    found: dict[str, set[str]] = {name: set() for name in (*rooms(ROOT), STAGES)}
    for name, needed in found.items():
        folder = ROOT / name if name == STAGES else ROOT / "petseg" / name
        for path in folder.rglob("*.py"):
            needed.update(room(imported, ROOT) for imported in imports(path, ROOT))
        needed -= {name, ""}
    return found


def levels(needed: dict[str, set[str]]) -> dict[str, int]:
    """How many rooms lie below each room, along the longest path of imports."""
    found: dict[str, int] = {}
    while len(found) < len(needed):
        ready = [name for name, rooms in needed.items() if rooms <= found.keys()]
        for name in ready:
            found.setdefault(name, 1 + max((found[room] for room in needed[name]), default=-1))
    return found


def direct(needed: dict[str, set[str]]) -> set[tuple[str, str]]:
    """The imports that do not follow from others: the arrows of the figure."""
    reached = {}
    for name in sorted(needed, key=levels(needed).get):
        reached[name] = needed[name].union(*(reached[room] for room in needed[name]))
    return {
        (name, room)
        for name, rooms in needed.items()
        for room in rooms
        if not any(room in reached[other] for other in rooms)
    }


def pipeline() -> dict[str, set[str]]:
    """The stages of dvc.yaml, each with the stages whose outs it depends on."""
    stages = yaml12.read(ROOT / "dvc.yaml")["stages"]
    outs = {
        name: [_path(out) for kind in ("outs", "metrics", "plots") for out in stage.get(kind, ())]
        for name, stage in stages.items()
    }
    return {
        name: {
            other
            for other, made in outs.items()
            for dep in stage["deps"]
            if any(Path(dep).is_relative_to(out) for out in made)
        }
        for name, stage in stages.items()
    }


def table() -> str:
    """The rooms in Markdown, from the bottom up."""
    order, described = levels(needs()), rooms(ROOT)
    names = sorted(described, key=lambda name: (order[name], name))
    lines = [(f"`{name}/`", described[name].partition("\n")[0]) for name in names]
    return marked.markdown(("room", "what is in it"), lines)


def draw(target: Path) -> None:
    """Draws the stages above the rooms, as an SVG file with an id for each arrow."""
    needed = needs()
    style = {"svg.hashsalt": "petseg", "svg.fonttype": "none", "font.size": 11}
    with matplotlib.rc_context(style):
        figure, axes = plt.subplots(figsize=(9, 6.5), layout="constrained")
        places = _places(needed)
        boxes = {name: _box(axes, places[name], f"{name}/", ROOM) for name in rooms(ROOT)}
        boxes[STAGES] = _draw_stages(axes, places[STAGES])
        for name, used in sorted(direct(needed)):
            _arrow(axes, boxes[name], boxes[used], f"{name}-{used}")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.3, places[STAGES][1] + 0.7))
        axes.axis("off")
        with files.atomic_file(target) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
    plt.close(figure)


def _places(needed: dict[str, set[str]]) -> dict[str, tuple[float, float]]:
    """Where each room is drawn: one row below the lowest that imports it, and near its users."""
    arrows = direct(needed)
    users = {name: [user for user, room in arrows if room == name] for name in needed}
    top = max(levels(needed).values())
    places: dict[str, tuple[float, float]] = {STAGES: (0.4, top), "app": (0.94, top)}
    while len(places) < len(needed):
        ready = [n for n in needed if n not in places and all(user in places for user in users[n])]
        row = {n: min(places[user][1] for user in users[n]) - 1 for n in ready}
        names = [n for n in ready if row[n] == max(row.values())]
        middle = {n: sum(places[user][0] for user in users[n]) / len(users[n]) for n in names}
        names.sort(key=lambda n: (middle[n], n))
        places |= {n: ((i + 0.5) / len(names), row[n]) for i, n in enumerate(names)}
    return places


def _draw_stages(axes, place: tuple[float, float]):
    """The pipeline in a frame: a box for each stage; independent ones above each other."""
    stages = pipeline()
    column = levels(stages)
    places = {}
    for name in stages:
        others = [other for other in stages if column[other] == column[name]]
        height = 0.5 * ((len(others) - 1) / 2 - others.index(name))
        places[name] = (0.06 + 0.17 * column[name], place[1] + height)
    frame = FancyBboxPatch((0, place[1] - 0.45), 0.8, 0.9, "round,pad=0.01", fc="none", ec=LINE)
    axes.add_patch(frame)
    axes.text(0.005, place[1] + 0.33, f"{STAGES}/", color=TEXT)
    boxes = {name: _box(axes, place, name, STAGE, 9.5) for name, place in places.items()}
    for name, earlier in stages.items():
        for other in sorted(earlier):
            if column[other] == column[name] - 1:
                _arrow(axes, boxes[other], boxes[name], f"{other}-{name}")
    return frame, (place[0], place[1] - 0.45)


def _box(axes, place: tuple[float, float], text: str, colour: str, size: float = 11):
    look = {"boxstyle": "round,pad=0.5", "facecolor": colour, "edgecolor": LINE}
    centred = {"ha": "center", "va": "center", "zorder": 3}
    label = axes.text(*place, text, color=TEXT, size=size, bbox=look, **centred)
    return label.get_bbox_patch(), place


def _arrow(axes, start, end, name: str) -> None:
    look = {"arrowstyle": "-|>", "color": LINE, "linewidth": 1, "shrinkA": 1, "shrinkB": 1}
    (first, here), (last, there) = start, end
    arrow = axes.annotate(
        "", there, here, arrowprops=look | {"patchA": first, "patchB": last}, zorder=1
    )
    arrow.arrow_patch.set_gid(f"arrow {name}")


def _path(out) -> str:
    return out if isinstance(out, str) else next(iter(out))


if __name__ == "__main__":
    main()
