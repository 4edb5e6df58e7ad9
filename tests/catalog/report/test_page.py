"""The HTML page: self-contained, safe from hostile names, and made whatever files it shows."""

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
from tests.support.report_service import EVIL, add_images, current_report, flip_byte, label_and_train
from tests.support.running_service import RunningService, picture

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
LIMITS = IntakeSettings()
ALLOWED = {
    "img",
    "svg",
    "style",
    "meta",
    "a",
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path, roots=2)
    yield made
    made.close()


def tree(text: str) -> ElementTree.Element:
    """Parse the page as XML; raise if it is not well-formed."""
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def assert_self_contained(text: str) -> None:
    """Assert that nothing in the page loads, runs or links to anything outside."""
    assert "http:" not in text and "https:" not in text and "//" not in re.sub(r"base64,[^\"]*", "", text)
    for element in tree(text).iter():
        assert element.tag not in ("script", "link", "iframe", "object", "embed", "form", "base", "video", "audio")
        for name, value in element.attrib.items():
            assert not name.startswith("on"), name
            assert name != "style", "the policy would block it"
            assert name != "src" or value.startswith("data:image/jpeg;base64,")
            assert name != "href" or value.startswith("#")


class ElementNames(HTMLParser):
    """The names of the elements, as a browser's parser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)


def test_the_page_of_a_full_catalog_is_well_formed_and_self_contained(service: RunningService) -> None:
    add_images(service)
    label_and_train(service)
    flip_byte(service, "a002.png")
    file = service.folder / "page.html"
    assert service.invoke("report", "--html", str(file)).exit_code == 1
    text = file.read_text()
    assert_self_contained(text)
    assert content_security_policy() in text
    assert text.count("data:image/jpeg;base64,") > 10
    assert "&lt;script&gt;alert(1)&lt;b&gt;&amp;&quot;&#x27;\\n\\xff.png" in text
    assert "script" not in ElementNames(text).seen
    stored = next((service.state / "reports").glob("*.html"))
    assert stored.read_text() == text
    assert stat.S_IMODE(stored.parent.stat().st_mode) == 0o700


def test_the_page_of_an_empty_catalog_is_well_formed(service: RunningService) -> None:
    assert service.once().returncode == 0
    text = html_page(current_report(service), {})
    assert_self_contained(text)
    assert "Nothing needs your attention" in text


def test_sections_with_alarms_come_first(service: RunningService) -> None:
    add_images(service)
    os.rename(service.roots[1], service.roots[1] + b".away")
    service.once()
    text = html_page(current_report(service), {})
    ids = re.findall(r'<section id="(\w+)"', text)
    assert ids[0] == "roots"
    assert sorted(ids) == sorted(set(ids)), "a section is repeated"
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
def test_hostile_text_is_escaped_everywhere(evil: str) -> None:
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
    assert_self_contained(text)
    page = TextPage(width=80)
    write_report(report, page)
    assert {"\x1b", "\x00", "\u202e", "\udcff"} & set(page.text) == set()
    harmless = html_page(Report(time.time(), Baseline(0.0), {"one": _harmless()}), {})
    assert ElementNames(text).seen - {"code"} <= ElementNames(harmless).seen


def _harmless() -> Section:
    table, thumbnails = Table(("a", "b", "c"), ((b"p", "q", "r"),)), (Thumbnail(b"/p", ("w",), 0.5),)
    plot = Plot("a plot", (PlotPoint("a", 1.0), PlotPoint("b", 2.0)))
    return Section("t", "h", "`a`", ("l",), table, thumbnails, plot, "m")


@pytest.mark.parametrize("kind", ["bars", "line"])
@pytest.mark.parametrize("values", [[0.0], [5.0], [0.0, 0.0], [1.0, 100.0, 3.0]])
def test_plots_are_well_formed_for_any_values(kind: str, values: list[float]) -> None:
    points = tuple(PlotPoint(f"day {place}", value, value / 2) for place, value in enumerate(values))
    drawn = plot_svg(Plot("<files> a day", points, kind))  # type: ignore[arg-type]
    figures = [
        float(text) for text in re.findall(r'(?:height|width|y)="([^"]+)"', ElementTree.tostring(tree(drawn)).decode())
    ]
    assert all(0 <= figure <= 600 for figure in figures)
    assert 'aria-label="&lt;files&gt; a day' in drawn


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"])
def test_every_format_gets_a_small_jpeg_thumbnail(tmp_path: Path, format: str) -> None:
    file = tmp_path / "picture"
    Image.open(BytesIO(picture(3))).resize((900, 600)).save(file, format)
    made = make_thumbnails([os.fsencode(file)], LIMITS)
    image = Image.open(BytesIO(base64.b64decode(made[os.fsencode(file)])))
    assert (image.format, image.size) == ("JPEG", (MAX_EDGE_PIXELS, MAX_EDGE_PIXELS * 2 // 3))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_every_pixel_mode_gets_a_thumbnail(mode: str) -> None:
    buffer = BytesIO()
    Image.new(mode if mode != "LA" else "LA", (50, 20)).save(buffer, "PNG" if mode not in ("CMYK", "YCbCr") else "TIFF")
    assert Image.open(BytesIO(thumbnail_jpeg(buffer.getvalue(), 10**6))).size == (50, 20)


def test_thumbnails_follow_the_exif_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = BytesIO()
    Image.new("RGB", (60, 40)).save(buffer, "JPEG", exif=exif)
    assert Image.open(BytesIO(thumbnail_jpeg(buffer.getvalue(), 10**6))).size == (40, 60)


def test_a_truncated_image_gets_a_thumbnail(tmp_path: Path) -> None:
    file = tmp_path / "cut.jpg"
    file.write_bytes(picture(3, "JPEG")[:-150])
    assert os.fsencode(file) in make_thumbnails([os.fsencode(file)], LIMITS)


def test_files_that_cannot_be_shown_are_left_out(tmp_path: Path) -> None:
    good, text, pipe, link, bomb = (tmp_path / name for name in ("good.png", "text", "pipe", "link", "bomb.png"))
    good.write_bytes(picture(1))
    text.write_text("not an image")
    os.mkfifo(pipe)
    link.symlink_to(good)
    Image.new("1", (4000, 4000)).save(bomb)
    paths = [os.fsencode(one) for one in (text, pipe, link, bomb, tmp_path / "gone", tmp_path, good)]
    assert set(make_thumbnails(paths, IntakeSettings(max_megapixels=1.0))) == {os.fsencode(good)}


def test_a_file_that_kills_or_blocks_the_worker_costs_one_thumbnail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in for `python -m catalog.report.thumbnail_worker` aborts on one path and blocks on another."""
    worker = tmp_path / "worker"
    worker.write_text(
        f"#!{sys.executable}\n"
        "import os, sys, time\n"
        "for line in sys.stdin:\n"
        "    name = bytes.fromhex(line)\n"
        "    if b'kills' in name: os.abort()\n"
        "    if b'hangs' in name: time.sleep(600)\n"
        "    print('made', flush=True)\n"
    )
    worker.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(worker))
    found = make_thumbnails([b"one", b"kills", b"two", b"hangs", b"three"], IntakeSettings(seconds=2.0))
    assert set(found) == {b"one", b"two", b"three"}


def test_thumbnails_stop_after_the_total_time(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(picture(1))
    assert make_thumbnails([os.fsencode(file)], LIMITS, total_seconds=-1.0) == {}


def test_the_worker_may_not_write_files_or_use_much_memory(tmp_path: Path) -> None:
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


def test_files_of_the_corpus_get_thumbnails() -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not next to the project")
    for folder, min_share in (("photo", 1.0), ("meme", 1.0), ("camera", 0.8), ("formats", 0.5), ("fuzz_jpeg", 0.0)):
        files = [os.fsencode(file) for file in sorted((CORPUS / folder).iterdir())[:24] if file.is_file()]
        assert len(make_thumbnails(files, LIMITS)) >= min_share * len(files), folder


def test_a_file_with_a_hostile_name_gets_a_thumbnail(service: RunningService) -> None:
    add_images(service)
    path = service.root + b"/" + EVIL
    assert service.path(EVIL).exists()
    assert set(make_thumbnails([path], LIMITS)) == {path}
