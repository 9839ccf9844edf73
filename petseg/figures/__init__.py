"""Draws figures from tables and arrays."""
