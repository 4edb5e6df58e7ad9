"""The nearest-neighbour index and the questions asked of it."""
