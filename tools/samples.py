"""Generate a small image collection like those that people have: `python -m tools.samples DIR`.

Photo-like scenes, screenshots, memes and wallpapers in every format, exact copies under other names, near copies,
rotated images, and damaged files. No network; the same seed gives the same images.
"""

import argparse
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, features

DrawScene = Callable[[np.random.Generator], Image.Image]
ORIENTATION, DATE_TIME_ORIGINAL, EXIF_IFD, MAKE, MODEL = 0x0112, 0x9003, 0x8769, 0x010F, 0x0110
WORDS = ("report", "cat", "last", "winter", "shows", "42", "new", "messages", "light", "rain", "tea", "old", "roofs")
FOLDER_NAMES = ("Holiday 2019", "Été à Brest", "Прогулка", "京都 2021", "Garden", "Scans", "Müllers Geburtstag")
CAMERAS = (("Canon", "Canon PowerShot G11"), ("NIKON CORPORATION", "NIKON D60"), ("Google", "Pixel 7"))


def clouds(rng: np.random.Generator, width: int, height: int, slope: float) -> np.ndarray:
    """Return float64 [height, width] in 0..1 with a 1/f^slope spectrum, as natural scenes have (Field 1987)."""
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    radius = np.hypot(rows, columns)
    radius[0, 0] = 1
    phase = rng.uniform(0, 2 * np.pi, radius.shape)
    field_ = np.fft.irfft2(np.exp(1j * phase) / radius**slope, (height, width))
    scaled: np.ndarray = (field_ - field_.min()) / np.ptp(field_)
    return scaled


def landscape(rng: np.random.Generator) -> Image.Image:
    """Draw sky, and ranges of hills that darken towards the front."""
    width, height = (640, 480) if rng.random() < 0.7 else (480, 640)
    sky = clouds(rng, width, height, 1.8)[..., None]
    pixels = sky * rng.uniform(150, 250, 3) + (1 - sky) * rng.uniform(60, 220, 3)
    rows = np.arange(height)[:, None]
    for layer in range(4):
        ridge = clouds(rng, width, 8, 1.4)[0] * height * 0.35 + height * (0.35 + 0.15 * layer)
        ground = clouds(rng, width, height, 1.2)[..., None] * 70 + rng.uniform(20, 150 - 25 * layer, 3)
        pixels = np.where((rows > ridge)[..., None], ground, pixels)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def dead_leaves(rng: np.random.Generator) -> Image.Image:
    """Draw overlapping ellipses of power-law sizes: occlusion and edges as in photographs (Lee et al. 2001)."""
    image = Image.new("RGB", (640, 427))
    draw = ImageDraw.Draw(image)
    base = rng.uniform(30, 225, 3)
    for _ in range(500):
        size = min(200.0, 12 / rng.uniform(0.02, 1) ** 0.7)
        x, y, stretch = rng.uniform(-50, 690), rng.uniform(-50, 480), rng.uniform(0.4, 1)
        colour = tuple(int(c) for c in np.clip(base + rng.normal(0, 60, 3), 0, 255))
        draw.ellipse((x - size, y - size * stretch, x + size, y + size * stretch), fill=colour)
    grain = rng.normal(0, 6, (427, 640, 1))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def screenshot(rng: np.random.Generator) -> Image.Image:
    """Draw a window, or a chat on a phone, with text."""
    phone = rng.random() < 0.4
    width, height = (360, 740) if phone else (960, 600)
    dark = rng.random() < 0.3
    paper, ink = ((28, 30, 34), (220, 220, 220)) if dark else ((250, 250, 250), (40, 40, 45))
    image = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, 34), fill=tuple(int(c) for c in rng.integers(30, 200, 3)))
    draw.text((12, 8), _sentence(rng, 3), fill="white", font=ImageFont.load_default(16))
    for row in range(52, height - 30, 44 if phone else 22):
        left = 20 + (int(rng.integers(0, 90)) if phone else 0)
        if phone:
            tint = tuple(int(c) for c in rng.integers(120, 240, 3))
            draw.rounded_rectangle((left - 8, row - 6, left + 230, row + 28), 10, fill=tint)
        draw.text((left, row), _sentence(rng, 4 if phone else 12), fill=ink, font=ImageFont.load_default(14))
    return image


