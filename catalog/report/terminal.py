"""The report as it is read in a terminal and in a mail."""

from catalog.display import show
from catalog.render import Sheet
from catalog.report.contents import Report
from catalog.report.section import Cell, Section
from catalog.report.words import clock, many


def write(report: Report, sheet: Sheet) -> None:
    """What needs a person first, then every section."""
    since = f"since {clock(report.last.since)}" if report.last.since else "the first report"
    sheet.title("catalogd report", f"{clock(report.at)}, {since}")
    alarms = report.alarms
    if alarms:
        sheet.alarm(f"{many(len(alarms), 'thing')} {'needs' if len(alarms) == 1 else 'need'} you")
        for section in alarms.values():
            sheet.item(section.title, section.alarm)
    else:
        sheet.calm("Nothing needs you.")
    for section in report.ordered.values():
        _section(section, sheet)


def _section(section: Section, sheet: Sheet) -> None:
    sheet.heading(section.title, section.headline, alarm=bool(section.alarm))
    for line in section.lines:
        sheet.line(line)
    if section.plot is not None:
        sheet.spark(section.plot.caption, [point.value for point in section.plot.points])
    if section.rows:
        rows = [tuple(map(shown, row)) for row in section.rows.rows]
        lead = next((place for place, cell in enumerate(section.rows.rows[0]) if isinstance(cell, bytes)), 0)
        sheet.table(section.rows.columns, rows, section.rows.right, lead)
    if section.more:
        sheet.hint(section.more)


def shown(cell: Cell) -> str:
    """A cell as one line of text: no name can forge another."""
    return show(cell) if isinstance(cell, bytes) else show(cell.encode("utf-8", "surrogateescape"))
