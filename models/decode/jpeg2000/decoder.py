"""JPEG 2000 (T.800): zeros in its codestream, which OpenJPEG decodes without a word, and channels in another order."""

from models.decode.jpeg2000.channels import arrange_channels
from models.decode.jpeg2000.codestream import component_bits, find_codestream
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster
from models.decode.reason import DecodeError, RejectReason
from models.decode.zero_runs import check_zero_runs, check_zero_sectors
from models.recipe import Recipe


def decode_jpeg2000(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit(DAMAGED) for zeros that no coder writes, Unfit(UNSUPPORTED) for strange channels.

    Otherwise what Pillow raises, and that first: a cut is then called a cut.
    """
    image = open_with_plugin("Jpeg2KImagePlugin", "Jpeg2KImageFile", data)
    bits = component_bits(data)
    if bits > 8 and not image.mode.startswith("I"):  # Pillow rounds them up to 256, which it keeps as 0: white is black
        raise DecodeError(RejectReason.UNSUPPORTED, f"JPEG 2000 in colours of {bits} bits a channel")
    raster = load_raster(image, max_pixels)
    if found := find_codestream(data):
        check_zero_sectors(data, found.start, found.stop)
        if found.zeros:
            check_zero_runs(data, found.start, found.stop, least=found.zeros)
    raster.image = arrange_channels(raster.image, data)
    return raster
