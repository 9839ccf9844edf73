"""The stages, and parameters for generated pets and tiny networks."""

STAGES = ("download", "preprocess", "train_unet", "train_shallow", "evaluate", "visualize")

_TRAINING = {
    "epochs": 1,
    "batch_size": 8,
    "precision": "float32",
    "final_epochs_without_geometry": 0,
}
TINY = {
    "image_size": 32,
    "dataset": {"name": "generated_pets"},
    "preprocess": {"validation_share": 0.5},
    "train_unet": _TRAINING
    | {
        "encoder_weights": "none",
        "encoder_alpha": 0.35,
        "encoder_upscale": 1,
        "fine_tune_from": "block_15",
        "decoder_filters": [8, 8, 8, 8],
    },
    "train_shallow": _TRAINING | {"width": 4},
    "visualize": {"samples": 2, "augmentations": 2, "predictions": 2, "hardest": 2},
}
"""An overlay for the shipped params.yaml."""

SOURCE = {"train": 74, "test": 6, "side": 32}
"""An overlay for the section `source` of the dataset that TINY names."""
