"""Plots as inline SVG. No script, no style of its own: the page's sheet colours it by class. Pure."""

from html import escape

from catalog.report.elements import Plot, PlotPoint, printable_cell

WIDTH, HEIGHT = 600, 96
BAR_GAP = 0.24  # of a bar's place
MIN_BAR_PIXELS = 2.0  # pixels: what is not zero is seen


def plot_svg(plot: Plot) -> str:
    """The whole of it, with words for whoever cannot see it."""
    drawn = _line(plot.points) if plot.kind == "line" else _bars(plot.points)
    label = _escaped(f"{plot.caption}: {_alt_text(plot)}")
    first, last = plot.points[0].label, plot.points[-1].label
    return (
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}"'
        f' preserveAspectRatio="none">{drawn}</svg>'
        f'<div class="axis"><span>{_escaped(first)}</span><span class="top">{_escaped(_axis_label(plot))}</span>'
        f"<span>{_escaped(last)}</span></div><figcaption>{_escaped(plot.caption)}</figcaption></figure>"
    )


def _escaped(words: str) -> str:
    return escape(printable_cell(words))


def _bars(points: tuple[PlotPoint, ...]) -> str:
    most = max((point.value for point in points), default=0) or 1
    step = WIDTH / len(points)
    parts = [f'<line class="floor" x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>']
    for place, point in enumerate(points):
        title = f"<title>{_escaped(point.label)}: {_format_number(point.value)}</title>"
        rects = _bar(
            place * step + step * BAR_GAP / 2,
            step * (1 - BAR_GAP),
            _bar_height(point.value, most),
            _bar_height(point.bad, most),
        )
        parts.append(f"<g>{title}{rects}</g>")
    return "".join(parts)


def _bar_height(value: float, most: float) -> float:
    return max(MIN_BAR_PIXELS, HEIGHT * value / most) if value else 0.0


def _bar(x: float, width: float, high: float, bad: float) -> str:
    good = f'<rect class="bar" x="{x:.1f}" y="{HEIGHT - high:.1f}" width="{width:.1f}" height="{high:.1f}"/>'
    hurt = f'<rect class="bad" x="{x:.1f}" y="{HEIGHT - bad:.1f}" width="{width:.1f}" height="{bad:.1f}"/>'
    return (good if high else "") + (hurt if bad else "")


def _line(points: tuple[PlotPoint, ...]) -> str:
    """Percent, from 0 at the bottom to 100 at the top."""
    step = WIDTH / max(1, len(points) - 1)
    places = [(place * step, HEIGHT - 2 - (HEIGHT - 6) * point.value / 100) for place, point in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    area = f"0,{HEIGHT} {path} {WIDTH},{HEIGHT}"
    return f'<polygon class="area" points="{area}"/><polyline class="line" points="{path}"/>'


def _format_number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _axis_label(plot: Plot) -> str:
    most = max((point.value for point in plot.points), default=0)
    return (
        f"{_format_number(plot.points[-1].value)} % now" if plot.kind == "line" else f"at most {_format_number(most)}"
    )


def _alt_text(plot: Plot) -> str:
    told = [f"{point.label} {_format_number(point.value)}" for point in plot.points if point.value]
    return ", ".join(told) or "nothing"
