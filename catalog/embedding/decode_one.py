"""Decode one image for a query, in a confined child of the command, because it may be any file."""

import os
from functools import partial
from typing import TYPE_CHECKING

from catalog.config.settings import IntakeSettings
from catalog.errors import ResourceError, UsageError
from catalog.filesystem.safe_read import read_whole
from catalog.formatting import printable_path
from catalog.sandbox import ConfinedError, run_confined

if TYPE_CHECKING:
    import numpy as np

    from models.recipe import Recipe

MEBIBYTE = 1 << 20
PIXELS, NOT_DECODABLE, UNREADABLE = b"P", b"U", b"E"  # the first byte of the child's answer
REMEDY = "Use an intact image."


def decode_one(path: bytes, recipe: "Recipe", limits: IntakeSettings) -> "np.ndarray":
    """Return the image as the model's input: uint8 [height, width, 3].

    Raises ResourceError if the file cannot be read, UsageError if it is not an intact image.
    """
    import numpy as np

    work = partial(_decode, path, recipe, int(limits.max_megapixels * 1e6))
    try:
        answer = run_confined(work, limits.memory_mb * MEBIBYTE, limits.seconds)
    except ConfinedError as error:
        raise UsageError(f"{printable_path(path)} cannot be embedded: {error}", REMEDY) from error
    kind, body = answer[:1], answer[1:]
    if kind == UNREADABLE:
        raise ResourceError(f"cannot read {printable_path(path)}: {body.decode()}", "Check the path.")
    if kind == NOT_DECODABLE:
        raise UsageError(f"{printable_path(path)} cannot be embedded: {body.decode()}", REMEDY)
    return np.frombuffer(body, np.uint8).reshape(recipe.height, recipe.width, 3)


def _decode(path: bytes, recipe: "Recipe", max_pixels: int) -> bytes:
    from models.decode.reason import DecodeError
    from models.picture import read_picture

    try:
        return PIXELS + read_picture(read_whole(path), recipe, max_pixels=max_pixels).pixels.tobytes()
    except MemoryError:
        return NOT_DECODABLE + b"it needs more memory than the limit for one file"
    except OSError as error:
        return UNREADABLE + (error.strerror or os.strerror(error.errno or 0)).encode()
    except DecodeError as error:
        return NOT_DECODABLE + str(error).encode()
