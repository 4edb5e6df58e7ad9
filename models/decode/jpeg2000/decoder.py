"""JPEG 2000 (T.800) through OpenJPEG, which ignores lost data, so that zeros in the codestream are checked first."""

from models.decode.jpeg2000.channels import arrange_channels
from models.decode.jpeg2000.codestream import component_bits, find_codestream
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster
from models.decode.reason import DecodeError, RejectReason
from models.decode.zero_runs import check_zero_runs, check_zero_sectors
from models.recipe import Recipe


def decode_jpeg2000(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the image. Raises DecodeError(DAMAGED) for zeros that no encoder writes.

    Raises DecodeError(UNSUPPORTED) for unusual channels. What Pillow raises comes first, so that a truncated file is
    reported as such.
    """
    image = open_with_plugin("Jpeg2KImagePlugin", "Jpeg2KImageFile", data)
    bits = component_bits(data)
    # Pillow rounds such colours up to 256 and stores that as 0, so that white turns black.
    if bits > 8 and not image.mode.startswith("I"):
        raise DecodeError(RejectReason.UNSUPPORTED, f"JPEG 2000 in colours of {bits} bits per channel")
    raster = load_raster(image, max_pixels)
    if codestream := find_codestream(data):
        check_zero_sectors(data, codestream.start, codestream.stop)
        if codestream.min_zero_run:
            check_zero_runs(data, codestream.start, codestream.stop, min_run=codestream.min_zero_run)
    raster.image = arrange_channels(raster.image, data)
    return raster
