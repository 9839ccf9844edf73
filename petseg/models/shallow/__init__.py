from petseg.models.shallow.network import build

__all__ = ["build"]
