from petseg.models.unet.network import build, require_usable, scaled_groups

__all__ = ["build", "require_usable", "scaled_groups"]
