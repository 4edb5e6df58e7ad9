"""The report as one self-contained HTML page: no script, no external file, no network. Pure.

The page is also well-formed XML. Its Content-Security-Policy allows only what is inside it, so even a name that got
past the escaping could not run or load anything.
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
from catalog.report.wording import attention_summary, format_local_time, period_text


def html_page(report: Report, images: EncodedThumbnails) -> str:
    """Return the page. `images`: thumbnails by path."""
    sections = "\n".join(_section(name, section, images) for name, section in report.ordered.items())
    title = f"catalogd: {format_local_time(report.at)}"
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
<p class="since">{_escaped(period_text(report.baseline.since))}</p></header>
<main>
{_alarms(report)}
{sections}
</main>
</body>
</html>
"""


def content_security_policy() -> str:
    """Return a policy that allows only thumbnails and our style sheet, by its hash: injected styles do not apply."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _alarms(report: Report) -> str:
    summary = attention_summary(len(report.alarms))
    if not report.alarms:
        return f'<section class="calm"><h2>{summary}</h2></section>'
    items = "".join(
        f'<li><a href="#{_escaped(name)}">{_escaped(section.title)}</a>'
        f"<span>{_sentence_html(section.alarm)}</span></li>"
        for name, section in report.alarms.items()
    )
    return f'<section class="alarms"><h2>{summary}</h2><ul>{items}</ul></section>'


def _section(name: str, section: Section, images: EncodedThumbnails) -> str:
    parts = [
        f'<h2>{_escaped(section.title)}</h2><p class="headline">{_sentence_html(section.headline)}</p>',
        *(f"<p>{_sentence_html(line)}</p>" for line in section.lines),
        plot_svg(section.plot) if section.plot else "",
        _thumbnail_grid(section.thumbnails, images),
        _table(section.table) if section.table and not _thumbnails_cover_table(section) else "",
        f'<p class="more"><code>{_escaped(section.more)}</code></p>' if section.more else "",
    ]
    css_class = ' class="red"' if section.alarm else ""
    return f'<section id="{_escaped(name)}"{css_class}>{"".join(parts)}</section>'


def _thumbnails_cover_table(section: Section) -> bool:
    """Return whether the thumbnails make the table redundant: they show the same files, or more."""
    return bool(section.thumbnails) and len(section.thumbnails) >= len(section.table.rows)


def _escaped(cell: Cell) -> str:
    return escape(printable_cell(cell))


def _sentence_html(text: str) -> str:
    """Return a sentence with commands in backquotes marked as code."""
    parts = printable_cell(text).split("`")
    if len(parts) % 2 == 0:  # an unpaired backquote belongs to a name
        return _escaped(text)
    return "".join(f"<code>{escape(part)}</code>" if place % 2 else escape(part) for place, part in enumerate(parts))


def _table(table: Table) -> str:
    head = "".join(f"<th{_alignment_class(name, table)}>{_escaped(name)}</th>" for name in table.columns)
    body = "".join(f"<tr>{''.join(map(_cell, row, table.columns, [table] * len(row)))}</tr>" for row in table.rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: Cell, column: str, table: Table) -> str:
    css_class = ' class="path"' if isinstance(cell, bytes) else _alignment_class(column, table)
    return f"<td{css_class}>{_escaped(cell)}</td>"


def _alignment_class(column: str, table: Table) -> str:
    return ' class="right"' if column in table.right else ""


def _thumbnail_grid(thumbnails: tuple[Thumbnail, ...], images: EncodedThumbnails) -> str:
    if not thumbnails:
        return ""
    cards = "".join(_thumbnail_card(thumbnail, images.get(thumbnail.path)) for thumbnail in thumbnails)
    return f'<ul class="grid">{cards}</ul>'


def _thumbnail_card(thumbnail: Thumbnail, jpeg: str | None) -> str:
    folder, name = (printable_path(part) for part in os.path.split(thumbnail.path))
    missing = '<span class="none">cannot be shown</span>'
    image = f'<img src="data:image/jpeg;base64,{jpeg}" alt=""/>' if jpeg else missing
    captions = "".join(f"<li>{_escaped(caption)}</li>" for caption in thumbnail.captions if caption)
    return (
        f'<li class="card"><div class="frame">{image}{_p_delete_badge(thumbnail.p_delete)}</div>'
        f'<p class="name">{_escaped(name)}</p><p class="folder">{escape(folder)}</p>'
        + (f'<ul class="why">{captions}</ul>' if captions else "")
        + "</li>"
    )


def _p_delete_badge(p_delete: float | None) -> str:
    if p_delete is None:
        return ""
    css_class = "likely" if p_delete >= 0.5 else "unlikely"
    return f'<span class="chance {css_class}" title="p_delete {p_delete:.4f}">{p_delete:.2f}</span>'
