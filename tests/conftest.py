"""What all tests share."""

import os
from collections.abc import Iterator

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def pillow_as_it_was() -> Iterator[None]:
    """The decoders set Pillow's limit for their process; here another test follows in the same one."""
    limit = Image.MAX_IMAGE_PIXELS
    yield
    Image.MAX_IMAGE_PIXELS = limit


@pytest.fixture(autouse=True)
def path_of_modules_as_it_was() -> Iterator[None]:
    """Who starts a forkserver keeps the current directory off the path of all later children: here other tests' own."""
    yield
    os.environ.pop("PYTHONSAFEPATH", None)
