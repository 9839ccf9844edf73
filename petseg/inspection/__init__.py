"""Reports on a folder of images and masks, and proposes its `dataset.yaml`."""
