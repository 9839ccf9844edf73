"""Prediction: from a model file and an image to labels and pictures.

TensorFlow is only imported for file formats that need it.
"""
