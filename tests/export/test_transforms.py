"""A source's transform is reproduced to the pixel or refused, for odd sizes and every way of resizing."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.picture import read_picture
from tools.export.compose import read_compose
from tools.export.image_processor import read_processor
from tools.export.reference import _pixels
from tools.export.source import ExportError, Preprocessing

SIZES = [(64, 64), (97, 64), (64, 97), (301, 203), (203, 301), (455, 100), (33, 40), (5, 40), (1000, 999), (641, 129)]


def picture(size: tuple[int, int]) -> Image.Image:
    """Coarse noise: every filter and every shift by a pixel shows."""
    width, height = size
    coarse = np.random.default_rng(width * 7 + height).integers(0, 256, (height // 2 + 1, width // 2 + 1, 3))
    return Image.fromarray(coarse.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def min_psnr(preprocess: Preprocessing, transform: Callable[[Image.Image], Any]) -> float:
    """Return the lowest PSNR, in dB, of our pixels to the source's over all sizes; 99 where all are equal."""
    worst = 99.0
    for size in SIZES:
        image = picture(size)
        stored = BytesIO()
        image.save(stored, "PNG")
        ours = read_picture(stored.getvalue(), preprocess.recipe).pixels
        theirs = _pixels(transform(image)[None], preprocess)[0]
        assert ours.shape == theirs.shape, size
        error = float(np.mean((ours.astype(float) - theirs) ** 2))
        worst = min(worst, 99.0 if error == 0 else 10 * np.log10(255**2 / error))
    return worst


@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize("crop_pct", [0.875, 0.9, 1.0])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_timm(crop_mode: str, crop_pct: float, interpolation: str) -> None:
    from timm.data import create_transform

    for size in ((3, 32, 32), (3, 33, 33), (3, 40, 24)):
        transform = create_transform(size, crop_pct=crop_pct, crop_mode=crop_mode, interpolation=interpolation)
        preprocess = read_compose(transform)
        assert (preprocess.recipe.height, preprocess.recipe.width) == size[1:]
        assert preprocess.mean == pytest.approx((0.485, 0.456, 0.406))
        assert min_psnr(preprocess, transform) == 99


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_open_clip(resize_mode: str, interpolation: str) -> None:
    from open_clip.transform import image_transform

    for size in (32, 33, (40, 24)):
        transform = image_transform(
            size, is_train=False, resize_mode=resize_mode, interpolation=interpolation, fill_color=9
        )
        assert min_psnr(read_compose(transform), transform) == 99


def test_uform() -> None:
    from uform.torch_processors import ImageProcessor

    config = {"image_size": 33, "normalization_means": [0.5] * 3, "normalization_deviations": [0.25] * 3}
    transform = ImageProcessor(config)._image_transform
    assert min_psnr(read_compose(transform), transform) == 99


@pytest.mark.parametrize("resample", [2, 3])
@pytest.mark.parametrize("edge", [33, 36, 41])
def test_transformers(resample: int, edge: int) -> None:
    """Equal where its processor runs on Pillow; where on tensors, off by a rounding here and there."""
    from transformers import BitImageProcessor, CLIPImageProcessor, SiglipImageProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    crop = {"height": 33, "width": 32}
    for kind, min_db in ((CLIPImageProcessorPil, 99), (CLIPImageProcessor, 50), (BitImageProcessor, 50)):
        processor = kind(size={"shortest_edge": edge}, crop_size=crop, resample=resample)
        assert min_psnr(read_processor(processor), processed(processor)) >= min_db
    squashing = SiglipImageProcessor(size={"height": edge, "width": 24}, resample=resample)
    assert min_psnr(read_processor(squashing), processed(squashing)) >= 50


def test_dinov3() -> None:
    from transformers import DINOv3ViTImageProcessor

    processor = DINOv3ViTImageProcessor(size={"height": 32, "width": 32})
    assert min_psnr(read_processor(processor), processed(processor)) >= 50


def processed(processor: Any) -> Callable[[Image.Image], Any]:
    return lambda image: torch.as_tensor(processor(images=[image], return_tensors="pt")["pixel_values"][0])


def test_an_unknown_step_is_an_error_never_a_guess() -> None:
    from timm.data import create_transform
    from torchvision import transforms as t

    fine = [t.Resize(40), t.CenterCrop(32), t.ToTensor(), t.Normalize([0.5] * 3, [0.5] * 3)]
    assert read_compose(t.Compose(fine)).recipe.edge == (40, 40)
    for wrong in (
        [t.Grayscale(3), *fine],
        [*fine[:2], t.RandomHorizontalFlip(), *fine[2:]],
        [t.Pad(3), *fine],
        [t.Resize(40), t.ToTensor()],  # pictures of any shape
        [t.Resize(24), t.CenterCrop(32), t.ToTensor()],  # black edges
        [t.Resize(40, max_size=50), *fine[1:]],
        [t.Resize((40, 40)), t.Resize((32, 32)), t.ToTensor()],
        [t.CenterCrop(32), t.ToTensor()],
        fine[:2],
    ):
        with pytest.raises(ExportError):
            read_compose(t.Compose(wrong))
    with pytest.raises(ExportError, match="TrimBorder"):
        read_compose(create_transform((3, 32, 32), crop_border_pixels=4))


def test_an_unknown_image_processor_is_an_error() -> None:
    from transformers import CLIPImageProcessor, Siglip2ImageProcessor, SiglipImageProcessor, ViTImageProcessor

    size = {"height": 32, "width": 32}
    assert read_processor(ViTImageProcessor(size=size)).recipe.resize == "squash"
    for wrong in (
        Siglip2ImageProcessor(),  # pictures of any shape, cut into patches
        CLIPImageProcessor(do_center_crop=False),
        CLIPImageProcessor(size={"shortest_edge": 30}, crop_size=size),
        CLIPImageProcessor(size={"shortest_edge": 30, "longest_edge": 50}, crop_size=size),
        SiglipImageProcessor(size=size, do_pad=True),
        SiglipImageProcessor(size=size, do_resize=False),
        SiglipImageProcessor(size=size, rescale_factor=1 / 127.5),
        SiglipImageProcessor(size=size, resample=0),
    ):
        with pytest.raises(ExportError):
            read_processor(wrong)
