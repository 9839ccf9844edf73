"""Trains a network of segmentation_models.pytorch, as its examples do, for some minutes.

Runs in a separate environment (requirements-torch.txt), without TensorFlow and this project. FOLDER
contains uint8 arrays: `train_images.npy` (N, H, W, 3), `train_masks.npy` (N, H, W) with labels, and
the same for `validation`. `encoder.npz` has the encoder's weights, if there are any. Writes the
labels predicted for the validation split to FOLDER/labels.npy and prints a JSON line.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import torch

BATCH_SIZE = 16
LEARNING_RATE = 0.001
TIMED_STEPS = 4
"""After as many warm-up steps. Their pace sets the number of steps for the given time."""
KERAS_EPSILON = 0.001
"""Epsilon of batch normalization for weights that Keras trained."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--architecture", default="Unet")
    parser.add_argument("--encoder", default="mobilenet_v2")
    parser.add_argument("--seconds", type=float, required=True, help="for training")
    parser.add_argument("--pretrained", action="store_true", help="start from FOLDER/encoder.npz")
    options = parser.parse_args()
    torch.manual_seed(1)
    images, masks, held_out = (
        np.load(options.folder / f"{name}.npy")
        for name in ("train_images", "train_masks", "validation_images")
    )
    classes = int(masks[masks < 255].max()) + 1
    model = smp.create_model(
        options.architecture, encoder_name=options.encoder, encoder_weights=None, classes=classes
    )
    if options.pretrained:
        load_encoder(model.encoder, np.load(options.folder / "encoder.npz"))
    model = model.to(memory_format=torch.channels_last)
    found = train(model, images, masks, options.seconds)
    np.save(options.folder / "labels.npy", predicted(model, held_out))
    found["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    print(json.dumps(found))


def load_encoder(encoder: torch.nn.Module, weights) -> None:
    """Loads weights by the encoder's own names; for those of Keras see torch_rival.py."""
    tensors = {name: torch.from_numpy(weights[name]) for name in weights.files}
    own = {n: t for n, t in encoder.state_dict().items() if not n.endswith("num_batches_tracked")}
    if own.keys() != tensors.keys():
        differing = sorted(own.keys() ^ tensors.keys())
        raise SystemExit(f"error: these weights are missing on one side: {', '.join(differing)}")
    encoder.load_state_dict(encoder.state_dict() | tensors)
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = KERAS_EPSILON


def train(model: torch.nn.Module, images: np.ndarray, masks: np.ndarray, seconds: float) -> dict:
    """Trains with AdamW and one learning rate cycle over the given time; augments by flips only."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    loss_function = torch.nn.CrossEntropyLoss(ignore_index=255)
    rng, schedule, steps = np.random.default_rng(1), None, 0
    model.train()
    start = time.perf_counter()
    while True:
        if steps == TIMED_STEPS:
            warm = time.perf_counter()
        if steps == 2 * TIMED_STEPS:
            pace = (time.perf_counter() - warm) / TIMED_STEPS
            left = max(1, int((start + seconds - time.perf_counter()) / pace))
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, left + 1)
        if steps > 2 * TIMED_STEPS and time.perf_counter() - start > seconds:
            break
        chosen = np.sort(rng.choice(len(images), BATCH_SIZE, replace=False))
        mirrored = 1 - 2 * int(rng.integers(2))
        x = as_input(images[chosen][:, :, ::mirrored])
        y = torch.from_numpy(masks[chosen][:, :, ::mirrored].astype(np.int64))
        loss = loss_function(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule and schedule.last_epoch < left:
            schedule.step()
        steps += 1
    spent = time.perf_counter() - start
    return {"seconds": spent, "images": steps * BATCH_SIZE, "images_per_second": BATCH_SIZE / pace}


@torch.no_grad()
def predicted(model: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """Returns the labels of images uint8 (N, H, W, 3): uint8 (N, H, W)."""
    model.eval()
    batches = np.array_split(images, max(1, len(images) // BATCH_SIZE))
    labels = [model(as_input(batch)).argmax(dim=1).to(torch.uint8).numpy() for batch in batches]
    return np.concatenate(labels)


def as_input(images: np.ndarray) -> torch.Tensor:
    """Converts uint8 (B, H, W, 3) to float32 (B, 3, H, W) in [-1, 1], channels last in memory."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return (x.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


if __name__ == "__main__":
    main()
