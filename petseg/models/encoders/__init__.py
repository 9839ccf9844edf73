from petseg.models.encoders.encoder import Encoder, build

__all__ = ["Encoder", "build"]
