"""What a C library says on file descriptor 2 during a call: kept from the terminal, and taken at its word."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

# "TIFFFillStrip: Read error on strip 0; ...", "Fax4Decode: Bad code word ...", "tempfile.tif: ... not configured."
LIBTIFF_LINE = re.compile(
    rb"^(?:_?TIFF\w+|_tiff\w+|\w+(?:Decode|Setup)\w*|O?JPEG\w*|EstimateStrip\w+|MissingRequired|tempfile\.tif): "
)
# A tag that it leaves out (those of the picture itself it fetches elsewhere), and what ends the decoding anyway.
IGNORED_PREFIXES = (b"TIFFFetchNormalTag: ", b"LibJpeg: ", b"initYCbCrConversion: ")


@contextmanager
def capture_libtiff_messages() -> Iterator[list[str]]:
    """The list is filled with libtiff's lines of the picture on leaving, also by an exception.

    Other writers' lines are passed on.
    """
    lines: list[str] = []
    kept, ear = os.dup(2), os.memfd_create("overheard")
    os.dup2(ear, 2)
    try:
        yield lines
    finally:
        os.dup2(kept, 2)
        said = os.pread(ear, 65536, 0).splitlines(keepends=True)
        os.close(ear)
        os.close(kept)
        for line in said:
            if line.startswith(IGNORED_PREFIXES):
                continue
            if LIBTIFF_LINE.match(line):
                lines.append(line.decode("utf-8", "replace").strip())
            else:
                os.write(2, line)
