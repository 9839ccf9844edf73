"""Decodes images and masks to pixels and labels, and checks them."""
