"""The report as one page that needs nothing but itself: no script, no file, no network. Pure.

It is XML as well as HTML, and its Content-Security-Policy lets nothing in but what lies in it: should a name ever get
past the escaping, a browser still runs and loads nothing.
"""

import base64
import hashlib
import os
from html import escape

from catalog.formatting import printable_path
from catalog.report.build import Report
from catalog.report.elements import Cell, Section, Table, Thumbnail, printable_cell
from catalog.report.page_style import STYLE
from catalog.report.svg import plot_svg
from catalog.report.thumbnails import EncodedThumbnails
from catalog.report.wording import format_local_time, pluralize


def html_page(report: Report, pictures: EncodedThumbnails) -> str:
    """The whole page. `pictures`: thumbnails by path."""
    sections = "\n".join(_section(name, section, pictures) for name, section in report.ordered.items())
    title = f"catalogd: {format_local_time(report.at)}"
    since = f"since {format_local_time(report.last.since)}" if report.last.since else "the first report"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="{content_security_policy()}"/>
<meta name="referrer" content="no-referrer"/>
<meta name="color-scheme" content="light dark"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{_escaped(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header><p class="brand">catalogd</p><h1>{escape(format_local_time(report.at))}</h1>\
<p class="since">{_escaped(since)}</p></header>
<main>
{_alarms(report)}
{sections}
</main>
</body>
</html>
"""


def content_security_policy() -> str:
    """Nothing but thumbnails and the one style sheet, known by its digest: an injected one is not applied either."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _alarms(report: Report) -> str:
    if not report.alarms:
        return '<section class="calm"><h2>Nothing needs you</h2></section>'
    count = len(report.alarms)
    items = "".join(
        f'<li><a href="#{_escaped(name)}">{_escaped(section.title)}</a>'
        f"<span>{_sentence_html(section.alarm)}</span></li>"
        for name, section in report.alarms.items()
    )
    needs = "needs" if count == 1 else "need"
    return f'<section class="alarms"><h2>{pluralize(count, "thing")} {needs} you</h2><ul>{items}</ul></section>'


def _section(name: str, section: Section, pictures: EncodedThumbnails) -> str:
    parts = [
        f'<h2>{_escaped(section.title)}</h2><p class="headline">{_sentence_html(section.headline)}</p>',
        *(f"<p>{_sentence_html(line)}</p>" for line in section.lines),
        plot_svg(section.plot) if section.plot else "",
        _thumbnail_grid(section.thumbnails, pictures),
        _table(section.rows) if section.rows and not _thumbnails_cover_table(section) else "",
        f'<p class="more"><code>{_escaped(section.more)}</code></p>' if section.more else "",
    ]
    kind = ' class="red"' if section.alarm else ""
    return f'<section id="{_escaped(name)}"{kind}>{"".join(parts)}</section>'


def _thumbnails_cover_table(section: Section) -> bool:
    """Whether the thumbnails say what the table does: the same files, and more of them."""
    return bool(section.thumbnails) and len(section.thumbnails) >= len(section.rows.rows)


def _escaped(cell: Cell) -> str:
    return escape(printable_cell(cell))


def _sentence_html(text: str) -> str:
    """A sentence; what stands in backquotes is to be typed."""
    parts = printable_cell(text).split("`")
    if len(parts) % 2 == 0:  # one of them belongs to a name
        return _escaped(text)
    return "".join(f"<code>{escape(part)}</code>" if place % 2 else escape(part) for place, part in enumerate(parts))


def _table(rows: Table) -> str:
    head = "".join(f"<th{_alignment_class(name, rows)}>{_escaped(name)}</th>" for name in rows.columns)
    body = "".join(f"<tr>{''.join(map(_cell, row, rows.columns, [rows] * len(row)))}</tr>" for row in rows.rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: Cell, name: str, rows: Table) -> str:
    side = ' class="path"' if isinstance(cell, bytes) else _alignment_class(name, rows)
    return f"<td{side}>{_escaped(cell)}</td>"


def _alignment_class(name: str, rows: Table) -> str:
    return ' class="right"' if name in rows.right else ""


def _thumbnail_grid(thumbnails: tuple[Thumbnail, ...], pictures: EncodedThumbnails) -> str:
    if not thumbnails:
        return ""
    return f'<ul class="grid">{"".join(_thumbnail_card(one, pictures.get(one.path)) for one in thumbnails)}</ul>'


def _thumbnail_card(one: Thumbnail, picture: str | None) -> str:
    folder, name = (printable_path(part) for part in os.path.split(one.path))
    none = '<span class="none">cannot be shown</span>'
    image = f'<img src="data:image/jpeg;base64,{picture}" alt=""/>' if picture else none
    words = "".join(f"<li>{_escaped(word)}</li>" for word in one.words if word)
    return (
        f'<li class="card"><div class="frame">{image}{_p_delete_badge(one.p_delete)}</div>'
        f'<p class="name">{_escaped(name)}</p><p class="folder">{escape(folder)}</p>'
        + (f'<ul class="why">{words}</ul>' if words else "")
        + "</li>"
    )


def _p_delete_badge(p_delete: float | None) -> str:
    if p_delete is None:
        return ""
    kind = "likely" if p_delete >= 0.5 else "unlikely"
    return f'<span class="chance {kind}" title="p_delete {p_delete:.4f}">{p_delete:.2f}</span>'
