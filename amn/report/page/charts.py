"""Charts as values: marks in a frame, drawn as SVG by the page's template.

A chart is 380 units wide, which a phone shows at nine tenths and a desktop at its own size, so that
its text stays readable. Colours are classes: the page's style sheet has them for light and dark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

WIDTH, HEIGHT = 380.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 12.0, 40.0  # room for the labels of the axes
CHARACTER = 6.4  # mean width of a character of 12 px

Tag = Literal["line", "rect", "path", "circle", "text"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One SVG element.

    Attributes:
        css: Its classes; colour and width come from there.
        values: Attributes of its geometry.
        text: Of a text element.
        title: What a pointer that rests on it shows.
    """

    tag: Tag
    css: str
    values: dict[str, str]
    text: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: `css` draws its sample."""

    css: str
    label: str


@dataclass(frozen=True)
class Chart:
    """A figure: what it shows in words, in marks and in numbers.

    Attributes:
        title: What is plotted.
        description: What can be read off it, for people who do not see it, with the numbers.
        header: Of the table of its numbers.
        rows: The table's cells.
        note: Printed below it: how to read it.
    """

    title: str
    description: str
    marks: tuple[Mark, ...]
    keys: tuple[Key, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    width: float = WIDTH
    height: float = HEIGHT
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """A linear map from values to positions; a range without extent is widened."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the position of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """About five round numbers inside the range."""
        raw = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(step * k, 12) for k in range(first, last + 1)]


def scale(values: Iterable[float], start: float, end: float, *, pad: float = 0.04) -> Scale:
    """Return a scale over the finite ones of `values`, widened by a share of their range."""
    finite = [float(v) for v in values if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    extent = (high - low) or max(abs(low) * 0.1, 0.1)
    if low == high:
        low, high = low - extent / 2, high + extent / 2
    return Scale(low - pad * extent, high + pad * extent, start, end)


@dataclass
class Frame:
    """A chart's plotting area; collects marks."""

    x: Scale
    y: Scale
    marks: list[Mark] = field(default_factory=list)

    @classmethod
    def over(
        cls, xs: Iterable[float], ys: Iterable[float], *, x_pad: float = 0.04, top: float = TOP
    ) -> Frame:
        """Return a frame around the finite ones of some values.

        Args:
            top: Where the highest value is; what is above it is for words.
        """
        return cls(
            scale(xs, LEFT, WIDTH - RIGHT, pad=x_pad), scale(ys, HEIGHT - BOTTOM, top, pad=0.06)
        )

    def axes(
        self,
        x_label: str,
        *,
        y_label: str = "",
        x_ticks: Sequence[float] = (),
        x_names: Sequence[str] = (),
    ) -> None:
        """Draw grid lines, tick labels, and what the axes are.

        Args:
            x_ticks: Values to label; about five round ones by default.
            x_names: What to print at each of them; the values by default.
        """
        bottom = HEIGHT - BOTTOM
        for tick, label in zip(self.y.ticks, labels(self.y.ticks), strict=True):
            at = self.y(tick)
            self.marks.append(line(LEFT, at, WIDTH - RIGHT, at, "grid"))
            self.marks.append(text(LEFT - 6, at + 4, label, "tick end"))
        shown = x_ticks or self.x.ticks
        for tick, label in zip(shown, x_names or labels(shown), strict=True):
            at = self.x(tick)
            self.marks.append(line(at, bottom, at, bottom + 4, "axis"))
            self.marks.append(text(at, bottom + 17, label, "tick middle"))
        self.marks.append(line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis"))
        middle = (LEFT + WIDTH - RIGHT) / 2
        words = f"{x_label} (up: {y_label})" if y_label else x_label
        self.marks.append(text(middle, HEIGHT - 6, words, "label middle"))

    def curve(self, xs: ArrayLike, ys: ArrayLike, css: str, *, title: str = "") -> None:
        """Draw a line through points; one that is not finite is a gap."""
        self.marks.append(Mark("path", f"curve {css}", {"d": self._path(xs, ys)}, title=title))

    def area(self, xs: ArrayLike, ys: ArrayLike, css: str) -> None:
        """Fill between a line through finite points and 0."""
        points = np.asarray(xs, np.float64)
        path = self._path(xs, ys)
        base = self.y(max(0.0, self.y.low))
        closing = f"L{self.x(points[-1]):.1f},{base:.1f}L{self.x(points[0]):.1f},{base:.1f}Z"
        self.marks.append(Mark("path", f"area {css}", {"d": path + closing}))

    def dots(self, xs: ArrayLike, ys: ArrayLike, css: str, titles: Sequence[str] = ()) -> None:
        """Draw points that are finite."""
        pairs = zip(np.asarray(xs, np.float64), np.asarray(ys, np.float64), strict=True)
        for position, (x, y) in enumerate(pairs):
            if math.isfinite(y):
                title = titles[position] if titles else ""
                self.marks.append(dot(self.x(x), self.y(y), css, title))

    def level(self, value: float, css: str, label: str = "") -> None:
        """Draw a horizontal reference line with its name at the right end."""
        at = self.y(value)
        self.marks.append(line(LEFT, at, WIDTH - RIGHT, at, f"reference {css}"))
        if label:
            place = at + 13 if at < TOP + 10 else at - 5
            self.marks.append(text(WIDTH - RIGHT - 2, place, label, "note end"))

    def position(self, value: float, css: str, label: str = "") -> None:
        """Draw a vertical reference line with its name beside its upper end."""
        at, top = self.x(value), TOP + 10
        self.marks.append(line(at, top - 9, at, HEIGHT - BOTTOM, f"reference {css}"))
        if label:
            fits = at + 6 + CHARACTER * len(label) < WIDTH
            css, at = ("note", at + 5) if fits else ("note end", at - 5)
            self.marks.append(text(at, top, label, css))

    def band(self, low: float, high: float, css: str) -> None:
        """Fill the area between two values of x."""
        left, right = self.x(low), self.x(high)
        self.marks.append(rectangle(left, TOP, right - left, HEIGHT - BOTTOM - TOP, css))

    def _path(self, xs: ArrayLike, ys: ArrayLike) -> str:
        """Return the path through the finite points."""
        parts, pen = [], "M"
        for x, y in zip(np.asarray(xs, np.float64), np.asarray(ys, np.float64), strict=True):
            if math.isfinite(y):
                parts.append(f"{pen}{self.x(x):.1f},{self.y(y):.1f}")
                pen = "L"
            else:
                pen = "M"
        return "".join(parts)


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> Mark:
    """Return a straight line."""
    names = zip(("x1", "y1", "x2", "y2"), (x1, y1, x2, y2), strict=True)
    return Mark("line", css, {name: f"{value:.1f}" for name, value in names})


def dot(x: float, y: float, css: str, title: str = "") -> Mark:
    """Return a point."""
    return Mark("circle", f"dot {css}", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3"}, title=title)


def rectangle(x: float, y: float, width: float, height: float, css: str) -> Mark:
    """Return a rectangle."""
    names = zip(("x", "y", "width", "height"), (x, y, max(width, 0), max(height, 0)), strict=True)
    return Mark("rect", css, {name: f"{value:.1f}" for name, value in names})


def text(x: float, y: float, content: str, css: str) -> Mark:
    """Return a line of text."""
    return Mark("text", css, {"x": f"{x:.1f}", "y": f"{y:.1f}"}, text=content)


def labels(ticks: Sequence[float]) -> list[str]:
    """Return the numbers of an axis with as many digits as tell them all exactly, at most six."""
    exact = (d for d in range(6) if all(math.isclose(round(t, d), t, abs_tol=1e-9) for t in ticks))
    digits = next(exact, 6)
    return [f"{tick:,.{digits}f}" for tick in ticks]


def step_edges(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return both ends of each bin, in order: (2 * bins,)."""
    return np.repeat(edges, 2)[1:-1]
