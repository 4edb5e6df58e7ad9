"""The entropy walker in C (entropy.c): all scans of a Huffman-coded JPEG, without pixels."""

# kind, scan, component, row, column (pixels), offset (bytes) of the first fault, most grave first; bits left behind the
# last MCU; segments padded with ones, with zeros; 1 where the end of image was reached; scans seen; how often each kind
# was met; for each component: (rows, stride, high, wide, Q of the DC, int16 plane of quantised DC, rows * stride).
Plane = tuple[int, int, int, int, int, bytes]
Report = tuple[int, int, int, int, int, int, int, int, int, int, int, tuple[int, ...], tuple[Plane, ...]]

def walk(data: bytes, max_pixels: int, /) -> Report | None:
    """None for what is not walked (arithmetic, lossless, 12 bits). Raises MemoryError."""
