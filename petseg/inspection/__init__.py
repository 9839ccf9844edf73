"""What a folder of images and masks contains, and a `dataset.yaml` for it."""
