"""The page: one file that loads nothing, that no name can break out of, and that no file can keep from being made."""

import base64
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from catalog.config.settings import IntakeSettings
from catalog.console import TextPage
from catalog.report.build import Report
from catalog.report.elements import Baseline, Plot, PlotPoint, Section, Table, Thumbnail
from catalog.report.page import content_security_policy, html_page
from catalog.report.svg import plot_svg
from catalog.report.terminal import write_report
from catalog.report.thumbnail_worker import MAX_EDGE_PIXELS, thumbnail_jpeg
from catalog.report.thumbnails import make_thumbnails
from tests.support.report_service import EVIL, call, fill, place, rot, teach, told
from tests.support.running_service import Household, picture

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
LIMITS = IntakeSettings()
ALLOWED = {
    "img",
    "svg",
    "style",
    "meta",
    "a",
}  # elements that could load or lead, where what they may is asserted below


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path, roots=2)
    yield made
    made.close()


def tree(text: str) -> ElementTree.Element:
    """The page as XML: whatever is not well-formed raises."""
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def self_contained(text: str) -> None:
    """Nothing in it loads, runs or leads anywhere."""
    assert "http:" not in text and "https:" not in text and "//" not in re.sub(r"base64,[^\"]*", "", text)
    for element in tree(text).iter():
        assert element.tag not in ("script", "link", "iframe", "object", "embed", "form", "base", "video", "audio")
        for name, value in element.attrib.items():
            assert not name.startswith("on"), name
            assert name != "style", "the policy would not apply it"
            assert name != "src" or value.startswith("data:image/jpeg;base64,")
            assert name != "href" or value.startswith("#")


