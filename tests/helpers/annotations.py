"""Small files of COCO annotations."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path


def write_coco(
    path: Path,
    images: Iterable[str],
    size: tuple[int, int],
    labels: Sequence[str] = (),
    annotations: Iterable[tuple[int, str, list]] = (),
) -> None:
    """Writes a COCO file about images of one size (H, W), with `labels` as its categories.

    Each annotation is the index of an image, a label and a segmentation.
    """
    height, width = size
    content = {
        "images": [
            {"id": number, "file_name": name, "height": height, "width": width}
            for number, name in enumerate(images)
        ],
        "categories": [{"id": number, "name": label} for number, label in enumerate(labels)],
        "annotations": [
            {"image_id": image, "category_id": labels.index(label), "segmentation": segmentation}
            for image, label, segmentation in annotations
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
