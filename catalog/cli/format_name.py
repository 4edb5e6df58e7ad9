"""Formats as people name them: as the catalog does, or by the end of a file's name."""

from typing import Any

import click
from click.shell_completion import CompletionItem

# Beside the table itself (models/decode/formats.py), which would load every decoder before a word is answered; a test
# compares them.
FORMATS = (
    *("jpeg", "png", "webp", "gif", "heif", "avif", "tiff", "bmp", "jpeg2000"),
    *("psd", "pnm", "sgi", "pcx", "ico", "icns", "tga"),
)
ENDINGS = {
    **dict.fromkeys(("jpg", "jpe", "jfif", "mpo"), "jpeg"),
    **dict.fromkeys(("heic", "hif"), "heif"),
    **dict.fromkeys(("jp2", "j2k", "jpf", "jpx"), "jpeg2000"),
    **dict.fromkeys(("ppm", "pgm", "pbm"), "pnm"),
    **{"apng": "png", "tif": "tiff", "dib": "bmp"},
}


class Format(click.ParamType[str]):
    """A format by its name or by an ending of file names, in either case."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name that the catalog knows; "" stands for none."""
        word = str(value).lower().removeprefix(".")
        word = ENDINGS.get(word, word)
        if word and word not in FORMATS:
            self.fail(f"{value!r} is none of {', '.join(FORMATS)}", param, ctx)
        return word

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names."""
        return [CompletionItem(name) for name in FORMATS if name.startswith(incomplete.lower())]
