"""Faster operations for the same network, applied from outside by one call."""

from petseg.acceleration.network import TRICKS, accelerate

__all__ = ["TRICKS", "accelerate"]
