"""The entropy walk of all scans of a Huffman-coded JPEG, in C (entropy.c)."""

# Channels, width, height; grey or RGBX, row by row.
Pixels = tuple[int, int, int, bytes]

# The gravest fault; scans so far; its scan, row and offset; end; bits left over; segments padded with ones, with zeros;
# whether the end of the image was reached; score and row of a break; row of a blank end; count of each fault; the
# pixels at `eighths` (1, 2, 4, 8) of the size, if libjpeg could not warn about the image.
Report = tuple[int, int, int, int, int, int, int, int, int, int, float, int, int, tuple[int, ...], Pixels | None]

def walk(data: bytes, max_pixels: int, eighths: int = 0, /) -> Report | None:
    """Return the report, or None for a JPEG that is not walked (arithmetic, lossless, 12 bits). Raises MemoryError."""
