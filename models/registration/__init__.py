"""Image registration: align one image with another, and measure how much of it the other explains."""
