"""Writes a dataset's report: tables for DVC plots, and an HTML page without images."""

import html
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from string import Template

import numpy as np
import pandas as pd
from PIL import Image, ImageColor

from petseg import records
from petseg.core import html_page
from petseg.core.dataset_spec import DatasetSpec, parse_spec
from petseg.core.files import atomic_folder, write_csv
from petseg.sources import near_duplicates
from petseg.sources.preparation import Outcome

PAGE = "index.html"
CLASSES, ASPECTS, BRIGHTNESS, DUPLICATES = (
    f"{name}.csv" for name in ("classes", "aspect_ratios", "brightness", "near_duplicates")
)
CHARTED = (CLASSES, ASPECTS, BRIGHTNESS)
"""The tables that DVC tracks and plots."""
LEFT_OUT = "left out"
"""Replaces the split in the table of near-duplicates."""
TEMPLATE = Path(__file__).with_name("dataset_report.html")
BINS = 20
"""Bins of the histograms of brightness and of log aspect ratio (width / height)."""
WIDEST = 4.0
"""Aspect ratios are clipped to [1 / WIDEST, WIDEST]."""
SHOWN = 200
"""Rows of each table on the page."""
HEATMAP = 96
"""Side of a heatmap in pixels."""


def tables(outcome: Outcome) -> dict[str, pd.DataFrame]:
    """Returns the tables by file name.

    - classes: each class's share of a split's pixels, and the share of images with it
    - aspect_ratios, brightness: middle of each bin, and number of images
    - near_duplicates: pairs of similar images, with their splits
    """
    images = [image for image in outcome.images if not image.left_out]
    facts = [image.facts for image in images]
    ratios = np.array([one.width / one.height for one in facts]).clip(1 / WIDEST, WIDEST)
    bins = np.geomspace(1 / WIDEST, WIDEST, BINS + 1)
    brightness = np.array([one.brightness for one in facts])
    return {
        CLASSES: _of_classes(outcome.manifest, images),
        ASPECTS: _histogram("aspect_ratio", ratios, bins),
        BRIGHTNESS: _histogram("brightness", brightness, np.linspace(0, 1, BINS + 1)),
        DUPLICATES: _near_duplicates(outcome),
    }


def across_splits(near: pd.DataFrame) -> pd.Series:
    """Returns which near-duplicates are in different splits: bool."""
    left_out = (near == LEFT_OUT).any(axis=1)
    return (near["split"] != near["other_split"]) & ~left_out


def write(outcome: Outcome, page_folder: Path, tables_folder: Path) -> dict[str, pd.DataFrame]:
    """Writes the page beside the near-duplicates, and the other tables; returns all tables."""
    found = tables(outcome)
    with atomic_folder(page_folder) as folder:
        write_csv(folder / DUPLICATES, found[DUPLICATES])
        (folder / PAGE).write_text(page(outcome, found), encoding="utf-8")
    for name in CHARTED:
        write_csv(tables_folder / name, found[name])
    return found


def page(outcome: Outcome, found: dict[str, pd.DataFrame]) -> str:
    """Returns the page as self-contained HTML."""
    manifest = outcome.manifest
    spec = parse_spec(manifest["dataset"], records.MANIFEST)
    left_out = [[e["name"], e["split"], e["reason"]] for e in manifest["left_out"]]
    converted = Counter(entry["from"] for entry in manifest["converted"])
    sizes = Counter((i.facts.width, i.facts.height) for i in outcome.images).most_common(10)
    height, width = manifest["image_size"]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        dataset=html.escape(spec.name),
        size=f"{height}x{width}",
        splits=_table(
            ["split", "images"], [[s, e["examples"]] for s, e in manifest["splits"].items()]
        ),
        sizes=_table(["width x height", "images"], [[f"{w}x{h}", n] for (w, h), n in sizes]),
        aspects=_bars(found[ASPECTS], "aspect_ratio"),
        brightness=_bars(found[BRIGHTNESS], "brightness"),
        classes=_table(
            ["split", "class", "of the pixels", "of the images"],
            [
                [row.split, row.name, f"{row.pixels:.2%}", f"{row.images:.1%}"]
                for row in found[CLASSES].rename(columns={"class": "name"}).itertuples()
            ],
        ),
        places="".join(_heatmaps(spec, outcome.places)),
        duplicates=_table(list(found[DUPLICATES].columns), found[DUPLICATES].to_numpy().tolist()),
        left_out=_table(["image", "split", "reason"], left_out),
        converted=_table(["what", "images"], converted.most_common()),
    )


def _of_classes(manifest: dict, images: Sequence) -> pd.DataFrame:
    rows = []
    for split, (label, name) in product(
        manifest["splits"], enumerate(next(iter(manifest["splits"].values()))["class_pixels"])
    ):
        entry = manifest["splits"][split]
        held = [bool(i.facts.pixels[label]) for i in images if i.split == split]
        pixels = entry["class_pixels"][name] / max(sum(entry["class_pixels"].values()), 1)
        rows.append((split, name, pixels, float(np.mean(held or [False]))))
    return pd.DataFrame(rows, columns=["split", "class", "pixels", "images"])


def _histogram(name: str, values: np.ndarray, edges: np.ndarray) -> pd.DataFrame:
    counts, _ = np.histogram(values, edges)
    middles = np.sqrt(edges[:-1] * edges[1:]) if edges[0] else (edges[:-1] + edges[1:]) / 2
    return pd.DataFrame({name: [f"{middle:.2f}" for middle in middles], "images": counts})


def _near_duplicates(outcome: Outcome) -> pd.DataFrame:
    images = outcome.images
    pairs = near_duplicates.find([image.facts.hash for image in images])
    split = [LEFT_OUT if image.left_out else image.split for image in images]
    rows = [(images[a].name, split[a], images[b].name, split[b], bits) for a, b, bits in pairs]
    columns = ["image", "split", "other_image", "other_split", "bits"]
    table = pd.DataFrame(rows, columns=columns)
    order = 1 - across_splits(table) + (table == LEFT_OUT).any(axis=1)
    return table.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def _heatmaps(spec: DatasetSpec, places: np.ndarray) -> Iterable[str]:
    """Yields a heatmap of each class, darker where more frequent."""
    for name, colour, sums in zip(spec.class_names, spec.colours, places, strict=True):
        share = (sums / max(sums.max(), 1e-9))[..., None]
        pixels = 255 * (1 - share) + np.array(ImageColor.getrgb(colour)) * share
        heatmap = Image.fromarray(pixels.astype(np.uint8)).resize((HEATMAP, HEATMAP))
        data = io.BytesIO()
        heatmap.save(data, "PNG")
        yield (
            f'<figure><img src="{html_page.data_url(data.getvalue())}" alt="">'
            f"<figcaption>{html.escape(name)}</figcaption></figure>"
        )


def _bars(table: pd.DataFrame, name: str) -> str:
    most = max(table["images"].max(), 1)
    rows = (
        f'<tr><td>{row[name]}</td><td><div style="width:{20 * row["images"] / most:.2f}rem"></div>'
        f"</td><td>{row['images']:,}</td></tr>"
        for _, row in table.iterrows()
    )
    return f"<table>{''.join(rows)}</table>"


def _table(heads: Sequence[str], rows: Sequence[Sequence]) -> str:
    if not rows:
        return "<p>None.</p>"
    more = f"<p>and {len(rows) - SHOWN:,} more</p>" if len(rows) > SHOWN else ""
    return html_page.table(heads, rows[:SHOWN]) + more
