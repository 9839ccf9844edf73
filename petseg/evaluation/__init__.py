"""Runs and scores networks; tables."""
