"""Images, masks and encoder weights: copied or generated, checked, written into records."""
