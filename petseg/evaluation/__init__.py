"""Runs networks over images; scores, tables, scores at original size."""
