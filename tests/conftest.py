"""What all tests share."""

from collections.abc import Iterator

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def pillow_as_it_was() -> Iterator[None]:
    """The decoders set Pillow's limit for their process; here another test follows in the same one."""
    limit = Image.MAX_IMAGE_PIXELS
    yield
    Image.MAX_IMAGE_PIXELS = limit
