"""The report as text, for a terminal or a mail."""

from catalog.console import TextPage
from catalog.report.build import Report
from catalog.report.elements import Section, printable_cell
from catalog.report.wording import attention_summary, format_local_time, period_text


def write_report(report: Report, page: TextPage) -> None:
    """Write what needs attention, then every section."""
    page.title("catalogd report", f"{format_local_time(report.at)}, {period_text(report.baseline.since)}")
    alarms = report.alarms
    if alarms:
        page.summary(attention_summary(len(alarms)), alarm=True)
        for section in alarms.values():
            page.item(printable_cell(section.title), printable_cell(section.alarm))
    else:
        page.summary(f"{attention_summary(0)}.", alarm=False)
    for section in report.ordered.values():
        _section(section, page)


def _section(section: Section, page: TextPage) -> None:
    page.heading(printable_cell(section.title), printable_cell(section.headline), alarm=bool(section.alarm))
    for line in section.lines:
        page.line(printable_cell(line))
    if section.plot is not None:
        page.sparkline(printable_cell(section.plot.caption), [point.value for point in section.plot.points])
    if section.table:
        table = section.table
        first, *_ = table.rows
        path_column = next((place for place, cell in enumerate(first) if isinstance(cell, bytes)), 0)
        rows = [tuple(map(printable_cell, row)) for row in table.rows]
        page.table([*map(printable_cell, table.columns)], rows, [*map(printable_cell, table.right)], path_column)
    if section.more:
        page.hint(printable_cell(section.more))
