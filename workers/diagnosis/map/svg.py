"""The map as SVG text: shapes and words only, no script, no outside reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from workers.diagnosis.map.graph import access_map
from workers.diagnosis.map.layout import (
    CHIP,
    GAP,
    LABEL,
    LINE,
    MARGIN,
    MARK,
    PAD,
    SIZE,
    TITLE,
    TRUNK,
    WIDTH,
    Layout,
    PlacedBand,
    PlacedColumn,
    PlacedEdge,
    PlacedPrincipal,
    PlacedResource,
    lay_out,
)
from workers.diagnosis.map.model import AccessMap, Mark
from workers.diagnosis.map.text import printable, width
from workers.diagnosis.map.words import describe, words
from workers.diagnosis.model import Outcome, Report
from workers.snapshot.model import Snapshot

_STROKES = MappingProxyType(
    {
        Mark.DENIED: 'stroke-width="2.5" stroke-dasharray="7 4"',
        Mark.UNKNOWN: 'stroke-width="2" stroke-dasharray="0.1 5" stroke-linecap="round"',
        Mark.ALLOWED: 'stroke-width="1"',
    }
)
_ICONS = MappingProxyType(
    {
        "bucket": "M-5 -5h10l-1.6 10h-6.8z",
        "key": "M-1 0a2.6 2.6 0 1 0 -5 0a2.6 2.6 0 1 0 5 0h7m-2.5 0v3",
        "connection": "M-5 0h2.5a2.5 2.5 0 0 1 5 0a2.5 2.5 0 0 1 -5 0m5 0h2.5",
        "role": "M0 -5l5 2v3q0 3.6 -5 5.4q-5 -1.8 -5 -5.4v-3z",
    }
)
FONT = "Manrope, Helvetica, Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours after Okabe and Ito, who chose them for all kinds of colour vision
    (https://jfly.uni-koeln.de/color/). Every meaning has a line style and a sign besides."""

    page: str
    lane: str
    node: str
    border: str
    text: str
    muted: str
    chip: str
    chip_text: str
    denied: str
    denied_text: str
    unknown: str
    allowed: str


THEMES: Mapping[str, Theme] = MappingProxyType(
    {
        "light": Theme(
            page="#ffffff", lane="#f3f4f6", node="#ffffff", border="#c3c8cf", text="#1b1f24",
            muted="#545b64", chip="#2f4858", chip_text="#ffffff", denied="#d55e00",
            denied_text="#9c3f00", unknown="#6b7280", allowed="#0072b2",
        ),
        "dark": Theme(
            page="#16191d", lane="#20252b", node="#16191d", border="#4a525c", text="#f2f4f6",
            muted="#b6bdc6", chip="#cfd8dc", chip_text="#16191d", denied="#ef7a24",
            denied_text="#ffb27a", unknown="#a3abb5", allowed="#56b4e9",
        ),
    }
)  # fmt: skip


def draw(report: Report, snapshot: Snapshot, *, theme: str = "light", language: str = "en") -> str:
    """The access map of a diagnosis as SVG, 390 units wide, as high as it needs.

    Pure and deterministic. Raises KeyError for a theme that is not there and FileNotFoundError
    for such a language.
    """
    return render(access_map(report, snapshot), theme=theme, language=language)


def render(picture: AccessMap, *, theme: str = "light", language: str = "en") -> str:
    """An access map as SVG text."""
    return "".join(_Drawing(picture, THEMES[theme], words(language), language).parts())


