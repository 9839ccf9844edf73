"""Tables of pixel counts: per image, per group, and the confusion matrix.

Columns are alike for any dataset: `group.breed` is a group, `class.pet.truth` counts true pixels
of class pet, `region.pet.hits` correctly predicted pixels of region pet.
"""

from typing import Any

import numpy as np
import pandas as pd

from petseg.core.dataset_spec import DatasetSpec
from petseg.evaluation.result import Counted, Result
from petseg.metrics import bootstrap, calibration, scores

GROUP, CLASS, REGION = "group.", "class.", "region."
"""Column prefixes."""

AT_RECORDS_SIZE = "at_records_size."
"""Prefix of columns for the records' masks; others are for the published masks."""


def metrics(
    result: Result, parameters: int, spec: DatasetSpec, subsets: dict[str, np.ndarray] | None = None
) -> dict:
    """Returns a predictor's content of a metrics file: numbers, None if undefined.

    Scores are for the published masks; `at_records_size` are for the records' masks. `subsets`
    select images, bool (N,) each.
    """
    everything = np.ones(len(result.original.counts), bool)
    content = _scores(result, everything, spec) | {"parameters": parameters}
    if result.reliability is not None:
        before, after = map(calibration.expected_error, result.reliability)
        content["calibration"] = {
            "expected_error": before,
            "temperature": result.temperature,
            "expected_error_at_temperature": after,
        }
    if subsets:
        of_subsets = {name: _scores(result, members, spec) for name, members in subsets.items()}
        content["subsets"] = of_subsets
    return _without_nan(content)


def _scores(result: Result, images: np.ndarray, spec: DatasetSpec) -> dict:
    at_original, at_records = (
        scores.summary(counted.counts[images], spec)
        for counted in (result.original, result.in_records)
    )
    if result.cross_entropy is not None:
        mean = scores.mean_defined(result.cross_entropy[images])
        at_records["cross_entropy"] = float(mean)
    outlines = scores.iou(result.near_outlines[images].sum(axis=0))
    of_classes, of_regions = np.split(outlines, [len(spec.classes)])
    at_original["mean_boundary_iou"] = float(scores.mean_defined(of_classes))
    at_original["boundary_iou"] = dict(zip(spec.class_names, of_classes.tolist(), strict=True))
    for region, found in zip(spec.regions, of_regions.tolist(), strict=True):
        at_original["regions"][region]["boundary_iou"] = found
    return at_original | {"at_records_size": at_records}


def per_image(network: str, index: pd.DataFrame, result: Result, spec: DatasetSpec) -> pd.DataFrame:
    """Returns a row per image of the records' `index`: name, groups, scores, counts."""
    columns = {"network": network, "name": index["name"].to_numpy()}
    columns |= {f"{GROUP}{group}": index[group].to_numpy() for group in spec.groups}
    columns |= _of_images(result.original.counts, spec)
    in_records: dict[str, Any] = {"cross_entropy": result.cross_entropy} | _of_images(
        result.in_records.counts, spec
    )
    columns |= {f"{AT_RECORDS_SIZE}{column}": values for column, values in in_records.items()}
    return pd.DataFrame(columns)


def _of_images(counts: np.ndarray, spec: DatasetSpec) -> dict[str, np.ndarray]:
    """Returns mean IoU and counts, int64 (N, K, 3), by column name."""
    keys = [f"{CLASS}{name}" for name in spec.class_names]
    keys += [f"{REGION}{name}" for name in spec.regions]
    columns = [f"{key}.{count}" for key in keys for count in scores.COUNTS]
    of_classes = counts[:, : len(spec.classes)]
    flat = counts.reshape(len(counts), -1).T
    return {"mean_iou": scores.mean_iou(of_classes)} | dict(zip(columns, flat, strict=True))


def names(table: pd.DataFrame, kind: str) -> list[str]:
    """Returns a table's names of a kind (GROUP, CLASS or REGION), in order."""
    found = [column.removeprefix(kind) for column in table.columns if column.startswith(kind)]
    if kind != GROUP:
        found = [column.rpartition(".")[0] for column in found]
    return list(dict.fromkeys(found))


