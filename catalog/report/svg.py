"""Plots as inline SVG without script or styles; the page's style sheet colours them by class. Pure."""

from html import escape

from catalog.report.elements import Plot, PlotPoint, printable_cell

WIDTH, HEIGHT = 600, 96
BAR_GAP = 0.24  # share of a bar's slot
MIN_BAR_PIXELS = 2.0  # so that small values stay visible


def plot_svg(plot: Plot) -> str:
    """Return the plot as a `<figure>` with a text alternative."""
    drawing = _line(plot.points) if plot.kind == "line" else _bars(plot.points)
    label = _escaped(f"{plot.caption}: {_alt_text(plot)}")
    first, last = plot.points[0], plot.points[-1]
    return (
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}"'
        f' preserveAspectRatio="none">{drawing}</svg>'
        f'<div class="axis"><span>{_escaped(first.label)}</span><span class="top">{_escaped(_axis_label(plot))}</span>'
        f"<span>{_escaped(last.label)}</span></div><figcaption>{_escaped(plot.caption)}</figcaption></figure>"
    )


def _escaped(text: str) -> str:
    return escape(printable_cell(text))


def _bars(points: tuple[PlotPoint, ...]) -> str:
    highest = max((point.value for point in points), default=0) or 1
    slot = WIDTH / len(points)
    parts = [f'<line class="floor" x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>']
    for place, point in enumerate(points):
        title = f"<title>{_escaped(point.label)}: {_format_number(point.value)}</title>"
        left, width = place * slot + slot * BAR_GAP / 2, slot * (1 - BAR_GAP)
        bar = _bar("bar", left, width, _bar_height(point.value, highest))
        bad = _bar("bad", left, width, _bar_height(point.bad, highest))
        parts.append(f"<g>{title}{bar}{bad}</g>")
    return "".join(parts)


def _bar_height(value: float, highest: float) -> float:
    return max(MIN_BAR_PIXELS, HEIGHT * value / highest) if value else 0.0


def _bar(css_class: str, left: float, width: float, height: float) -> str:
    if not height:
        return ""
    return (
        f'<rect class="{css_class}" x="{left:.1f}" y="{HEIGHT - height:.1f}"'
        f' width="{width:.1f}" height="{height:.1f}"/>'
    )


def _line(points: tuple[PlotPoint, ...]) -> str:
    """Return a line of percentages, 0 at the bottom and 100 at the top."""
    step = WIDTH / max(1, len(points) - 1)
    places = [(place * step, HEIGHT - 2 - (HEIGHT - 6) * point.value / 100) for place, point in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    area = f"0,{HEIGHT} {path} {WIDTH},{HEIGHT}"
    return f'<polygon class="area" points="{area}"/><polyline class="line" points="{path}"/>'


def _format_number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _axis_label(plot: Plot) -> str:
    if plot.kind == "line":
        return f"{_format_number(plot.points[-1].value)} % now"
    return f"maximum {_format_number(max((point.value for point in plot.points), default=0))}"


def _alt_text(plot: Plot) -> str:
    values = [f"{point.label} {_format_number(point.value)}" for point in plot.points if point.value]
    return ", ".join(values) or "nothing"
