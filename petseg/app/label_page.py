"""Writes results of `petseg labels`: a table, and a page of the worst."""

import html
import io
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg.app.label_ranking import Judged, Ranking
from petseg.core.dataset_spec import VOID, DatasetSpec
from petseg.core.files import write_csv, write_text
from petseg.core.html_page import data_url
from petseg.evaluation import label_quality
from petseg.figures import segmented

PAGE, TABLE = "index.html", "ranking.csv"
LEAST_BRIGHTNESS = 0.15
"""Relative brightness of pixels whose label is not in doubt."""
TEMPLATE = Path(__file__).with_name("labels.html")


def write(folder: Path, ranking: Ranking, worst: int) -> None:
    """Writes the table, and a self-contained page of the worst."""
    table = ranking.rows[["name", "label_quality"]]
    write_csv(folder / TABLE, table)
    places = tqdm(range(min(worst, len(table))), "page", unit="image", disable=None)
    rows = [_row(place, table, ranking) for place in places]
    legend = "".join(
        f'<span style="background:{colour}"></span>{html.escape(name)}'
        for name, colour in zip(ranking.spec.class_names, ranking.spec.colours, strict=True)
    )
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        dataset=html.escape(ranking.spec.name), total=len(table), legend=legend, rows="".join(rows)
    )
    write_text(folder / PAGE, text)


def _row(place: int, table, ranking: Ranking) -> str:
    name, judged = table["name"].iloc[place], ranking.judged(place)
    shown = html.escape(name, quote=True)
    pictures = "".join(
        f"<td>{_embedded(picture)}</td>" for picture in _pictures(judged, ranking.spec)
    )
    return (
        f'<tr><td><label><input type="checkbox" value="{shown}"> {place + 1}. {shown}</label>'
        f"<br>{table['label_quality'].iloc[place]:.3f}</td>{pictures}</tr>\n"
    )


def _pictures(judged: Judged, spec: DatasetSpec) -> list[Image.Image]:
    """Returns image, mask, prediction, and image with doubtful pixels bright."""
    predicted = judged.logits.argmax(-1).astype(np.uint8)
    image = Image.fromarray(judged.image)
    _, (of_pixels,) = label_quality.scores(judged.logits[None], judged.mask[None])
    shown = np.maximum(1 - of_pixels, LEAST_BRIGHTNESS)[..., None]
    return [
        image,
        _coloured(judged.mask, spec),
        _coloured(predicted, spec),
        Image.fromarray((judged.image * shown).astype(np.uint8)),
    ]


def _coloured(labels: np.ndarray, spec: DatasetSpec) -> Image.Image:
    known = np.where(labels == VOID, 0, labels)
    picture = segmented.label_picture(known, spec).convert("RGB")
    picture.paste("white", mask=Image.fromarray(np.uint8(255) * (labels == VOID)))
    return picture


def _embedded(picture: Image.Image) -> str:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=85)
    return f'<img src="{data_url(data.getvalue(), "jpeg")}">'
