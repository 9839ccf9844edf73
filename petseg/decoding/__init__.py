"""Encoded images and masks to pixels and labels, with checks."""
