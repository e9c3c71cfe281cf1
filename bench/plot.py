"""Figures as bars, in SVG."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

WIDTH, ROW, NAMES = 720, 30, 200
BAR = (
    '<text x="{left}" y="{y}" text-anchor="end">{name}</text>'
    '<rect x="{right}" y="{top}" width="{width:.0f}" height="18" rx="3" fill="{colour}"/>'
    '<text x="{end:.0f}" y="{y}">{figure:.0f}</text>'
)


def bars(figures: Mapping[str, float], unit: str = "pages a second") -> str:
    """One bar a figure, in their order; ours stand out."""
    most = max(figures.values())
    rows = []
    for number, (name, figure) in enumerate(figures.items()):
        width = figure / most * (WIDTH - NAMES - 80)
        place = {"left": NAMES - 8, "right": NAMES, "end": NAMES + width + 8, "width": width}
        y = number * ROW + 20
        colour = "#1f6f8b" if name.startswith("anapress") else "#b8c4cc"
        rows.append(BAR.format(name=escape(name), figure=figure, y=y, top=y - 14, colour=colour, **place))
    height = len(rows) * ROW + 30
    rows.append(f'<text x="{NAMES}" y="{height - 8}" fill="#666">{escape(unit)}</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif"'
    )
    return f'{head} font-size="13">\n' + "\n".join(rows) + "\n</svg>\n"
