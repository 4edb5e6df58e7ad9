"""The entropy walker in C (entropy.c): all scans of a Huffman-coded JPEG."""

# Channels, width, height; grey or RGBX, row by row.
Pixels = tuple[int, int, int, bytes]

# The gravest fault, scans, its scan, row and offset; end; bits left; segments padded with ones, with zeros; whether the
# end of image was reached; score and row of a break; row of a blank end; how often each fault was met; the picture at
# `eighths` (1, 2, 4, 8) of its size, where libjpeg has nothing to add.
Report = tuple[int, int, int, int, int, int, int, int, int, int, float, int, int, tuple[int, ...], Pixels | None]

def walk(data: bytes, max_pixels: int, eighths: int = 0, /) -> Report | None:
    """None for what is not walked (arithmetic, lossless, 12 bits). Raises MemoryError."""
