"""Runs networks over images and scores them, also at original size; tables."""
