"""The 19 changes after which an image has to be found again, for `tools.bench.model`."""

import io
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Change = Callable[[Image.Image, Generator], Image.Image]


def jpeg(quality: int) -> Change:
    """Return a change that encodes as JPEG and decodes again."""

    def change(image: Image.Image, rng: Generator) -> Image.Image:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality)
        return Image.open(stream).convert("RGB")

    return change


def crop(kept: float, centred: bool) -> Change:
    """Return a change that keeps a share of each side, centred or at random."""

    def change(image: Image.Image, rng: Generator) -> Image.Image:
        width, height = round(image.width * kept), round(image.height * kept)
        x, y = (0.5, 0.5) if centred else rng.uniform(0, 1, 2)
        left, top = round((image.width - width) * x), round((image.height - height) * y)
        return image.crop((left, top, left + width, top + height))

    return change


def quartered(image: Image.Image, rng: Generator) -> Image.Image:
    """Shrink each side to a quarter."""
    return image.resize((max(1, image.width // 4), max(1, image.height // 4)), Image.Resampling.BICUBIC)


def noisy(image: Image.Image, rng: Generator) -> Image.Image:
    """Add Gaussian noise, standard deviation 20 of 255."""
    values = np.asarray(image) + rng.normal(0, 20, (image.height, image.width, 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def captioned(image: Image.Image, rng: Generator) -> Image.Image:
    """Add a white band above, 18 % of the height, with two lines of text."""
    band = max(8, round(image.height * 0.18))
    sheet = Image.new("RGB", (image.width, image.height + band), "white")
    sheet.paste(image, (0, band))
    font = ImageFont.load_default(max(6, band // 3))
    ImageDraw.Draw(sheet).text((4, 2), "When you see it again\nand it looks the same", "black", font)
    return sheet


def badged(image: Image.Image, rng: Generator) -> Image.Image:
    """Draw an opaque badge of a fifth of the short side in a random corner."""
    side = max(6, round(min(image.size) * 0.2))
    left, top = (round(end * (length - side)) for end, length in zip(rng.integers(2, size=2), image.size, strict=True))
    changed = image.copy()
    draw = ImageDraw.Draw(changed)
    draw.ellipse((left, top, left + side, top + side), fill=(200, 30, 40))
    draw.text((left + side / 5, top + side / 3), "LOGO", "white", ImageFont.load_default(max(6, side // 4)))
    return changed


def blurred(image: Image.Image, rng: Generator) -> Image.Image:
    """Blur with a Gaussian, radius 1 % of the long side."""
    return image.filter(ImageFilter.GaussianBlur(max(image.size) * 0.01))


CHANGES: dict[str, Change] = {
    "resize to 1/4 of each side": quartered,
    "JPEG quality 50": jpeg(50),
    "JPEG quality 30": jpeg(30),
    "JPEG quality 10": jpeg(10),
    "crop: middle 90 % of each side": crop(0.9, True),
    "crop: any 80 % of each side": crop(0.8, False),
    "crop: any 70 % of each side": crop(0.7, False),
    "brightness x 1.5": lambda image, rng: ImageEnhance.Brightness(image).enhance(1.5),
    "contrast x 0.6": lambda image, rng: ImageEnhance.Contrast(image).enhance(0.6),
    "gamma 1.6": lambda image, rng: image.point([round(255 * (v / 255) ** 1.6) for v in range(256)] * 3),
    "grey": lambda image, rng: image.convert("L").convert("RGB"),
    "blur: radius 1 % of the long side": blurred,
    "noise: sd 20": noisy,
    "caption: white band of 18 %": captioned,
    "border: black, 6 % of the width": lambda image, rng: ImageOps.expand(image, round(image.width * 0.06), 0),
    "logo: 20 % of the short side": badged,
    "rotation by 5 degrees, black corners": lambda image, rng: image.rotate(5, Image.Resampling.BICUBIC),
    "rotation by 90 degrees": lambda image, rng: image.transpose(Image.Transpose.ROTATE_90),
    "mirror": lambda image, rng: ImageOps.mirror(image),
}
