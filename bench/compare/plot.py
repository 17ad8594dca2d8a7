"""The ratios as a bar chart, written as SVG without any package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from measure import ModelResult
from programs import Duel
from report import duel_ratio

WIDTH, LEFT, RIGHT = 860, 330, 60
BAR, GAP, GROUP = 14, 4, 26
COLORS = {"prefill": "#3b7dd8", "decode": "#2a9d60", "start": "#c77d2e"}


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    kind: str


@dataclass(frozen=True)
class Group:
    title: str
    bars: tuple[Bar, ...]


def groups_of(results: Sequence[ModelResult], duels: Sequence[Duel]) -> list[Group]:
    """For each model and duel: how many times as fast. Times to the first token are turned around."""
    groups = []
    for result in results:
        for duel in duels:
            bars = []
            for case, values in result.rates.items():
                if (value := duel_ratio(duel, values)) is not None:
                    bars.append(Bar(case.title, value, case.phase))
            for label, seconds in (("cold", result.cold_seconds), ("warm", result.warm_seconds)):
                if value := duel_ratio(duel, seconds, smaller=True):
                    bars.append(Bar(f"first token, {label}", 1 / value, "start"))
            if bars:
                groups.append(Group(f"{result.name}: {duel.title}", tuple(bars)))
    return groups


def bar_svg(bar: Bar, y: float, scale: float) -> str:
    return (
        f'<text x="{LEFT - 8}" y="{y + BAR - 3}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect x="{LEFT}" y="{y}" width="{max(bar.value * scale, 1):.1f}" height="{BAR}" fill="{COLORS[bar.kind]}"/>'
        f'<text x="{LEFT + bar.value * scale + 5:.1f}" y="{y + BAR - 3}">{bar.value:.2f}</text>'
    )


def svg(results: Sequence[ModelResult], duels: Sequence[Duel], subtitle: str) -> str:
    groups = groups_of(results, duels)
    most = max((bar.value for group in groups for bar in group.bars), default=1.0)
    scale = (WIDTH - LEFT - RIGHT) / max(most, 1.0)
    parts, y = [], 64.0
    for group in groups:
        parts.append(f'<text x="12" y="{y + 12}" font-weight="bold">{escape(group.title)}</text>')
        y += 20
        for bar in group.bars:
            parts.append(bar_svg(bar, y, scale))
            y += BAR + GAP
        y += GROUP
    one = LEFT + scale
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y:.0f}" viewBox="0 0 {WIDTH} {y:.0f}" '
            'font-family="sans-serif" font-size="12" fill="#222">',
            f'<rect width="{WIDTH}" height="{y:.0f}" fill="#fff"/>',
            '<text x="12" y="24" font-size="16" font-weight="bold">Galago: times as fast as llama.cpp</text>',
            f'<text x="12" y="44">{escape(subtitle)}</text>',
            *parts,
            f'<line x1="{one:.1f}" x2="{one:.1f}" y1="54" y2="{y - GROUP:.0f}" stroke="#c33" stroke-dasharray="4 3"/>',
            "</svg>\n",
        ]
    )
