"""The report as one page that needs nothing but itself: no script, no file, no network. Pure.

It is XML as well as HTML, and its Content-Security-Policy lets nothing in but what lies in it: should a name ever get
past the escaping, a browser still runs and loads nothing.
"""

import base64
import hashlib
import os
from html import escape

from catalog.formatting import show
from catalog.report.build import Report
from catalog.report.elements import Cell, Rows, Section, Thumbnail, shown
from catalog.report.page_style import STYLE
from catalog.report.svg import svg
from catalog.report.thumbnails import Pictures
from catalog.report.wording import clock, many


def page(report: Report, pictures: Pictures) -> str:
    """The whole page. `pictures`: thumbnails by path."""
    sections = "\n".join(_section(name, section, pictures) for name, section in report.ordered.items())
    title = f"catalogd: {clock(report.at)}"
    since = f"since {clock(report.last.since)}" if report.last.since else "the first report"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="{policy()}"/>
<meta name="referrer" content="no-referrer"/>
<meta name="color-scheme" content="light dark"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{_text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header><p class="brand">catalogd</p><h1>{escape(clock(report.at))}</h1><p class="since">{_text(since)}</p></header>
<main>
{_alarms(report)}
{sections}
</main>
</body>
</html>
"""


def policy() -> str:
    """Nothing but thumbnails and the one style sheet, known by its digest: an injected one is not applied either."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _alarms(report: Report) -> str:
    if not report.alarms:
        return '<section class="calm"><h2>Nothing needs you</h2></section>'
    count = len(report.alarms)
    items = "".join(
        f'<li><a href="#{_text(name)}">{_text(section.title)}</a><span>{_words(section.alarm)}</span></li>'
        for name, section in report.alarms.items()
    )
    needs = "needs" if count == 1 else "need"
    return f'<section class="alarms"><h2>{many(count, "thing")} {needs} you</h2><ul>{items}</ul></section>'


def _section(name: str, section: Section, pictures: Pictures) -> str:
    parts = [
        f'<h2>{_text(section.title)}</h2><p class="headline">{_words(section.headline)}</p>',
        *(f"<p>{_words(line)}</p>" for line in section.lines),
        svg(section.plot) if section.plot else "",
        _grid(section.thumbnails, pictures),
        _table(section.rows) if section.rows and not _pictured(section) else "",
        f'<p class="more"><code>{_text(section.more)}</code></p>' if section.more else "",
    ]
    kind = ' class="red"' if section.alarm else ""
    return f'<section id="{_text(name)}"{kind}>{"".join(parts)}</section>'


def _pictured(section: Section) -> bool:
    """Whether the thumbnails say what the table does: the same files, and more of them."""
    return bool(section.thumbnails) and len(section.thumbnails) >= len(section.rows.rows)


def _text(cell: Cell) -> str:
    return escape(shown(cell))


def _words(text: str) -> str:
    """A sentence; what stands in backquotes is to be typed."""
    parts = shown(text).split("`")
    if len(parts) % 2 == 0:  # one of them belongs to a name
        return _text(text)
    return "".join(f"<code>{escape(part)}</code>" if place % 2 else escape(part) for place, part in enumerate(parts))


def _table(rows: Rows) -> str:
    head = "".join(f"<th{_side(name, rows)}>{_text(name)}</th>" for name in rows.columns)
    body = "".join(f"<tr>{''.join(map(_cell, row, rows.columns, [rows] * len(row)))}</tr>" for row in rows.rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: Cell, name: str, rows: Rows) -> str:
    side = ' class="path"' if isinstance(cell, bytes) else _side(name, rows)
    return f"<td{side}>{_text(cell)}</td>"


def _side(name: str, rows: Rows) -> str:
    return ' class="right"' if name in rows.right else ""


def _grid(thumbnails: tuple[Thumbnail, ...], pictures: Pictures) -> str:
    if not thumbnails:
        return ""
    return f'<ul class="grid">{"".join(_card(one, pictures.get(one.path)) for one in thumbnails)}</ul>'


def _card(one: Thumbnail, picture: str | None) -> str:
    folder, name = (show(part) for part in os.path.split(one.path))
    none = '<span class="none">cannot be shown</span>'
    image = f'<img src="data:image/jpeg;base64,{picture}" alt=""/>' if picture else none
    words = "".join(f"<li>{_text(word)}</li>" for word in one.words if word)
    return (
        f'<li class="card"><div class="frame">{image}{_chance(one.p_delete)}</div>'
        f'<p class="name">{_text(name)}</p><p class="folder">{escape(folder)}</p>'
        + (f'<ul class="why">{words}</ul>' if words else "")
        + "</li>"
    )


def _chance(p_delete: float | None) -> str:
    if p_delete is None:
        return ""
    kind = "likely" if p_delete >= 0.5 else "unlikely"
    return f'<span class="chance {kind}" title="p_delete {p_delete:.4f}">{p_delete:.2f}</span>'
