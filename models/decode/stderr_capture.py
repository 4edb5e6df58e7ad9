"""Capture of what libtiff writes to file descriptor 2: kept off the terminal, and evaluated as errors."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

# "TIFFFillStrip: Read error on strip 0; ...", "Fax4Decode: Bad code word ...", "tempfile.tif: ... not configured."
LIBTIFF_LINE = re.compile(
    rb"^(?:_?TIFF\w+|_tiff\w+|\w+(?:Decode|Setup)\w*|O?JPEG\w*|EstimateStrip\w+|MissingRequired|tempfile\.tif): "
)
# A skipped tag (those that describe the pixels are read by other functions), and errors that Pillow reports anyway.
IGNORED_PREFIXES = (b"TIFFFetchNormalTag: ", b"LibJpeg: ", b"initYCbCrConversion: ")


@contextmanager
def capture_libtiff_messages() -> Iterator[list[str]]:
    """Yield a list that receives libtiff's messages when the block ends or raises; pass on other lines."""
    lines: list[str] = []
    saved_stderr, capture = os.dup(2), os.memfd_create("libtiff-stderr")
    os.dup2(capture, 2)
    try:
        yield lines
    finally:
        os.dup2(saved_stderr, 2)
        captured = os.pread(capture, 65536, 0).splitlines(keepends=True)
        os.close(capture)
        os.close(saved_stderr)
        for line in captured:
            if line.startswith(IGNORED_PREFIXES):
                continue
            if LIBTIFF_LINE.match(line):
                lines.append(line.decode("utf-8", "replace").strip())
            else:
                os.write(2, line)
