"""The report as it is read in a terminal and in a mail."""

from catalog.console import Sheet
from catalog.report.build import Report
from catalog.report.elements import Section, shown
from catalog.report.wording import clock, many


def write(report: Report, sheet: Sheet) -> None:
    """What needs a person first, then every section."""
    since = f"since {clock(report.last.since)}" if report.last.since else "the first report"
    sheet.title("catalogd report", f"{clock(report.at)}, {since}")
    alarms = report.alarms
    if alarms:
        sheet.alarm(f"{many(len(alarms), 'thing')} {'needs' if len(alarms) == 1 else 'need'} you")
        for section in alarms.values():
            sheet.item(shown(section.title), shown(section.alarm))
    else:
        sheet.calm("Nothing needs you.")
    for section in report.ordered.values():
        _section(section, sheet)


def _section(section: Section, sheet: Sheet) -> None:
    sheet.heading(shown(section.title), shown(section.headline), alarm=bool(section.alarm))
    for line in section.lines:
        sheet.line(shown(line))
    if section.plot is not None:
        sheet.spark(shown(section.plot.caption), [point.value for point in section.plot.points])
    if section.rows:
        rows = [tuple(map(shown, row)) for row in section.rows.rows]
        lead = next((place for place, cell in enumerate(section.rows.rows[0]) if isinstance(cell, bytes)), 0)
        sheet.table([*map(shown, section.rows.columns)], rows, [*map(shown, section.rows.right)], lead)
    if section.more:
        sheet.hint(shown(section.more))
