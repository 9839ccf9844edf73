"""Confusion matrices to scores and bootstrap intervals: pure functions in NumPy."""