def meme(rng: np.random.Generator) -> Image.Image:
    """Draw a scene with capitals at the top and the bottom."""
    image = (landscape if rng.random() < 0.5 else dead_leaves)(rng)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(40)
    for y in (10, image.height - 60):
        words = _sentence(rng, 3).upper()
        draw.text((image.width / 2, y), words, "white", font, "ma", stroke_width=3, stroke_fill="black")
    return image


def wallpaper(rng: np.random.Generator) -> Image.Image:
    """Draw a smooth gradient between four corners."""
    corners = rng.uniform(0, 255, (2, 2, 3)).astype(np.uint8)
    return Image.fromarray(corners).resize((800, 500), Image.Resampling.BICUBIC)


def _sentence(rng: np.random.Generator, count: int) -> str:
    return " ".join(rng.choice(WORDS, count))


def encode(image: Image.Image, kind: str, rng: np.random.Generator, orientation: int = 1) -> bytes:
    """Return the bytes of a file; `kind`: an extension, "progressive" (JPEG), or "photo" (JPEG with EXIF)."""
    out = BytesIO()
    if kind == "tif":
        deep = np.asarray(image.convert("L")).astype(np.uint16) * 257
        Image.fromarray(deep).save(out, "TIFF", compression="tiff_lzw")
    elif kind == "photo":
        image.save(out, "JPEG", quality=int(rng.integers(80, 95)), exif=_exif(rng, orientation))
    elif kind == "heic":
        import pillow_heif

        pillow_heif.from_pillow(image).save(out, quality=60)
    elif kind == "gif":
        image.quantize(64).save(out, "GIF")
    else:
        names = {"jpg": "JPEG", "progressive": "JPEG", "avif": "AVIF"}
        options: dict[str, Any] = {"progressive": True} if kind == "progressive" else {}
        options |= {"speed": 9} if kind == "avif" else {}
        image.save(out, names.get(kind, kind.upper()), **options)
    return out.getvalue()


