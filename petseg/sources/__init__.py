"""Brings images, masks and encoder weights to disk, and images and masks into records."""
