"""What follows the change log or the clock: index, scores, training, backup."""