class _Drawing:
    def __init__(
        self, picture: AccessMap, theme: Theme, texts: Mapping[str, Any], language: str
    ) -> None:
        self._picture = picture
        self._theme = theme
        self._texts = texts
        self._language = language
        self._layout: Layout = lay_out(picture, texts)

    def parts(self) -> Iterator[str]:
        layout, theme = self._layout, self._theme
        height = round(layout.height)
        title = self._texts["alt"]["title"].format(pipeline=self._picture.pipeline)
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height}" '
            f'width="{WIDTH:g}" height="{height}" role="img" aria-labelledby="title desc" '
            f'lang="{self._language}" font-family={quoteattr(FONT)} font-size="{SIZE:g}">'
            f'<title id="title">{_escaped(title)}</title>'
            f'<desc id="desc">{_escaped(describe(self._picture, self._language))}</desc>'
            f'<rect width="{WIDTH:g}" height="{height}" fill="{theme.page}"/>'
        )
        yield from self._header()
        yield from self._pipeline()
        for band in layout.bands:
            yield from self._band(band)
        for edge in layout.edges:
            if edge.edge.mark is Mark.ALLOWED:
                yield self._allowed(edge)
        for principal in layout.principals:
            yield from self._principal(principal)
        for edge in layout.edges:
            if edge.edge.mark.trouble:
                yield from self._trouble(edge)
        for resource in layout.resources:
            yield from self._resource(resource)
        yield from self._legend()
        yield "</svg>"

    # --- title ------------------------------------------------------------------------------

    def _header(self) -> Iterator[str]:
        layout, theme = self._layout, self._theme
        y = MARGIN + 15
        for line in layout.title:
            yield _text(line, MARGIN, y, theme.text, size=TITLE, bold=True)
            y += 22
        yield from self._badge()
        for line in layout.place:
            yield _text(line, MARGIN, y, theme.muted)
            y += LINE
        for line in layout.counts:
            yield _text(line, MARGIN, y, theme.muted)

    def _badge(self) -> Iterator[str]:
        theme = self._theme
        outcome = self._picture.outcome
        word = self._texts["outcome"][outcome]
        mark, colour = {
            Outcome.BLOCKED: (Mark.DENIED, theme.denied_text),
            Outcome.CLEAR: (Mark.ALLOWED, theme.allowed),
            Outcome.UNKNOWN: (Mark.UNKNOWN, theme.muted),
        }[outcome]
        wide = width(word, SIZE, bold=True) + MARK + 22
        x = WIDTH - MARGIN - wide
        yield (
            f'<rect x="{x:.1f}" y="{MARGIN:g}" width="{wide:.1f}" height="24" rx="12" '
            f'fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        yield self._sign(mark, x + 15, MARGIN + 12)
        yield _text(word, x + 15 + MARK / 2 + 5, MARGIN + 16.2, colour, bold=True)

    # --- pipeline ----------------------------------------------------------------------------

    def _pipeline(self) -> Iterator[str]:
        columns = self._layout.columns
        for before, after in pairwise(columns):
            yield self._arrow(before, after)
        for column in columns:
            yield from self._column(column)

    def _column(self, placed: PlacedColumn) -> Iterator[str]:
        theme, box = self._theme, placed.box
        marks = [each.act.mark for each in placed.acts]
        stroke, wide = theme.border, 1.0
        if Mark.DENIED in marks:
            stroke, wide = theme.denied, 2.0
        elif Mark.UNKNOWN in marks:
            stroke, wide = theme.unknown, 1.5
        yield f'<g class="stage" data-stage={quoteattr(printable(placed.column.name))}>'
        yield _rect(box.x, box.y, box.width, box.height, theme.node, stroke, wide)
        y = box.y + 8 + LINE / 2
        for line in placed.title:
            yield _text(line, box.x + 8, y + 4.2, theme.text, bold=True)
            y += LINE
        for each in placed.acts:
            yield self._sign(each.act.mark, box.x + 8 + MARK / 2, each.y)
            colour = theme.denied_text if each.act.mark is Mark.DENIED else theme.text
            for number, line in enumerate(each.lines):
                at = each.y + number * LINE + 4.2
                yield _text(line, box.x + 8 + MARK + 5, at, colour)
            for number, tag in enumerate(reversed(each.act.tags)):
                yield self._chip(tag, box.right - 8 - CHIP - number * (CHIP + 3), each.y)
        for number, line in enumerate(placed.note):
            yield _text(line, box.x + 8, placed.note_y + number * LINE + 4.2, theme.muted)
        yield "</g>"

    def _arrow(self, before: PlacedColumn, after: PlacedColumn) -> str:
        """To the right, or from the end of a row down to the start of the next."""
        a, b, colour = before.box, after.box, self._theme.muted
        if a.y == b.y:
            y = a.y + 8 + LINE / 2
            path = f"M{a.right + 2:.1f} {y:.1f}H{b.x - 3:.1f}"
            head = f"M{b.x - 8:.1f} {y - 4:.1f}l5 4l-5 4"
        else:
            x, turn = b.x + b.width / 2, a.bottom + GAP / 2
            path = f"M{a.x + a.width / 2:.1f} {a.bottom + 1:.1f}V{turn:.1f}H{x:.1f}V{b.y - 3:.1f}"
            head = f"M{x - 4:.1f} {b.y - 7:.1f}l4 5l4 -5"
        return f'<path d="{path}{head}" fill="none" stroke="{colour}" stroke-width="1.5"/>'

    # --- accounts ----------------------------------------------------------------------------

    def _band(self, placed: PlacedBand) -> Iterator[str]:
        theme, box = self._theme, placed.box
        yield f'<g class="account" data-account={quoteattr(placed.band.account)}>'
        yield _rect(box.x, box.y, box.width, box.height, theme.lane, "none", 0, radius=8)
        y = box.y + 8 + LINE / 2 + 4.2
        for line in placed.title:
            bold = line == placed.title[0]
            yield _text(line, box.x + PAD, y, theme.text if bold else theme.muted, bold=bold)
            y += LINE
        yield "</g>"

    def _principal(self, placed: PlacedPrincipal) -> Iterator[str]:
        theme = self._theme
        y = placed.y + LINE / 2
        yield f'<g class="principal" data-arn={quoteattr(printable(placed.principal.id))}>'
        if placed.trunk > placed.y:
            yield (
                f'<path d="M{TRUNK:.1f} {y + CHIP / 2:.1f}V{placed.trunk:.1f}" fill="none" '
                f'stroke="{theme.border}" stroke-width="1.5"/>'
            )
        if placed.principal.tag:
            yield self._chip(placed.principal.tag, MARGIN + PAD, y)
        if placed.calm:
            yield self._sign(
                Mark.ALLOWED, MARGIN + PAD + CHIP / 2, y + (LINE if placed.title else 0)
            )
        x = MARGIN + PAD + CHIP + 6
        for line in placed.title:
            yield _text(line, x, y + 4.2, theme.text, bold=True)
            y += LINE
        for line in placed.part:
            yield _text(line, x, y + 4.2, theme.muted)
            y += LINE
        yield "</g>"

    def _resource(self, placed: PlacedResource) -> Iterator[str]:
        theme, box = self._theme, placed.box
        stroke, wide = {
            Mark.DENIED: (theme.denied, 2.0),
            Mark.UNKNOWN: (theme.unknown, 1.5),
        }.get(placed.mark, (theme.border, 1.0))
        yield f'<g class="resource" data-id={quoteattr(printable(placed.resource.id))}>'
        yield _rect(box.x, box.y, box.width, box.height, theme.node, stroke, wide)
        y = box.y + 6 + LINE / 2
        if shape := _ICONS.get(placed.resource.kind):
            yield self._icon(shape, box.x + 14, y)
        x = box.x + (26 if shape else 8)
        yield _text(placed.kind, x, y + 4.2, theme.muted)
        if placed.resource.fault:
            yield self._sign(Mark.DENIED, box.right - 3, box.y + 2)
        for line in placed.title:
            y += LINE
            yield _text(line, box.x + 8, y + 4.2, theme.text, bold=True)
        for line in placed.fault:
            y += LINE
            yield _text(line, box.x + 8, y + 4.2, theme.denied_text)
        yield "</g>"

    # --- edges -------------------------------------------------------------------------------

    def _allowed(self, placed: PlacedEdge) -> str:
        return (
            f'<path class="edge" data-mark="allowed" data-principal={_data(placed.edge.principal)} '
            f'data-resource={_data(placed.edge.resource)} d="{_route(placed, 0)}" fill="none" '
            f'stroke="{self._theme.allowed}" stroke-width="1" stroke-opacity="0.6"/>'
        )

    def _trouble(self, placed: PlacedEdge) -> Iterator[str]:
        theme, mark = self._theme, placed.edge.mark
        (start, row), (x, y) = placed.start, placed.end
        denied = mark is Mark.DENIED
        colour = theme.denied if denied else theme.unknown
        yield (
            f'<g class="edge" data-mark="{mark}" data-principal={_data(placed.edge.principal)} '
            f"data-resource={_data(placed.edge.resource)} "
            f"data-actions={_data(' '.join(placed.edge.actions))}>"
            f'<path d="{_route(placed, 7)}" fill="none" stroke="{colour}" {_STROKES[mark]}/>'
            f'<path d="M{x - 8:.1f} {y - 4.5:.1f}l8 4.5l-8 4.5z" fill="{colour}"/>'
        )
        yield self._sign(mark, start + 12, row)
        top = row - 5 - len(placed.label) * LINE
        words = self._texts["edge"]
        for number, line in enumerate(placed.label):
            note = line.startswith("+") or line in (words["explicit"], words["likely"])
            at = top + number * LINE + LINE / 2 + 4.2
            text = theme.denied_text if denied else theme.text
            yield _text(line, LABEL, at, text, bold=not note)
        yield "</g>"

    # --- signs -------------------------------------------------------------------------------

    def _sign(self, mark: Mark, x: float, y: float) -> str:
        """A cross, a question mark, a tick or a dot: the meaning without its colour."""
        theme = self._theme
        r = MARK / 2
        if mark is Mark.DENIED:
            return (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:g}" fill="{theme.denied}"/>'
                f'<path d="M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6" stroke="{theme.page}" '
                f'stroke-width="2" stroke-linecap="round"/>'
            )
        if mark is Mark.UNKNOWN:
            return (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r - 0.75:g}" fill="{theme.node}" '
                f'stroke="{theme.unknown}" stroke-width="1.5"/>'
                f'<path d="M{x - 2.2:.1f} {y - 1.6:.1f}a2.2 2.2 0 1 1 3.2 2q-1 0.5 -1 1.4" '
                f'fill="none" stroke="{theme.muted}" stroke-width="1.4" stroke-linecap="round"/>'
                f'<circle cx="{x:.1f}" cy="{y + 4:.1f}" r="0.9" fill="{theme.muted}"/>'
            )
        if mark is Mark.ALLOWED:
            return (
                f'<path d="M{x - 4:.1f} {y + 0.5:.1f}l3 3l5.5 -6.5" fill="none" '
                f'stroke="{theme.allowed}" stroke-width="1.8" stroke-linecap="round" '
                f'stroke-linejoin="round"/>'
            )
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.8" fill="{theme.border}"/>'

    def _chip(self, tag: str, x: float, y: float) -> str:
        theme = self._theme
        return (
            f'<rect x="{x:.1f}" y="{y - CHIP / 2:.1f}" width="{CHIP:g}" height="{CHIP:g}" rx="5" '
            f'fill="{theme.chip}"/>'
            + _text(tag, x + CHIP / 2, y + 4.2, theme.chip_text, bold=True, anchor="middle")
        )

    def _icon(self, shape: str, x: float, y: float) -> str:
        return (
            f'<path transform="translate({x:.1f} {y:.1f})" d="{shape}" fill="none" '
            f'stroke="{self._theme.muted}" stroke-width="1.4" stroke-linejoin="round" '
            f'stroke-linecap="round"/>'
        )

    # --- legend ------------------------------------------------------------------------------

    def _legend(self) -> Iterator[str]:
        layout, theme, texts = self._layout, self._theme, self._texts["legend"]
        for number, line in enumerate(layout.left_out):
            at = layout.legend - PAD - (len(layout.left_out) - number) * LINE + 12
            yield _text(line, MARGIN, at, theme.muted)
        y = layout.legend + LINE / 2
        x = MARGIN
        for mark, line in (
            (Mark.DENIED, theme.denied),
            (Mark.UNKNOWN, theme.unknown),
            (Mark.ALLOWED, theme.allowed),
        ):
            yield f'<path d="M{x:.1f} {y:.1f}h34" stroke="{line}" {_STROKES[mark]} fill="none"/>'
            if mark is not Mark.ALLOWED:
                yield self._sign(mark, x + 17, y)
            yield _text(texts[mark], x + 40, y + 4.2, theme.muted)
            x += 40 + width(texts[mark], SIZE) + 16
        yield _text(texts["tags"], MARGIN, y + LINE + 4.2, theme.muted)


