from petseg.acceleration.network import TRICKS, accelerate

__all__ = ["TRICKS", "accelerate"]
