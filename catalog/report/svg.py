"""Plots as inline SVG. No script, no style of its own: the page's sheet colours it by class. Pure."""

from html import escape

from catalog.report.elements import Plot, Point, shown

WIDTH, HEIGHT = 600, 96
GAP = 0.24  # of a bar's place
FLOOR = 2.0  # pixels: what is not zero is seen


def svg(plot: Plot) -> str:
    """The whole of it, with words for whoever cannot see it."""
    drawn = _line(plot.points) if plot.kind == "line" else _bars(plot.points)
    label = _text(f"{plot.caption}: {_spoken(plot)}")
    first, last = plot.points[0].label, plot.points[-1].label
    return (
        f'<figure class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}"'
        f' preserveAspectRatio="none">{drawn}</svg>'
        f'<div class="axis"><span>{_text(first)}</span><span class="top">{_text(_top(plot))}</span>'
        f"<span>{_text(last)}</span></div><figcaption>{_text(plot.caption)}</figcaption></figure>"
    )


def _text(words: str) -> str:
    return escape(shown(words))


def _bars(points: tuple[Point, ...]) -> str:
    most = max((point.value for point in points), default=0) or 1
    step = WIDTH / len(points)
    parts = [f'<line class="floor" x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>']
    for place, point in enumerate(points):
        title = f"<title>{_text(point.label)}: {_figure(point.value)}</title>"
        rects = _bar(place * step + step * GAP / 2, step * (1 - GAP), _high(point.value, most), _high(point.bad, most))
        parts.append(f"<g>{title}{rects}</g>")
    return "".join(parts)


def _high(value: float, most: float) -> float:
    return max(FLOOR, HEIGHT * value / most) if value else 0.0


def _bar(x: float, width: float, high: float, bad: float) -> str:
    good = f'<rect class="bar" x="{x:.1f}" y="{HEIGHT - high:.1f}" width="{width:.1f}" height="{high:.1f}"/>'
    hurt = f'<rect class="bad" x="{x:.1f}" y="{HEIGHT - bad:.1f}" width="{width:.1f}" height="{bad:.1f}"/>'
    return (good if high else "") + (hurt if bad else "")


def _line(points: tuple[Point, ...]) -> str:
    """Percent, from 0 at the bottom to 100 at the top."""
    step = WIDTH / max(1, len(points) - 1)
    places = [(place * step, HEIGHT - 2 - (HEIGHT - 6) * point.value / 100) for place, point in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    area = f"0,{HEIGHT} {path} {WIDTH},{HEIGHT}"
    return f'<polygon class="area" points="{area}"/><polyline class="line" points="{path}"/>'


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _top(plot: Plot) -> str:
    most = max((point.value for point in plot.points), default=0)
    return f"{_figure(plot.points[-1].value)} % now" if plot.kind == "line" else f"at most {_figure(most)}"


def _spoken(plot: Plot) -> str:
    told = [f"{point.label} {_figure(point.value)}" for point in plot.points if point.value]
    return ", ".join(told) or "nothing"
