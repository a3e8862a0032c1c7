"""Pictures as inline SVG: no library, no script, colours from the page's style sheet.

Every text goes through ``Markup.format``, which escapes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from models.reporting.axes import Axis, around
from models.reporting.contents import Distribution, Panel
from models.reporting.leaderboard import Standing

LETTER = 6.6  # width of a letter of a label, on average


@dataclass(frozen=True)
class Frame:
    """A picture's size and the margins around its plot."""

    width: float
    height: float
    left: float = 46.0
    right: float = 16.0
    top: float = 14.0
    bottom: float = 40.0

    def picture(self, label: str, *parts: Markup) -> Markup:
        """Wrap parts into a picture that scales with the page and is named for screen readers."""
        head = Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">').format(
            self.width, self.height, label
        )
        return head + Markup("").join(parts) + Markup("</svg>")

    def x_axis(self, axis: Axis, label: str, most: int = 6) -> Markup:
        """Ticks below the plot and the axis' name."""
        floor = self.height - self.bottom
        ticks = [
            Markup(
                '<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/><text x="{0}" y="{3}">{4}</text>'
            ).format(axis(tick), self.top, floor, floor + 15, f"{tick:g}")
            for tick in axis.ticks(most)
        ]
        middle = (self.left + self.width - self.right) / 2
        name = Markup('<text class="name" x="{}" y="{}">{}</text>').format(middle, self.height - 5, label)
        return Markup("").join(ticks) + name

    def y_axis(self, axis: Axis, most: int = 5) -> Markup:
        """Ticks left of the plot, with lines across it."""
        right = self.width - self.right
        lines = [
            Markup(
                '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
                '<text class="y" x="{3}" y="{4}">{5}</text>'
            ).format(self.left, right, axis(tick), self.left - 7, axis(tick) + 4, f"{tick:g}")
            for tick in axis.ticks(most)
        ]
        return Markup("").join(lines)


def quality_by_latency(standings: Sequence[Standing], measure: str) -> Markup:
    """One dot per system whose time is known; the bar of a student is the spread over its seeds."""
    timed = [(line, ms) for line in standings if (ms := line.latency_ms())]
    if not timed:
        return Markup("")
    frame = Frame(760.0, 340.0)
    x = around([ms for _, ms in timed], frame.left, frame.width - frame.right, log=True)
    y = around([line.values[measure].mean for line, _ in timed], frame.height - frame.bottom, frame.top)
    dots = [_dot(line, measure, x(ms), y) for line, ms in timed]
    names = _names([(line.name, x(ms), y(line.values[measure].mean)) for line, ms in timed], frame)
    label = f"{measure} by latency"
    axes = frame.x_axis(x, "milliseconds per query, encoding and searching (logarithmic)", 12) + frame.y_axis(
        y
    )
    return frame.picture(label, axes, *dots, *names)


def _dot(line: Standing, measure: str, at: float, y: Axis) -> Markup:
    value = line.values[measure]
    role = "control" if line.is_control else line.role
    bar = Markup("")
    if value.deviation:
        low, high = y(value.mean - value.deviation), y(value.mean + value.deviation)
        bar = Markup('<line class="{0} spread" x1="{1}" x2="{1}" y1="{2}" y2="{3}"/>').format(
            role, at, low, high
        )
    said = f"{line.name}: {value} {measure}, {line.latency_ms():.3g} ms"
    dot = Markup('<circle class="{}" cx="{}" cy="{}" r="6"><title>{}</title></circle>')
    return bar + dot.format(role, at, y(value.mean), said)


def _names(dots: list[tuple[str, float, float]], frame: Frame) -> list[Markup]:
    """Write names beside their dots, moved down where they would cover another."""
    taken: list[tuple[float, float, float]] = []
    texts: list[Markup] = []
    for name, x, y in sorted(dots, key=lambda dot: (dot[2], dot[1])):
        width = len(name) * LETTER
        left = x + 11 if x + 11 + width < frame.width else x - 11 - width
        below = y + 4
        while any(
            abs(below - other) < 13 and left < end and start < left + width for start, end, other in taken
        ):
            below += 1
        taken.append((left, left + width, below))
        texts.append(Markup('<text class="label" x="{:.1f}" y="{:.1f}">{}</text>').format(left, below, name))
    return texts


def histogram(scores: Distribution) -> Markup:
    """Share of positives and of negatives in each bin of score, one over the other."""
    frame = Frame(370.0, 210.0)
    x = Axis(scores.edges[0], scores.edges[-1], frame.left, frame.width - frame.right)
    shares = {
        name: [count / max(sum(counts), 1) for count in counts]
        for name, counts in (("negative", scores.negatives), ("positive", scores.positives))
    }
    top = max(max(each) for each in shares.values()) or 1.0
    y = Axis(0.0, top * 1.05, frame.height - frame.bottom, frame.top)
    shapes = [_steps(name, heights, scores.edges, x, y) for name, heights in shares.items()]
    label = f"scores of {scores.teacher}"
    return frame.picture(label, frame.y_axis(y, 4), frame.x_axis(x, "raw score", 7), *shapes)


def _steps(name: str, heights: Sequence[float], edges: Sequence[float], x: Axis, y: Axis) -> Markup:
    floor = y(0.0)
    path = [f"M{x(edges[0])} {floor}"]
    for number, height in enumerate(heights):
        path.append(f"V{y(height)}H{x(edges[number + 1])}")
    return Markup('<path class="{}" d="{}V{}Z"/>').format(name, "".join(path), floor)


def curve(panel: Panel) -> Markup:
    """One line per seed; panels have their own scale, for losses of different kinds do not compare."""
    frame = Frame(370.0, 200.0)
    points = [point for line in panel.lines.values() for point in line]
    x = around([float(step) for step, _ in points], frame.left, frame.width - frame.right)
    y = around([value for _, value in points], frame.height - frame.bottom, frame.top)
    lines = [
        Markup('<polyline class="seed seed-{}" points="{}"><title>seed {}</title></polyline>').format(
            number % 6, " ".join(f"{x(float(step))},{y(value)}" for step, value in line), seed
        )
        for number, (seed, line) in enumerate(panel.lines.items())
    ]
    label = f"{panel.measure} of {panel.student}"
    return frame.picture(label, frame.y_axis(y), frame.x_axis(x, "step"), *lines)