def _exif(rng: np.random.Generator, orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[MAKE], exif[MODEL] = CAMERAS[int(rng.integers(len(CAMERAS)))]
    exif[ORIENTATION] = orientation
    day, hour = int(rng.integers(1, 29)), int(rng.integers(8, 20))
    exif.get_ifd(EXIF_IFD)[DATE_TIME_ORIGINAL] = f"20{int(rng.integers(12, 25))}:07:{day:02} {hour:02}:15:00"
    return exif


@dataclass
class Collection:
    """The collection as written so far. `counts`: files by kind; `photos`: name, image and bytes, to copy later."""

    root: Path
    rng: np.random.Generator
    counts: dict[str, int] = field(default_factory=dict)
    photos: list[tuple[str, Image.Image, bytes]] = field(default_factory=list)

    def put(self, kind: str, name: str, data: bytes) -> None:
        """Write a file under the root, and count it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def originals(self, count: int) -> None:
        """Write the originals, a mixture of scenes, formats and folders."""
        recipes = _sample_kinds()
        for i in range(count):
            make, folder, stem, kind = recipes[i % len(recipes)]
            image = make(self.rng)
            name = f"{folder.format(FOLDER_NAMES[i // 5 % len(FOLDER_NAMES)])}/{stem.format(2000 + 7 * i)}"
            data = encode(image, kind, self.rng)
            self.put("originals", f"{name}.{'jpg' if kind in ('photo', 'progressive') else kind}", data)
            if kind == "photo":
                self.photos.append((name, image, data))

    def copies(self, count: int) -> None:
        """Write exact copies under other names, like those of backups and downloads."""
        for i in range(count):
            name, _, data = self.photos[i % len(self.photos)]
            self.put("copies", f"Backup/old phone/{i:02} {Path(name).name} (1).jpg", data)

    def near_copies(self, count: int) -> None:
        """Write photos again, resized, recompressed, cropped or brightened."""
        changes: tuple[tuple[str, Callable[[Image.Image], Image.Image], int], ...] = (
            ("small", lambda image: image.resize((image.width // 2, image.height // 2)), 85),
            ("whatsapp", lambda image: image, 35),
            ("crop", lambda image: image.crop((20, 15, image.width - 25, image.height - 20)), 88),
            ("bright", lambda image: ImageEnhance.Brightness(image).enhance(1.2), 88),
        )
        for i in range(count):
            name, image, _ = self.photos[i // 2 % len(self.photos)]
            suffix, change, quality = changes[i % len(changes)]
            out = BytesIO()
            change(image).save(out, "JPEG", quality=quality)
            self.put("near copies", f"Edited/{Path(name).name}_{suffix}_{i}.jpg", out.getvalue())

    def turned(self) -> None:
        """Write one scene in all eight EXIF orientations, which viewers show rotated and mirrored."""
        image = landscape(self.rng)
        for orientation in range(1, 9):
            data = encode(image, "photo", self.rng, orientation)
            self.put("turned", f"Camera/DSC_{4100 + orientation}.JPG", data)

    def damaged(self) -> None:
        """Write one file for each kind of damage."""
        sound = encode(dead_leaves(self.rng), "photo", self.rng)
        picture = encode(screenshot(self.rng), "png", self.rng)
        half, middle = len(sound) // 2, len(picture) // 2
        broken = {
            "IMG_0001 cut.jpg": sound[:half],
            "IMG_0002 tail.jpg": sound[: half + half // 2] + bytes(len(sound) - half - half // 2),
            "IMG_0003 sector.jpg": sound[:half] + bytes(4096) + sound[half + 4096 :],
            "Bildschirmfoto 4.png": picture[:middle] + bytes([picture[middle] ^ 1]) + picture[middle + 1 :],
            "download (5).jpg": b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n",
            "empty.jpg": b"",
            "notes.txt": b"Remember to sort these pictures one day.\n",
            "bomb.png": _decompression_bomb(),
        }
        for name, data in broken.items():
            self.put("damaged", f"Recovered/{name}", data)


def _sample_kinds() -> tuple[tuple[DrawScene, str, str, str], ...]:
    """Return (scene, folder, name, kind) of the originals, in turn; some builds of Pillow cannot write AVIF."""
    photos: tuple[tuple[DrawScene, str, str, str], ...] = (
        (landscape, "Photos/{}", "IMG_{:04}", "photo"),
        (dead_leaves, "Photos/{}", "DSC{:05}", "photo"),
    )
    return (
        *photos,
        (screenshot, "Screenshots", "Screenshot from 2023-04-05 {:04}", "png"),
        *photos,
        (meme, "Memes", "wenn du müde bist {:04}", "progressive"),
        *photos,
        (landscape, "Phone/DCIM", "IMG_E{:04}", "heic"),
        (dead_leaves, "Phone/DCIM", "PXL_{:04}", "avif" if features.check("avif") else "webp"),
        (meme, "Memes", "funny {:04}", "webp"),
        (wallpaper, "Wallpapers", "обои {:04}", "png"),
        (screenshot, "Screenshots", "画面 {:04}", "jpg"),
        (landscape, "Scans", "scan{:04}", "tif"),
        (wallpaper, "Wallpapers", "gradient {:04}", "bmp"),
        (meme, "Memes", "reaction {:04}", "gif"),
    )


def _decompression_bomb() -> bytes:
    """Return a PNG of 60,000 x 60,000 black pixels in a few kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress(bytes(7501) * 400, 9)
    head = struct.pack(">IIBBBBB", 60000, 60000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def make_samples(folder: Path, count: int = 200, seed: int = 1) -> dict[str, int]:
    """Write about `count` files (at least 40) below `folder`; return how many of each kind."""
    collection = Collection(folder, np.random.default_rng(seed))
    copies, near, fixed = count // 12, count // 6, 16  # 8 turned and 8 damaged
    collection.originals(max(10, count - copies - near - fixed))
    collection.copies(copies)
    collection.near_copies(near)
    collection.turned()
    collection.damaged()
    return collection.counts


def main(arguments: list[str] | None = None) -> int:
    """Write the collection and print what it holds."""
    parser = argparse.ArgumentParser(prog="python -m tools.samples", description=__doc__)
    parser.add_argument("dir", type=Path, help="folder to write to; created if missing")
    parser.add_argument("--count", type=int, default=200, help="approximate number of files (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other images (default 1)")
    options = parser.parse_args(arguments)
    counts = make_samples(options.dir, options.count, options.seed)
    parts = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    print(f"{sum(counts.values())} files in {options.dir}: {parts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
