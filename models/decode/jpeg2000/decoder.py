"""JPEG 2000 (T.800): zeros in its codestream, which OpenJPEG decodes without a word, and channels in another order."""

from models.decode.jpeg2000.channels import arranged
from models.decode.jpeg2000.codestream import depth, find_codestream
from models.decode.pillow_plugins import load_plain, open_plain
from models.decode.raster import Raster
from models.decode.reason import Reason, Unfit
from models.decode.zero_runs import check_holes, check_sectors
from models.recipe import Recipe


def decode_jpeg2000(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit(DAMAGED) for zeros that no coder writes, Unfit(UNSUPPORTED) for strange channels.

    Otherwise what Pillow raises, and that first: a cut is then called a cut.
    """
    image = open_plain("Jpeg2KImagePlugin", "Jpeg2KImageFile", data)
    bits = depth(data)
    if bits > 8 and not image.mode.startswith("I"):  # Pillow rounds them up to 256, which it keeps as 0: white is black
        raise Unfit(Reason.UNSUPPORTED, f"JPEG 2000 in colours of {bits} bits a channel")
    raster = load_plain(image, max_pixels)
    if found := find_codestream(data):
        check_sectors(data, found.start, found.stop)
        if found.zeros:
            check_holes(data, found.start, found.stop, least=found.zeros)
    raster.image = arranged(raster.image, data)
    return raster
