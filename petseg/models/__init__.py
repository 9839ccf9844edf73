"""A folder for each network, in stock Keras layers, and the encoders."""
