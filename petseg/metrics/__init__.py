"""Confusion matrix -> scores -> bootstrap intervals: pure functions in NumPy."""
