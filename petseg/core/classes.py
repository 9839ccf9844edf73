"""The three classes of a trimap: names, label values and how the dataset's files spell them.

The dataset's own README defines the mask values as 1 = foreground (pet), 2 = background and
3 = not classified (the border). Some tutorials have 2 and 3 the wrong way round.
"""

CLASS_NAMES = ("pet", "background", "border")
NUM_CLASSES = len(CLASS_NAMES)

PET, BACKGROUND, BORDER = range(NUM_CLASSES)

MASK_VALUES = tuple(label + 1 for label in range(NUM_CLASSES))
"""The value of each class in the dataset's PNG masks; a label is the mask value minus one."""
