"""`petseg.load`: formats, default, threads, predictions and errors."""

import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import petseg
from petseg.app import export_formats
from petseg.core.dataset_spec import SPEC_FILE
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, write_json
from petseg.evaluation import full_size
from petseg.prediction import default_model
from petseg.prediction.network import Segmentation, region_to_cut_out
from tests.helpers import networks
from tests.helpers.images import half_red
from tests.helpers.processes import run_python
from tests.helpers.specs import CELLS, PETS, STREET, add_spec

FILES = {"saved_model": "saved_model", "tflite_float16": "float16.tflite", "onnx": "model.onnx"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """Predicts pet for red, background for green, border for blue."""
    folder, model = tmp_path_factory.mktemp("exported"), networks.colours()
    model.save(folder / "colours.keras")
    for name, file in FILES.items():
        kind = export_formats.FORMATS[name]
        if not export_formats.missing_packages(kind):
            kind.write(export_formats.Source(model, PETS), folder / file)
    write_json(folder / SPEC_FILE, PETS.to_json())
    return folder


@pytest.mark.parametrize("file", ["colours.keras", *FILES.values()])
def test_every_exported_format_can_be_used(exported, file):
    if file == "model.onnx" and importlib.util.find_spec("onnxruntime") is None:
        pytest.skip("onnxruntime is not installed (extra onnx)")
    network = petseg.load(exported / file)
    assert network.image_size == (16, 16) and network.spec == PETS
    found = network.segment(half_red())
    assert found.labels.shape == (60, 90) and found.labels.dtype == np.uint8
    assert (found.labels[:, :42] == 0).all() and (found.labels[:, 48:] == 1).all()
    assert found.shares == {"pet": 0.5, "background": 0.5, "border": 0.0}
    assert found.region_shares == {"pet": 0.5}
    logits = network.run(np.zeros((3, 16, 16, 3), np.uint8))
    assert logits.shape == (3, 16, 16, 3) and logits.dtype == np.float32


def test_network_is_thread_safe(exported):
    network = petseg.load(exported / "float16.tflite")
    images = [half_red((90 + i, 60)) for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(network.segment, images))
    for image, one in zip(images, found, strict=True):
        np.testing.assert_array_equal(one.labels, network.segment(image).labels)


def test_flip_averages_with_the_mirror_image(exported):
    network = petseg.load(exported / "float16.tflite")
    seen = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
    mean = (network.run(seen) + network.run(seen[:, :, ::-1])[:, :, ::-1]) / 2
    np.testing.assert_allclose(network.segment(seen[0], flip=True).logits, mean[0], atol=1e-6)


def test_segmentation_becomes_pictures_and_probabilities(exported):
    found = petseg.load(exported / "float16.tflite").segment(half_red())
    assert found.overlay().mode == "RGB" and found.overlay().height > 60
    assert found.cutout().getpixel((5, 5)) == (255, 0, 0, 255)
    assert found.cutout("background").getpixel((5, 5))[3] == 0
    assert set(np.asarray(found.mask()).ravel()) == {1, 2}
    expected = np.exp(next(full_size.bands(found.logits, 60, 90))[1])
    expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    with pytest.raises(PetsegError, match="no region or class 'dog'"):
        found.cutout("dog")


def test_segmentation_of_another_dataset_can_be_drawn():
    logits = np.random.default_rng(0).normal(size=(8, 8, 20)).astype(np.float32)
    found = Segmentation(half_red(), logits, STREET)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.mask().mode == "I;16" and region_to_cut_out(STREET) == "even"


@pytest.mark.parametrize(
    ("name", "kind"), [("a.tflite", "TFLite"), ("a.onnx", "ONNX"), ("a.keras", "a Keras model")]
)
def test_damaged_file_is_refused_with_its_format(workdir, name, kind):
    if name == "a.onnx":
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (extra onnx)")
    Path(name).write_bytes(b"no network")
    for spec in (None, PETS):
        with pytest.raises(PetsegError, match=f"{name} cannot be loaded as {kind}: "):
            petseg.load(name, spec=spec)


def test_missing_file_and_folder_without_a_network_are_refused(workdir):
    with pytest.raises(PetsegError, match=r"no\.tflite not found"):
        petseg.load("no.tflite")
    Path("folder").mkdir()
    with pytest.raises(PetsegError, match="folder cannot be loaded as SavedModel"):
        petseg.load("folder", spec=PETS)


def test_network_of_other_classes_is_refused(exported, workdir):
    content = (exported / "float16.tflite").read_bytes()
    Path("a.tflite").write_bytes(content[: content.index(b"PK\x03\x04")])  # without the spec
    with pytest.raises(PetsegError, match="does not say what its classes are"):
        petseg.load("a.tflite")
    with pytest.raises(PetsegError, match=r"gives \(1, 16, 16, 3\); expected .* of 2 classes"):
        petseg.load("a.tflite", spec=CELLS)
    with pytest.raises(PetsegError, match="was trained for oxford_iiit_pet"):
        petseg.load(exported / "float16.tflite", spec=CELLS)


def test_missing_package_is_named(exported, uninstall):
    uninstall("ai_edge_litert")
    with pytest.raises(PetsegError, match="needs another package: pip install ai-edge-litert"):
        petseg.load(exported / "float16.tflite")


def test_default_network_is_the_current_export_then_trained_then_shipped(
    exported, workdir, monkeypatch
):
    shipped = workdir / "shipped"
    shipped.mkdir()
    monkeypatch.setattr(default_model, "_PRETRAINED", (workdir / "nowhere", shipped))
    with pytest.raises(PetsegError, match=r"models/unet\.keras not found, and petseg has no"):
        default_model.find()
    (shipped / "unet.tflite").write_bytes(b"")
    assert default_model.find() == shipped / "unet.tflite"
    Path("models").mkdir()
    trained = Path("models/unet.keras")
    trained.write_bytes((exported / "colours.keras").read_bytes())
    add_spec(trained, PETS)
    assert default_model.find() == trained
    quick = Path("exported/unet/float16.tflite")
    quick.parent.mkdir(parents=True)
    quick.write_bytes(b"")
    write_json(quick.parent / "report.json", {"model_sha256": file_sha256(trained)})
    assert default_model.find() == quick
    trained.write_bytes(b"trained again")
    assert default_model.find() == trained


NO_TENSORFLOW = """
import sys
from petseg.app import predict
try:
    predict.main(sys.argv[1:])
finally:
    assert not {"tensorflow", "keras", "matplotlib", "pandas"} & set(sys.modules)
"""


def test_tflite_imports_neither_tensorflow_nor_matplotlib(exported, workdir):
    half_red().save("cat.jpg", quality=100)
    arguments = ["cat.jpg", "--model", exported / "float16.tflite", "--cutout", "--json"]
    done = run_python("-c", NO_TENSORFLOW, *arguments, folder=workdir)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["photographs"][0]["shares"]["pet"] == pytest.approx(
        0.5, abs=0.02
    )
