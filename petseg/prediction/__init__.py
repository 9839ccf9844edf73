"""Trained networks at work: from a file and an image to labels and pictures, without TensorFlow
where the file does without."""