def _route(placed: PlacedEdge, short: float) -> str:
    """Along the row, up or down in the slot, and into the resource; corners are rounded."""
    (x, y), (end, at), slot = placed.start, placed.end, placed.slot
    if abs(y - at) < 1:
        return f"M{x:.1f} {y:.1f}H{end - short:.1f}"
    r = min(6.0, abs(y - at) / 2)
    down = r if at > y else -r
    return (
        f"M{x:.1f} {y:.1f}H{slot - r:.1f}Q{slot:.1f} {y:.1f} {slot:.1f} {y + down:.1f}"
        f"V{at - down:.1f}Q{slot:.1f} {at:.1f} {slot + r:.1f} {at:.1f}H{end - short:.1f}"
    )


def _rect(
    x: float, y: float, w: float, h: float, fill: str, stroke: str, wide: float, radius: float = 6
) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{radius:g}" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="{wide:g}"/>'
    )


def _text(
    text: str,
    x: float,
    y: float,
    colour: str,
    *,
    size: float = SIZE,
    bold: bool = False,
    anchor: str = "start",
) -> str:
    weight = ' font-weight="700"' if bold else ""
    big = f' font-size="{size:g}"' if size != SIZE else ""
    end = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{weight}{big}{end}>{_escaped(text)}</text>'
    )


def _data(value: str) -> str:
    return quoteattr(printable(value))


def _escaped(text: str | Sequence[str]) -> str:
    return escape(printable(str(text)))
