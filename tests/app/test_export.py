"""`petseg export`: formats agree with Keras, failures are reported."""

import importlib.util
import json
import shutil
import warnings
import zipfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import petseg
from petseg import records
from petseg.app import export, export_formats, export_graph
from petseg.core import paths
from petseg.core.dataset_spec import SPEC_FILE, VOID, parse_spec
from petseg.core.errors import PetsegError
from petseg.core.files import read_json
from petseg.metrics import scores
from petseg.metrics.confusion import confusion_matrices
from petseg.prediction.runtimes import Runtime
from tests.helpers import networks
from tests.helpers.commands import exit_code
from tests.helpers.networks import SIDE
from tests.helpers.specs import CELLS, PETS, STREET


def lively(model: keras.Model) -> keras.Model:
    """Perturbs all weights, so that no classes tie."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        change = 1 + 0.2 * rng.normal(size=variable.shape)
        variable.assign(variable * change + 0.02 * np.abs(rng.normal(size=variable.shape)))
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    keras.utils.set_random_seed(0)
    made = {"unet": networks.unet(), "shallow": networks.shallow(width=16), "tiny": networks.tiny()}
    folder = tmp_path_factory.mktemp("models")
    for name, model in made.items():
        networks.save(lively(model), folder / f"{name}.keras")
    return {name: folder / f"{name}.keras" for name in made}


run = partial(exit_code, export.main, "--photographs", 3)


def rows(folder: str) -> dict:
    return json.loads(Path(folder, export.REPORT).read_text(encoding="utf-8"))["formats"]


TOLERANCES = {"tflite_float16": (0.95, 0.5), "tflite_dynamic_range": (0.95, 0.5)}
TOLERANCES["tflite_int8"] = (0.9, 2.0)
"""Least agreement and largest logit difference of the formats that round weights."""

KINDS = "float32", "float16", "dynamic_range", "int8"


@pytest.mark.parametrize(
    ("network", "formats"),
    [
        ("shallow", list(export.FORMATS)),
        pytest.param("unet", ["tflite_int8"], marks=pytest.mark.slow),
    ],
)
def test_every_format_agrees_with_keras(workdir, models, network, formats, capsys):
    formats = [
        name for name in formats if not export_formats.missing_packages(export.FORMATS[name])
    ]
    assert run("--model", models[network], "--formats", *formats) == 0
    said = capsys.readouterr().out
    report = rows(f"exported/{network}")
    assert list(report) == ["keras", *formats]
    for name in formats:
        row = report[name]
        least, most = TOLERANCES.get(name, (0.999, 1e-3))
        assert row["agreement"] >= least and row["largest_logit_difference"] < most
        assert row["mean_iou"] is None and row["regions"] == {"pet": None}
        assert row["bytes"] > 1000 and row["milliseconds"] > 0
        assert (workdir / "exported" / network / row["file"]).exists()
        assert f"\n{name} " in said
    sizes = {name: row["bytes"] for name, row in report.items()}
    if network == "shallow":
        float32, float16, *of_8_bits = (sizes[f"tflite_{kind}"] for kind in KINDS)
        assert float32 > float16 > max(of_8_bits)


@pytest.fixture(scope="module")
def exported(models, tmp_path_factory) -> Path:
    """The shallow network in every format, each in a folder."""
    folder = tmp_path_factory.mktemp("exported")
    model = keras.saving.load_model(models["shallow"])
    rng = np.random.default_rng(0)
    calibration = rng.integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)
    source = export_formats.Source(model, PETS, calibration)
    for name, kind in export.FORMATS.items():
        if not export_formats.missing_packages(kind):
            kind.write(source, folder / name / kind.file)
    return folder


def file(exported: Path, name: str) -> Path:
    path = exported / name / export.FORMATS[name].file
    if not path.exists():
        pytest.skip(f"{name} needs packages that are not installed")
    return path


def texts(path: Path) -> dict[str, str]:
    """Returns metadata as tools of the format read it."""
    if path.is_dir():
        found = (path / "assets.extra").iterdir()
        return {one.name: one.read_text() for one in found}
    if path.suffix == ".onnx":
        import onnx

        return {one.key: one.value for one in onnx.load(path).metadata_props}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("name", export.FORMATS)
def test_file_contains_signature_and_classes(exported, name):
    found = texts(file(exported, name))
    assert found["labels.txt"] == "pet\nbackground\nborder\n"
    assert parse_spec(json.loads(found[SPEC_FILE]), "inside") == PETS
    about = json.loads(found["network.json"])
    batch = 1 if name.startswith("tflite") else "N"
    assert about["input"]["shape"] == [batch, SIDE, SIDE, 3]
    assert about["input"]["dtype"] == ("uint8" if name == "tflite_int8" else "float32")
    assert (about["input"]["layout"], about["input"]["range"]) == ("NHWC", [0, 255])
    assert about["outputs"]["logits"]["shape"] == [batch, SIDE, SIDE, 3]
    assert about["classes"] == ["pet", "background", "border"]


@pytest.mark.parametrize("name", export.FORMATS)
def test_prediction_needs_only_the_file(exported, name):
    network = petseg.load(file(exported, name))
    assert network.spec == PETS and network.image_size == (SIDE, SIDE)
    assert network.segment(np.zeros((20, 30, 3), np.uint8)).labels.shape == (20, 30)


def outputs(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    if path.is_dir():
        signature = tf.saved_model.load(path).signatures["serving_default"]
        return {name: value.numpy() for name, value in signature(images=images).items()}
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, {"images": images}), strict=True))
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner("serving_default")
    (kind,) = (details["dtype"] for details in runner.get_input_details().values())
    return runner(images=images.astype(kind))


@pytest.mark.parametrize("name", export.FORMATS)
def test_labels_are_the_argmax_of_logits(exported, name):
    images = np.random.default_rng(1).integers(0, 256, (1, SIDE, SIDE, 3)).astype(np.float32)
    found = outputs(file(exported, name), images)
    assert found.keys() == {"logits", "labels"}
    assert found["labels"].dtype == np.uint8
    assert found["logits"].dtype == (np.int8 if name == "tflite_int8" else np.float32)
    np.testing.assert_array_equal(found["labels"], found["logits"].argmax(axis=-1))


def test_int8_input_is_unscaled_pixels(exported):
    from ai_edge_litert.interpreter import Interpreter

    (taken,) = Interpreter(str(file(exported, "tflite_int8"))).get_input_details()
    assert taken["dtype"] == np.uint8 and taken["quantization"] == (1.0, 0)
    per_channel = [
        details["quantization_parameters"]["scales"].size
        for details in Interpreter(str(file(exported, "tflite_int8"))).get_tensor_details()
    ]
    assert max(per_channel) > 16


@pytest.mark.parametrize("network", ["unet", "shallow"])
def test_exported_graph_has_at_most_four_dimensions(models, tmp_path, network):
    refined = networks.unet(refinement_filters=8)
    model = refined if network == "unet" else keras.saving.load_model(models[network])
    copy, run = export_graph.exported_function(model, 1)
    graph = run.get_concrete_function().graph
    ranks = [t.shape.rank for op in graph.get_operations() for t in op.outputs]
    assert max(rank for rank in ranks if rank is not None) == 4
    images = networks.squares(1)[0]
    np.testing.assert_allclose(copy(images), model(images), atol=1e-6)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_tflite_gpu_delegate_supports_every_operation(exported, kind, capsys):
    content = file(exported, f"tflite_{kind}").read_bytes()
    tf.lite.experimental.Analyzer.analyze(model_content=content, gpu_compatibility=True)
    said = capsys.readouterr().out
    assert "Your model looks compatible with GPU delegate" in said
    assert "GPU COMPATIBILITY WARNING" not in said


@pytest.mark.parametrize("opset", [15, export_formats.OPSET])
def test_onnx_has_the_requested_opset(models, workdir, opset):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra onnx)")
    wanted = ("--formats", "onnx", "--opset", opset)
    assert run("--model", models["tiny"], *wanted) == 0
    found = onnx.load("exported/tiny/model.onnx").opset_import
    assert {one.domain: one.version for one in found}[""] == opset
    assert read_json(Path("exported/tiny/report.json"))["onnx_opset"] == opset


def test_onnx_agrees_with_keras(workdir, models):
    for package in export.FORMATS["onnx"].packages:
        pytest.importorskip(package, reason=f"{package} is not installed (extra onnx)")
    assert run("--model", models["shallow"], "--formats", "onnx") == 0
    assert rows("exported/shallow")["onnx"]["agreement"] >= 0.999


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--formats", "onnx"), 1)])
def test_missing_package_is_reported(workdir, models, monkeypatch, capsys, options, code):
    """It is a failure only if --formats names the format."""
    find, pretended = importlib.util.find_spec, {"onnxruntime": "there", "tf2onnx": None}
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: pretended[name] if name in pretended else find(name),
    )
    cheap = {name: export.FORMATS[name] for name in ("saved_model", "onnx")}
    monkeypatch.setattr(export, "FORMATS", cheap)
    assert run("--model", models["tiny"], *options) == code
    assert "\nonnx: needs tf2onnx: pip install tf2onnx\n" in capsys.readouterr().out


def test_failing_format_is_reported_and_others_go_on(workdir, models, monkeypatch, capsys):
    def refuse(model, path):
        raise NotImplementedError("no such operation\nand many more lines")

    def never(images):
        return np.full((len(images), SIDE, SIDE, 3), np.nan, np.float32)

    def other(images):
        return np.random.default_rng(0).normal(size=(len(images), SIDE, SIDE, 3))

    def touch(model, path):
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()

    formats = {
        "refused": export.Format("a", refuse, lambda path: Runtime(never, (), ()), 0.9),
        "not_finite": export.Format("b", touch, lambda path: Runtime(never, (), ()), 0.9),
        "lossy": export.Format("c", touch, lambda path: Runtime(other, (), ()), 0.9),
        "saved_model": export.FORMATS["saved_model"],
    }
    monkeypatch.setattr(export, "FORMATS", formats)
    assert run("--model", models["tiny"]) == 1
    said = capsys.readouterr().out
    assert "\nrefused: NotImplementedError: no such operation\n" in said
    assert "\nnot_finite: its logits are not finite\n" in said
    assert "\nlossy: less than 90.0% of the labels agree with Keras\n" in said
    assert "reason" not in rows("exported/tiny")["saved_model"]
    assert run("--model", models["tiny"], "--formats", "saved_model") == 0


def test_only_an_earlier_export_is_replaced(workdir, models):
    wanted = ("--model", models["tiny"], "--formats", "saved_model", "--out", "there")
    assert run(*wanted) == 0
    (workdir / "there/saved_model/old").touch()
    assert run(*wanted) == 0
    assert not (workdir / "there/saved_model/old").exists()
    (workdir / "mine/saved_model").mkdir(parents=True)
    (workdir / "mine/saved_model/diary.txt").write_text("dear diary")
    with pytest.raises(PetsegError, match="is not a SavedModel and would be replaced"):
        export._refuse_foreign(workdir / "mine/saved_model")
    assert "is not a SavedModel" in run(*wanted[:-1], "mine")
    assert (workdir / "mine/saved_model/diary.txt").read_text() == "dear diary"


def test_missing_model_is_one_message(workdir):
    assert run("--model", "no.keras").startswith("error: no.keras not found: train the networks")


def test_compares_on_the_test_split_if_classes_and_size_match(records_folder, workdir):
    shutil.copytree(records_folder, workdir / paths.RECORDS)
    test = records.load(paths.RECORDS, "test")
    found = export.some_images(4, (SIDE, SIDE), PETS)
    np.testing.assert_array_equal(found.pixels, test.images[:4])
    np.testing.assert_array_equal(found.masks, test.masks[:4])
    assert found.source == "the test split"
    for size, spec in (((SIDE, 2 * SIDE), PETS), ((SIDE, SIDE), CELLS)):
        found = export.some_images(2, size, spec)
        assert found.source == "generated pictures" and found.masks is None
        assert found.pixels.shape == (2, *size, 3)


def test_compares_on_generated_pictures_without_records(workdir):
    found = export.some_images(5, (SIDE, 3 * SIDE), STREET)
    assert found.pixels.shape == (5, SIDE, 3 * SIDE, 3) and found.pixels.dtype == np.uint8
    assert found.masks is None and all(picture.std() > 5 for picture in found.pixels)


def test_scores_ignore_void_pixels():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 8, 12, 20)).astype(np.float32)
    masks = rng.integers(0, 19, (3, 8, 12), np.uint8)  # the last class is absent
    masks[:, :2] = VOID
    images = export.Images(rng.integers(0, 256, (3, 8, 12, 3), np.uint8), masks, "here")
    found = export.Measured(logits, 1.0)
    row = export.compared(found, found, images, STREET)
    matrix = confusion_matrices(masks, logits.argmax(-1), 20).sum(axis=0)
    summary = scores.summary(scores.counts(matrix, STREET.label_sets)[None], STREET)
    assert row["mean_iou"] == pytest.approx(summary["mean_iou"]) and row["agreement"] == 1
    assert row["regions"] == {
        name: pytest.approx(region["iou_dataset"]) for name, region in summary["regions"].items()
    }
    masks[:] = VOID
    row = export.compared(found, found, images, STREET)
    assert row["mean_iou"] is None and row["regions"] == {"even": None, "one": None}


def test_other_shapes_and_datasets_are_exported(workdir, capsys):
    networks.save(networks.pointwise((16, 32), 2), workdir / "cells.keras", CELLS)
    assert run("--model", "cells.keras", "--formats", "saved_model", "tflite_float32") == 0
    report = read_json(Path("exported/cells") / export.REPORT)
    assert report["classes"] == ["ground", "cell"]
    assert report["input"]["shape"] == ["N", 16, 32, 3]
    assert report["outputs"]["logits"]["shape"] == ["N", 16, 32, 2]
    assert all(row["agreement"] > 0.99 for row in report["formats"].values())
    said = capsys.readouterr().out
    assert "(generated pictures)" in said and " – " in said and "pet" not in said
    assert parse_spec(read_json(Path("exported/cells") / SPEC_FILE), "here") == CELLS


def test_export_shows_no_warning_of_the_interpreter(workdir, models):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run("--model", models["tiny"], "--formats", "tflite_float32") == 0
    assert "reason" not in rows("exported/tiny")["tflite_float32"]
