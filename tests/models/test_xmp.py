"""XMP of three programs, in every format that contains it, and hostile XML."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from models.xmp import read_xmp_packet
from models.xmp_rating import XmpError, XmpMarks, read_xmp_marks

LIGHTROOM = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0-c000 1.000000, 0000/00/00-00:00:00        ">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
   xmp:Rating="{rating}" xmp:CreatorTool="Adobe Photoshop Lightroom 6.0" photoshop:SidecarForExtension="{extension}">
   <crs:ToneCurve><rdf:Seq><rdf:li>0, 0</rdf:li><rdf:li>255, 255</rdf:li></rdf:Seq></crs:ToneCurve>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""

DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:darktable="http://darktable.sf.net/"
   exif:DateTimeOriginal="2021:05:01 10:00:00.000"
   xmp:Rating="{rating}"
   xmpMM:DerivedFrom="IMG_0001.CR2"
   darktable:xmp_version="5"
   darktable:raw_params="0"
   darktable:auto_presets_applied="1">
   <darktable:history><rdf:Seq><rdf:li darktable:num="0" darktable:operation="flip"/></rdf:Seq></darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>"""

DIGIKAM = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:digiKam="http://www.digikam.org/ns/1.0/"
     xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/">
   <digiKam:PickLabel>{pick}</digiKam:PickLabel>
   <digiKam:ColorLabel>0</digiKam:ColorLabel>
   <xmp:Rating>{rating}</xmp:Rating>
   <MicrosoftPhoto:Rating>1</MicrosoftPhoto:Rating>
   <digiKam:TagsList><rdf:Seq><rdf:li>Places/Garden</rdf:li></rdf:Seq></digiKam:TagsList>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def lightroom(rating: object, extension: str = "") -> bytes:
    return LIGHTROOM.format(rating=rating, extension=extension).encode()


def darktable(rating: object) -> bytes:
    return DARKTABLE.format(rating=rating).encode()


def digikam(pick: object, rating: object = 0) -> bytes:
    return DIGIKAM.format(pick=pick, rating=rating).encode()


def image() -> Image.Image:
    return Image.linear_gradient("L").resize((24, 16)).convert("RGB")


def saved(format: str, **options: object) -> bytes:
    buffer = BytesIO()
    image().save(buffer, format, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def found(data: bytes) -> bytes | None:
    return read_xmp_packet(lambda start, length: data[start : start + length], len(data))


def png(xml: bytes, packed: bool) -> bytes:
    """Return a PNG with the chunk after its pixels, where some writers put it."""
    body = b"iTXtXML:com.adobe.xmp\0" + (b"\1\0\0\0" + zlib.compress(xml) if packed else b"\0\0\0\0" + xml)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    plain = saved("PNG")
    return plain[:-12] + chunk + plain[-12:]


@pytest.mark.parametrize(
    ("xml", "marks"),
    [
        (lightroom(-1), XmpMarks(rejected=True)),
        (lightroom(4, "CR2"), XmpMarks(stars=4, extension="cr2")),
        (lightroom(0), XmpMarks()),
        (lightroom(9), XmpMarks()),
        (lightroom("nan"), XmpMarks()),
        (lightroom("inf"), XmpMarks()),
        (darktable(-1), XmpMarks(rejected=True)),
        (darktable(5), XmpMarks(stars=5)),
        (digikam(1), XmpMarks(rejected=True)),
        (digikam(2, 3), XmpMarks(stars=3)),
        (digikam(3, "4.0"), XmpMarks(stars=4, accepted=True)),
        (lightroom(3).decode().encode("utf-16"), XmpMarks(stars=3)),
        (digikam(0, 5) + b"   \n" * 500, XmpMarks(stars=5)),
    ],
)
def test_marks_of_three_programs_are_read(xml: bytes, marks: XmpMarks) -> None:
    assert read_xmp_marks(xml) == marks


def test_a_rating_of_another_image_is_ignored() -> None:
    inner = b"<crs:Look><rdf:Description xmp:Rating='5'/></crs:Look></rdf:Description>"
    assert read_xmp_marks(lightroom(0).replace(b"</rdf:Description>", inner)) == XmpMarks()


BOMB = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "xml",
    [
        BOMB + darktable(-1)[38:],
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + darktable(-1)[38:],
        b"<a>" * 100_000,
        darktable(-1)[:300],
        b"",
        b"\xff\xd8 not text",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        darktable(-1).replace(b"xmlns:xmp", b"xmlns:other"),
    ],
)
def test_hostile_and_broken_xml_is_refused(xml: bytes) -> None:
    with pytest.raises(XmpError):
        read_xmp_marks(xml)


XML = digikam(1, 2)


@pytest.mark.parametrize(
    "data",
    [
        saved("JPEG", xmp=XML, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", comment=b"c" * 3000),
        saved("WEBP", xmp=XML),
        saved("TIFF", tiffinfo={700: XML}),
        saved("AVIF", xmp=XML),
        png(XML, packed=False),
        png(XML, packed=True),
    ],
    ids=["jpeg", "webp", "tiff", "avif", "png", "png packed"],
)
def test_the_packet_is_found_in_every_format(data: bytes) -> None:
    Image.open(BytesIO(data)).load()
    xml = found(data)
    assert xml is not None
    assert read_xmp_marks(xml) == XmpMarks(stars=2, rejected=True)
    for end in range(0, len(data), 7):  # cut anywhere: no packet, or a cut one, and no error
        found(data[:end])


def test_the_packet_of_a_heic_is_found() -> None:
    import pillow_heif

    buffer = BytesIO()
    pillow_heif.from_pillow(image().resize((64, 64))).save(buffer, xmp=XML)
    xml = found(buffer.getvalue())
    assert xml is not None and read_xmp_marks(xml).rejected


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"])
def test_files_without_a_packet_give_none(format: str) -> None:
    assert found(saved(format)) is None


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8" + b"\xff" * 500, b"II*\0\xff\xff\xff\xff", b"RIFF....WEBP"]
)
def test_invalid_files_give_none(data: bytes) -> None:
    assert not found(data)
