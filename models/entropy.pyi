"""The entropy walker in C (entropy.c): all scans of a Huffman-coded JPEG, without pixels."""

# The gravest fault, scans, its scan, row and offset; end; bits left; segments padded with ones, with zeros; whether the
# end of image was reached; score and row of a break; row of a blank end; how often each fault was met.
Report = tuple[int, int, int, int, int, int, int, int, int, int, float, int, int, tuple[int, ...]]

def walk(data: bytes, max_pixels: int, /) -> Report | None:
    """None for what is not walked (arithmetic, lossless, 12 bits). Raises MemoryError."""