def counts(table: pd.DataFrame, kind: str = CLASS) -> np.ndarray:
    """Returns a per-image table's counts, int64 (N, K, 3), of K classes or regions."""
    keys = [f"{kind}{name}.{count}" for name in names(table, kind) for count in scores.COUNTS]
    return table[keys].to_numpy(np.int64).reshape(len(table), -1, len(scores.COUNTS))


def all_counts(table: pd.DataFrame) -> np.ndarray:
    """Returns the counts of classes, then regions: int64 (N, K, 3)."""
    return np.concatenate([counts(table), counts(table, REGION)], axis=1)


def at_records_size(table: pd.DataFrame) -> pd.DataFrame:
    """Returns a table whose main columns are for the records' masks."""
    columns = [name for name in table.columns if name.startswith(AT_RECORDS_SIZE)]
    renamed = {name: name.removeprefix(AT_RECORDS_SIZE) for name in columns}
    replaced = table.columns.intersection(list(renamed.values()))
    return table.drop(columns=replaced).rename(columns=renamed)


def per_group(table: pd.DataFrame) -> pd.DataFrame:
    """Returns a row per group and network, scored on summed counts; no rows without groups.

    Columns: `column` (breed), `group` (beagle), `network`, `images`, `mean_iou`, and `region.NAME`,
    a region's IoU.
    """
    regions = names(table, REGION)
    rows = []
    for column in names(table, GROUP):
        for (group, network), part in table.groupby([f"{GROUP}{column}", "network"]):
            found = scores.iou(counts(part, REGION).sum(axis=0))
            mean = float(scores.mean_iou(counts(part).sum(axis=0)))
            row = {"column": column, "group": group, "network": network, "images": len(part)}
            of_regions = zip(regions, found.tolist(), strict=True)
            rows.append(row | {"mean_iou": mean} | {f"{REGION}{r}": v for r, v in of_regions})
    order = {network: position for position, network in enumerate(table["network"].unique())}
    columns = ["column", "group", "network", "images", "mean_iou"]
    grouped = pd.DataFrame(rows, columns=columns + [f"{REGION}{region}" for region in regions])
    of_columns = {column: position for position, column in enumerate(names(table, GROUP))}
    keys = {"column": of_columns, "network": order}
    return grouped.sort_values(
        columns[:3],
        key=lambda values: values.map(keys[values.name]) if values.name in keys else values,
        ignore_index=True,
    )


def comparison(counts: dict[str, np.ndarray], resamples: int, seed: int) -> dict:
    """Returns mean IoU and differences with 95 % intervals, from class counts (N, C, 3)."""
    found = bootstrap.intervals(counts, scores.mean_iou, resamples, seed)
    return {
        name: {"mean_iou": float(estimate), "low": float(low), "high": float(high)}
        for name, (estimate, low, high) in found.items()
    }


def confusion(counted: Counted, spec: DatasetSpec) -> pd.DataFrame:
    """Returns a row per cell: truth, prediction, share of the truth, pixels."""
    matrix, classes = counted.matrix, len(spec.classes)
    totals = matrix.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "truth": np.repeat(spec.class_names, classes),
            "prediction": np.tile(spec.class_names, classes),
            "share": np.where(totals, matrix / np.maximum(totals, 1), np.nan).ravel(),
            "pixels": matrix.ravel(),
        }
    )


def confusion_matrix(table: pd.DataFrame) -> np.ndarray:
    """Returns the matrix in a table of `confusion`: int64 (C, C)."""
    return table["pixels"].to_numpy(np.int64).reshape(table["truth"].nunique(), -1)


def reliability(result: Result) -> pd.DataFrame:
    """Returns a row per bin: confidence, accuracy, pixels; then the same at the temperature."""
    assert result.reliability is not None
    columns = {}
    for end, found in zip(("", "_at_temperature"), result.reliability, strict=True):
        pixels, confidence, correct = found.T
        with np.errstate(invalid="ignore"):
            columns[f"confidence{end}"] = confidence / pixels
            columns[f"accuracy{end}"] = correct / pixels
        columns[f"pixels{end}"] = pixels.astype(np.int64)
    return pd.DataFrame(columns)


def mean_ious(table: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Returns the images' mean IoU: `name`, and a column per network."""
    found = table.pivot(index="name", columns="network", values="mean_iou")
    return found.loc[names].reset_index(names="name")


def _without_nan(content):
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    return None if isinstance(content, float) and np.isnan(content) else content
