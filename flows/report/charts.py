"""The report's pictures, as SVG that takes its ink from the page: light, dark and on paper."""

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#010203"  # stands for currentColor until the picture is text
HUES = ("#3b7dd8", "#d9822b", "#2e9e6b", "#b5499b", "#8a7f2c", "#5d6fd0")  # readable on white and on near-black
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "lance",  # the same picture each time
}


@dataclass(frozen=True)
class Interval:
    label: str
    value: float
    low: float
    high: float


def intervals(found: Sequence[Interval], unit: str, floor: Sequence[float | None] = ()) -> str:
    """A point with its interval for each, from above downwards, against zero; ticks where the tolerance ends."""
    with mpl.rc_context(STYLE):
        figure, axes = _new(0.7 + 0.32 * len(found))
        for y, one in enumerate(found):
            significant = one.low > 0 or one.high < 0
            colour = HUES[2] if one.low > 0 else HUES[1] if significant else INK
            axes.plot([one.low, one.high], [y, y], color=colour, lw=2, solid_capstyle="butt")
            axes.plot([one.value], [y], "o", color=colour, ms=5)
        for y, bound in enumerate(floor):
            if bound is not None:
                axes.plot([bound], [y], "|", color=INK, ms=12)
        axes.axvline(0, color=INK, lw=0.8, alpha=0.5)
        axes.set_yticks(range(len(found)), [one.label for one in found])
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.set_xlabel(unit)
        return _svg(figure, f"{unit}: " + "; ".join(f"{i.label} {i.value:+.2f}" for i in found))


def histograms(found: Mapping[str, Sequence[float]], unit: str, mark: tuple[str, float] | None = None) -> str:
    """Shares of each set of numbers from 0 to 10, with one value marked."""
    with mpl.rc_context(STYLE):
        figure, axes = _new(2.4)
        names = [name for name, values in found.items() if values]
        weights = [[1 / len(found[name])] * len(found[name]) for name in names]
        bins = [i / 2 for i in range(21)]
        axes.hist([found[name] for name in names], bins, weights=weights, label=names, color=HUES[: len(names)])
        if mark:
            axes.axvline(mark[1], color=INK, lw=1.2, ls="--")
            axes.annotate(
                f"{mark[0]} {mark[1]:.2f}",
                (mark[1], 1),
                (4, -10),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
            )
        axes.set_xlabel(unit)
        axes.set_ylabel("share")
        _legend(axes)
        return _svg(figure, f"histogram of {unit}: {', '.join(names)}")


def bars(found: Mapping[str, float], unit: str, form: str = "{:,.0f}") -> str:
    with mpl.rc_context(STYLE):
        figure, axes = _new(0.6 + 0.26 * len(found))
        axes.barh(range(len(found)), list(found.values()), color=HUES[0], height=0.7)
        for y, value in enumerate(found.values()):
            axes.annotate(form.format(value), (value, y), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(found)), list(found))
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_xlabel(unit)
        return _svg(figure, f"{unit}: " + "; ".join(f"{name} {form.format(value)}" for name, value in found.items()))


def changes(found: Mapping[str, tuple[float, float]], before: str, after: str, unit: str) -> str:
    """Two points for each, and a line from the first to the second."""
    with mpl.rc_context(STYLE):
        figure, axes = _new(0.9 + 0.26 * len(found))
        for y, (first, last) in enumerate(found.values()):
            axes.plot([first, last], [y, y], color=INK, lw=1.2, alpha=0.5, zorder=1)
        for colour, label, values in zip(HUES, (before, after), zip(*found.values(), strict=True), strict=False):
            axes.scatter(values, range(len(found)), color=colour, label=label, s=26, zorder=2)
        axes.set_yticks(range(len(found)), list(found))
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.set_xlabel(unit)
        figure.legend(loc="outside upper left", ncols=2, frameon=False)
        said = "; ".join(f"{name} {first:.2f} to {last:.2f}" for name, (first, last) in found.items())
        return _svg(figure, f"{unit}: {said}")


def curves(found: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str) -> str:
    with mpl.rc_context(STYLE):
        figure, axes = _new(2.2)
        for colour, (name, points) in zip(HUES * 9, found.items(), strict=False):
            axes.plot(*zip(*points, strict=True), color=colour, label=name, marker=".", lw=1.4)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        _legend(axes)
        return _svg(figure, f"{y} by {x}: {', '.join(found)}")


def _new(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, height), layout="constrained")
    return figure, figure.add_subplot()


def _legend(axes: Axes) -> None:
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(frameon=False, fontsize=9)


def _svg(figure: Figure, says: str) -> str:
    """Without a fixed size or background, its ink the page's, and with what it says for who cannot see it."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()[out.getvalue().index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    # A page has several, and each calls its parts the same.
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{own}-", text)
    said = says.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("<svg ", f'<svg role="img" aria-label="{said}" ', 1)
