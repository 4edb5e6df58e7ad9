"""The report as it is read in a terminal and in a mail."""

from catalog.console import TextPage
from catalog.report.build import Report
from catalog.report.elements import Section, printable_cell
from catalog.report.wording import format_local_time, pluralize


def write_report(report: Report, sheet: TextPage) -> None:
    """What needs a person first, then every section."""
    since = f"since {format_local_time(report.last.since)}" if report.last.since else "the first report"
    sheet.title("catalogd report", f"{format_local_time(report.at)}, {since}")
    alarms = report.alarms
    if alarms:
        sheet.alarm(f"{pluralize(len(alarms), 'thing')} {'needs' if len(alarms) == 1 else 'need'} you")
        for section in alarms.values():
            sheet.item(printable_cell(section.title), printable_cell(section.alarm))
    else:
        sheet.calm("Nothing needs you.")
    for section in report.ordered.values():
        _section(section, sheet)


def _section(section: Section, sheet: TextPage) -> None:
    sheet.heading(printable_cell(section.title), printable_cell(section.headline), alarm=bool(section.alarm))
    for line in section.lines:
        sheet.line(printable_cell(line))
    if section.plot is not None:
        sheet.spark(printable_cell(section.plot.caption), [point.value for point in section.plot.points])
    if section.rows:
        rows = [tuple(map(printable_cell, row)) for row in section.rows.rows]
        lead = next((place for place, cell in enumerate(section.rows.rows[0]) if isinstance(cell, bytes)), 0)
        sheet.table(
            [*map(printable_cell, section.rows.columns)], rows, [*map(printable_cell, section.rows.right)], lead
        )
    if section.more:
        sheet.hint(printable_cell(section.more))
