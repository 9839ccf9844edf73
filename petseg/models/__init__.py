"""A folder for each network, only Keras layers: `unet/`, `shallow/`; and `encoders/`."""
