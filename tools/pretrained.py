"""Updates pretrained/: the networks of the committed run in a small format, and their model card.

    dvc repro && python tools/pretrained.py

Needs the models and records of `dvc repro`. Stores each network as TFLite with 16-bit weights and
scores it on the validation split, on the published masks, together with its original. Fails if the
mean IoU drops by more than MOST_LOSS.
"""

import argparse
import json
import subprocess
import sys
from hashlib import md5
from pathlib import Path

import marked
import numpy as np
import pandas as pd
from marked import markdown
from readme_results import NETWORKS
from workspace import ROOT, committed_dataset

from petseg.core import paths, yaml12
from petseg.core.dataset_spec import SPEC_FILE
from petseg.core.files import file_sha256, read_json, write_json
from petseg.prediction import runtimes

FOLDER = ROOT / "pretrained"
FACTS, CARD = FOLDER / "pretrained.json", FOLDER / "README.md"
MARK = "<!-- {}: tools/pretrained.py -->\n"
MOST_LOSS = 0.0005
SPEC = committed_dataset().spec()
REGION = SPEC.default_region
PICTURES = 4
"""Number of generated pictures for which each network's class shares are stored."""


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    for name in NETWORKS:
        path = ROOT / paths.model(name)
        if md5(path.read_bytes()).hexdigest() != locked_md5(name):
            sys.exit(f"error: {path} is not the one in dvc.lock; run: dvc repro, or dvc checkout")
    commit = subprocess.check_output(
        ["git", "log", "-1", "--format=%h", "--", "dvc.lock"], cwd=ROOT, text=True
    ).strip()
    facts = {"commit": commit, "networks": {}}
    write_json(FOLDER / SPEC_FILE, SPEC.to_json())
    for name in NETWORKS:
        facts["networks"][name] = exported(name)
    write_json(FACTS, facts)
    for name, text in parts(facts).items():
        marked.replace(CARD, MARK.format(name), marked.END, text)
    print(json.dumps(facts, indent=2))


def locked_md5(network: str) -> str:
    """Returns the checksum of a trained model in dvc.lock."""
    outs = yaml12.read(ROOT / "dvc.lock")["stages"][f"train_{network}"]["outs"]
    (found,) = (out["md5"] for out in outs if out["path"] == paths.model(network).as_posix())
    return found


def exported(name: str) -> dict:
    """Writes a network's file; returns its facts."""
    from petseg.app.export_formats import FORMATS, Source
    from petseg.evaluation import inference

    target, model = FOLDER / f"{name}.tflite", inference.load_network(ROOT / paths.model(name))
    FORMATS["tflite_float16"].write(Source(model.model, SPEC), target)
    run, size = runtimes.load(target, SPEC)
    kept = validation(run, f"{name}, 16 bits")
    whole = validation(inference.runner(model.model), name)
    lost = whole["mean_iou"] - kept["mean_iou"]
    if lost > MOST_LOSS:
        sys.exit(f"error: {target.name} loses {lost:.4f} of the mean IoU, more than {MOST_LOSS}")
    return {
        "sha256": file_sha256(target),
        "bytes": target.stat().st_size,
        "trained_model_md5": locked_md5(name),
        "image_size": list(size),
        "validation": {"trained": whole, "stored": kept},
        "shares_in_generated_pictures": generated_shares(target),
    }


def validation(run, label: str) -> dict:
    """Returns a network's scores on the validation split, on the published masks."""
    from petseg import records
    from petseg.evaluation import scoring, tables
    from petseg.sources import raw

    source = records.on_disk(paths.RECORDS, "validation")
    masks = raw.masks(
        paths.RAW_DATASET, "validation", records.index(paths.RECORDS, "validation")["name"]
    )
    found = tables.metrics(scoring.score_network(run, source, masks, SPEC, 16, label), 0, SPEC)
    return {"mean_iou": found["mean_iou"], "region_iou": found["regions"][REGION]["iou_dataset"]}


def generated_shares(path: Path) -> list[list[float]]:
    """Returns each class's share of the pixels in generated pictures, the same on any machine."""
    import petseg

    network, (height, width) = petseg.load(path), (240, 320)
    return [
        [round(share, 6) for share in network.segment(picture).shares.values()]
        for picture in generated_pictures(PICTURES, height, width)
    ]


def generated_pictures(count: int, height: int, width: int) -> list[np.ndarray]:
    """Draws pets: uint8 (height, width, 3) each."""
    from petseg.sources.generated.breeds import BREEDS
    from petseg.sources.generated.drawing import draw_pet

    return [
        draw_pet(np.random.default_rng([1, index]), BREEDS[index], height, width)[0]
        for index in range(count)
    ]


def parts(facts: dict) -> dict[str, str]:
    """Returns the texts between the marks of the model card."""
    commit, (height, width) = facts["commit"], facts["networks"]["unet"]["image_size"]
    reproduction = (
        f"Commit `{commit}`, whose networks see {width}x{height} pixels: `git checkout {commit}`, "
        "then `dvc repro`, trains them again.\n"
    )
    return {
        "files": files(facts) + "\n" + reproduction,
        "scores": scores(),
        "breeds": breeds(),
        "cost": storage_loss(facts),
    }


def files(facts: dict) -> str:
    lines = [
        (f"`{name}.tflite`", NETWORKS[name], f"{one['bytes'] / 1e6:.2f} MB", f"`{one['sha256']}`")
        for name, one in facts["networks"].items()
    ]
    return markdown(("file", "network", "size", "SHA-256"), lines)


def scores() -> str:
    lines = []
    for name, title in NETWORKS.items():
        found = read_json(ROOT / paths.metrics(name))
        region = found["regions"][REGION]
        of_region = region["iou_dataset"], region["iou_per_image"]
        values = (found["mean_iou"], *found["iou"].values(), *of_region)
        lines.append((title, *(f"{value:.4f}" for value in values)))
    heads = ("", "mean IoU", *SPEC.class_names, f"{REGION} IoU", f"{REGION} IoU of an image")
    return markdown(heads, lines)


def breeds() -> str:
    table = pd.read_csv(ROOT / paths.PER_GROUP)
    table = table[table["column"] == SPEC.groups[0]]
    lines = []
    for name, title in NETWORKS.items():
        found = table[table["network"] == name].sort_values("mean_iou")
        ends = (found.iloc[0], found.iloc[-1])
        cells = (f"{row['mean_iou']:.3f} ({row['group'].replace('_', ' ')})" for row in ends)
        lines.append((title, *cells, f"{found['mean_iou'].std():.3f}"))
    return markdown(("", "lowest", "highest", "standard deviation"), lines)


def storage_loss(facts: dict) -> str:
    lines = []
    for name, one in facts["networks"].items():
        found = one["validation"]
        values = (found[which]["mean_iou"] for which in ("trained", "stored"))
        lines.append((NETWORKS[name], *(f"{value:.5f}" for value in values)))
    return markdown(("mean IoU", "as trained", "as stored"), lines)


if __name__ == "__main__":
    main()
