"""From the shell to written pictures: one photograph of 12 megapixels, or many small ones.

    python -m benchmarks.prediction one        # seconds, by TFLite; --format keras: by TensorFlow
    python -m benchmarks.prediction many       # images/s, of 100 photographs
    python -m benchmarks.prediction floor      # only decodes and writes the same pictures
    python -m benchmarks.prediction steps      # each step for the large one, on one core

The network is the U-Net of params.yaml with random weights, which are as slow as trained ones. Its
logits are smoothed, because a trained network's regions are large.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import ENVIRONMENT, measure, pets

SIDES = {"one": (3000, 4000), "many": (375, 500)}
COUNTS = {"one": 1, "many": 100}
FILES = {"tflite": "float16.tflite", "keras": "unet.keras"}
GRAIN = 4
"""Standard deviation of the photographs' noise; without it, PNG and JPEG are too fast."""


def network() -> Path:
    """Returns a folder with the network in both formats, made once."""
    folder = pets.HOME / f"prediction-{pets.SIZE[0]}x{pets.SIZE[1]}"
    if not folder.exists():
        from petseg.app.export_formats import FORMATS, Source
        from petseg.core.dataset_spec import SPEC_FILE
        from petseg.core.files import atomic_folder, write_json
        from petseg.core.params import load_params
        from petseg.models import unet

        params = load_params(pets.ROOT / pets.PARAMS)
        network = unet.build(pets.SIZE, pets.CLASSES, params.train_unet, None)
        model = smoothed(network)
        with atomic_folder(folder) as target:
            model.save(target / FILES["keras"])
            FORMATS["tflite_float16"].write(Source(model, pets.SPEC), target / FILES["tflite"])
            write_json(target / SPEC_FILE, pets.SPEC.to_json())
    return folder


def smoothed(network):
    """Returns a model whose logits are averaged over squares of 32 pixels, and interpolated."""
    import keras

    squares = keras.layers.AveragePooling2D(32)
    between = keras.layers.UpSampling2D(32, interpolation="bilinear")
    return keras.Model(network.input, between(squares(network.output)))


def photographs(kind: str) -> Path:
    """Returns a folder of JPEG files, drawn once."""
    from petseg.core.files import atomic_folder

    folder = pets.HOME / f"photographs-{kind}"
    if not folder.exists():
        rng = np.random.default_rng(0)
        height, width = SIDES[kind]
        with atomic_folder(folder) as target:
            for index in range(COUNTS[kind]):
                breed = pets.BREEDS[index % len(pets.BREEDS)]
                drawn, _ = pets.draw_pet(rng, breed, min(height, 750), min(width, 1000))
                image = Image.fromarray(drawn).resize((width, height), Image.Resampling.BICUBIC)
                noisy = np.asarray(image) + rng.normal(0, GRAIN, (height, width, 1))
                Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(
                    target / f"{index}.jpg", quality=92
                )
    return folder


def seconds_of_predict(kind: str, file_format: str) -> float:
    """Returns the seconds of `petseg predict` as a separate process, including its start."""
    command = [sys.executable, "-m", "petseg", "predict", str(photographs(kind))]
    command += ["--model", str(network() / FILES[file_format])]
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        subprocess.run(
            [*command, "--out", out], env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - start


def seconds_of_floor() -> float:
    """Returns the seconds to decode the photographs and write predict's pictures, on all cores."""
    import petseg
    from petseg.app import segmenting

    found = petseg.load(network() / FILES["tflite"])
    paths = sorted(photographs("many").iterdir())
    pictures = [(path.read_bytes(), found.segment(path)) for path in paths]
    drawn = [(data, one.mask(), one.overlay()) for data, one in pictures]

    def work(item) -> None:
        data, mask, overlay = item
        Image.open(io.BytesIO(data)).load()
        for picture, suffix in ((mask, "png"), (overlay, "jpg")):
            picture.save(io.BytesIO(), **segmenting.SAVED[suffix])

    start = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(work, drawn))
    return time.perf_counter() - start


def print_steps() -> None:
    """Prints the median of five runs of each step, for the large photograph."""
    import petseg
    from petseg.app import segmenting
    from petseg.evaluation import full_size
    from petseg.prediction import images, runtimes

    (path,) = photographs("one").iterdir()
    found = petseg.load(network() / FILES["tflite"])
    keras, _ = runtimes.load(network() / FILES["keras"], found.spec)
    image = images.read(path)
    seen = full_size.network_input(image, found.image_size)[None]
    one = found.segment(image)
    mask, overlay, cutout = one.mask(), one.overlay(), one.cutout()

    def saved(picture, suffix):
        return lambda: picture.save(io.BytesIO(), **segmenting.SAVED[suffix])

    start = [sys.executable, "-c", "import petseg.app.predict, ai_edge_litert.interpreter"]
    steps = {
        "start of Python and imports": lambda: subprocess.run(start, env=ENVIRONMENT, check=True),
        "decoding": lambda: images.read(path),
        "to the network's size": lambda: full_size.network_input(image, found.image_size),
        "the network, by LiteRT": lambda: found.run(seen),
        "the network, by Keras": lambda: keras(seen),
        "labels at full size": lambda: full_size.labels(one.logits, image.height, image.width),
        "overlay": one.overlay,
        "cutout": one.cutout,
        "writing the mask, PNG": saved(mask, "png"),
        "writing the overlay, JPEG": saved(overlay, "jpg"),
        "writing the overlay, PNG": saved(overlay, "png"),
        "writing the cutout, PNG": saved(cutout, "png"),
    }
    for name, step in steps.items():
        times = [_seconds(step) for _ in range(6)][1:]
        print(f"| {name} | {1000 * sorted(times)[2]:.0f} ms |")


def _seconds(step) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["one", "many", "floor", "steps"])
    parser.add_argument("--format", choices=FILES, default="tflite")
    options = parser.parse_args()
    if options.what == "steps":
        print_steps()
    elif options.what == "floor":
        measure.report(COUNTS["many"] / seconds_of_floor())
    else:
        network()
        photographs(options.what)
        seconds = seconds_of_predict(options.what, options.format)
        measure.report(seconds if options.what == "one" else COUNTS["many"] / seconds)


if __name__ == "__main__":
    main()
