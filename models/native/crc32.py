"""libdeflate: the one place that knows it. CRC-32 (ISO 3309), which zlib takes ten times as long for (it was a fiftieth
of a pass), and inflating.
"""

from deflate import DeflateError, crc32, zlib_decompress

__all__ = ["DeflateError", "crc32", "zlib_decompress"]