class Names(HTMLParser):
    """The elements as a browser's parser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)


def test_the_page_of_a_whole_household_is_well_formed_and_needs_nothing_else(house: Household) -> None:
    fill(house)
    teach(house)
    rot(house, "a002.png")
    file = house.folder / "page.html"
    assert call(house, "report", "--html", str(file)).exit_code == 1
    text = file.read_text()
    self_contained(text)
    assert content_security_policy() in text
    assert text.count("data:image/jpeg;base64,") > 10
    assert "&lt;script&gt;alert(1)&lt;b&gt;&amp;&quot;&#x27;\\n\\xff.png" in text
    assert "script" not in Names(text).seen
    kept = next((house.state / "reports").glob("*.html"))
    assert kept.read_text() == text
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_the_page_of_an_empty_catalog_is_well_formed(house: Household) -> None:
    assert house.once().returncode == 0
    text = html_page(told(house), {})
    self_contained(text)
    assert "Nothing needs your attention" in text


def test_what_needs_a_person_comes_first(house: Household) -> None:
    fill(house)
    os.rename(house.roots[1], house.roots[1] + b".away")
    house.once()
    text = html_page(told(house), {})
    ids = re.findall(r'<section id="(\w+)"', text)
    assert ids[0] == "roots"
    assert sorted(ids) == sorted(set(ids)), "each section once"
    assert text.index("1 thing needs your attention") < text.index('id="roots"')
    assert '<a href="#roots">' in text


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        '"/><img src=x onerror=alert(1)>',
        "</style><script>",
        "]]>\x00\x1b[31m\u202e\udcff",
        "`</code>`<b>`",
        "&lt;b&gt;",
    ],
)
def test_no_text_gets_out_of_its_place(evil: str) -> None:
    path = evil.encode("utf-8", "surrogateescape")
    section = Section(
        evil,
        evil,
        alarm=evil,
        lines=(evil,),
        table=Table((evil, "x", "y"), ((path, evil, "z"),), right=(evil,)),
        thumbnails=(Thumbnail(path, (evil,), 0.5),),
        plot=Plot(evil, (PlotPoint(evil, 1.0), PlotPoint(evil, 2.0))),
        more=evil,
    )
    report = Report(time.time(), Baseline(0.0), {"one": section})
    text = html_page(report, {})
    self_contained(text)
    sheet = TextPage(width=80)
    write_report(report, sheet)
    assert {"\x1b", "\x00", "\u202e", "\udcff"} & set(sheet.text) == set()
    harmless = html_page(Report(time.time(), Baseline(0.0), {"one": _harmless()}), {})
    assert Names(text).seen - {"code"} <= Names(harmless).seen


def _harmless() -> Section:
    rows, thumbnails = Table(("a", "b", "c"), ((b"p", "q", "r"),)), (Thumbnail(b"/p", ("w",), 0.5),)
    plot = Plot("a plot", (PlotPoint("a", 1.0), PlotPoint("b", 2.0)))
    return Section("t", "h", "`a`", ("l",), rows, thumbnails, plot, "m")


@pytest.mark.parametrize("kind", ["bars", "line"])
@pytest.mark.parametrize("values", [[0.0], [5.0], [0.0, 0.0], [1.0, 100.0, 3.0]])
def test_plots_are_well_formed_for_any_figures(kind: str, values: list[float]) -> None:
    points = tuple(PlotPoint(f"day {place}", value, value / 2) for place, value in enumerate(values))
    drawn = plot_svg(Plot("<files> a day", points, kind))  # type: ignore[arg-type]
    figures = [
        float(text) for text in re.findall(r'(?:height|width|y)="([^"]+)"', ElementTree.tostring(tree(drawn)).decode())
    ]
    assert all(0 <= figure <= 600 for figure in figures)
    assert 'aria-label="&lt;files&gt; a day' in drawn


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"])
def test_thumbnails_are_small_jpegs_of_any_format(tmp_path: Path, format: str) -> None:
    file = tmp_path / "picture"
    Image.open(BytesIO(picture(3))).resize((900, 600)).save(file, format)
    made = make_thumbnails([os.fsencode(file)], LIMITS)
    image = Image.open(BytesIO(base64.b64decode(made[os.fsencode(file)])))
    assert (image.format, image.size) == ("JPEG", (MAX_EDGE_PIXELS, MAX_EDGE_PIXELS * 2 // 3))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_every_kind_of_pixel_can_be_shown(mode: str) -> None:
    buffer = BytesIO()
    Image.new(mode if mode != "LA" else "LA", (50, 20)).save(buffer, "PNG" if mode not in ("CMYK", "YCbCr") else "TIFF")
    assert Image.open(BytesIO(thumbnail_jpeg(buffer.getvalue(), 10**6))).size == (50, 20)


def test_a_photograph_is_shown_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = BytesIO()
    Image.new("RGB", (60, 40)).save(buffer, "JPEG", exif=exif)
    assert Image.open(BytesIO(thumbnail_jpeg(buffer.getvalue(), 10**6))).size == (40, 60)


def test_a_damaged_picture_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "cut.jpg"
    file.write_bytes(picture(3, "JPEG")[:-150])
    assert os.fsencode(file) in make_thumbnails([os.fsencode(file)], LIMITS)


def test_what_cannot_be_shown_is_left_out_and_the_rest_is_made(tmp_path: Path) -> None:
    good, text, pipe, link, bomb = (tmp_path / name for name in ("good.png", "text", "pipe", "link", "bomb.png"))
    good.write_bytes(picture(1))
    text.write_text("no picture")
    os.mkfifo(pipe)
    link.symlink_to(good)
    Image.new("1", (4000, 4000)).save(bomb)
    every = [os.fsencode(one) for one in (text, pipe, link, bomb, tmp_path / "gone", tmp_path, good)]
    assert set(make_thumbnails(every, IntakeSettings(max_megapixels=1.0))) == {os.fsencode(good)}


def test_a_file_that_kills_or_hangs_its_maker_costs_one_thumbnail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for `python -m catalog.report.thumbnail_worker` that dies of one path and hangs in another."""
    maker = tmp_path / "maker"
    maker.write_text(
        f"#!{sys.executable}\n"
        "import os, sys, time\n"
        "for line in sys.stdin:\n"
        "    name = bytes.fromhex(line)\n"
        "    if b'kills' in name: os.abort()\n"
        "    if b'hangs' in name: time.sleep(600)\n"
        "    print('made', flush=True)\n"
    )
    maker.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(maker))
    found = make_thumbnails([b"one", b"kills", b"two", b"hangs", b"three"], IntakeSettings(seconds=2.0))
    assert set(found) == {b"one", b"two", b"three"}


def test_there_is_an_end_to_all_of_them(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(picture(1))
    assert make_thumbnails([os.fsencode(file)], LIMITS, total_seconds=-1.0) == {}


def test_the_maker_may_write_nothing_and_hold_little(tmp_path: Path) -> None:
    code = (
        "from catalog.sandbox import confine\n"
        "confine(100_000_000, may_write=False)\n"
        "try: bytearray(400_000_000)\n"
        "except MemoryError: print('memory')\n"
        f"try: open({str(tmp_path / 'new')!r}, 'w').write('x' * 10)\n"
        "except OSError: print('file')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "memory" in done.stdout
    assert not (tmp_path / "new").exists() or (tmp_path / "new").stat().st_size == 0


def test_files_of_the_corpus_are_shown() -> None:
    if not CORPUS.is_dir():
        pytest.skip("there is no corpus beside the project")
    for folder, least in (("photo", 1.0), ("meme", 1.0), ("camera", 0.8), ("formats", 0.5), ("fuzz_jpeg", 0.0)):
        files = [os.fsencode(file) for file in sorted((CORPUS / folder).iterdir())[:24] if file.is_file()]
        assert len(make_thumbnails(files, LIMITS)) >= least * len(files), folder


def test_the_hostile_name_has_its_thumbnail(house: Household) -> None:
    fill(house)
    path = house.root + b"/" + EVIL
    assert place(house, EVIL).exists()
    assert set(make_thumbnails([path], LIMITS)) == {path}
