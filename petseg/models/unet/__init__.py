from petseg.models.unet.network import build, scaled_groups

__all__ = ["build", "scaled_groups"]
