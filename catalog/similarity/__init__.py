"""The nearest-neighbour index, and searches by image and by text."""
