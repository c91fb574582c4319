"""Bars as an SVG file, written by hand: no drawing library is needed for five of them."""

from __future__ import annotations

from html import escape
from pathlib import Path

WIDTH, LINE, LABEL = 720, 34, 270


def bars(path: str, values: dict[str, float], title: str) -> None:
    """Writes horizontal bars, longest value across the whole width."""
    scale = (WIDTH - LABEL - 80) / max(values.values())
    rows = []
    for number, (name, value) in enumerate(values.items()):
        y = 40 + number * LINE
        rows.append(
            f'<text x="{LABEL - 8}" y="{y + 17}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LABEL}" y="{y}" width="{value * scale:.0f}" height="24" fill="#4a7a8c"/>'
            f'<text x="{LABEL + value * scale + 6:.0f}" y="{y + 17}">{value:.0f}</text>'
        )
    height = 50 + len(values) * LINE
    Path(path).write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="12" y="24" font-weight="bold">{escape(title)}</text>{"".join(rows)}</svg>\n',
        encoding="utf-8",
    )
