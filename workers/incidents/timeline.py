"""The timeline of an incident as a picture: changes above, one lane per pipeline below. Pure.

As wide as a phone. Signs and words carry what colours say: a diamond is a change, a cross a
failure, a ring a recovery. `workers.diagnosis.map.raster.png` makes PNG of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from workers.diagnosis.map.svg import FONT, THEMES, Theme
from workers.diagnosis.map.text import lines, printable, width
from workers.incidents.investigation import Moment, Occurrence

WIDTH = 390
MARGIN = 12
NAMES = 116  # room for the names of the lanes
LANE = 28
CHANGE = 40  # height of a change's row above the lanes
MOST_LANES = 16
MOST_CHANGES = 6
SIZE, SMALL = 12, 10
_STEPS = (60, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 2 * 86400)
_TICKS = 5
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Words:
    """What the picture says, in the reader's language; `{number}` in `more` is filled in."""

    title: str
    change: str
    failure: str
    recovery: str
    more: str
    utc: str

    def of(self, kind: Moment) -> str:
        named = {Moment.CHANGE: self.change, Moment.FAILURE: self.failure}
        return named.get(kind, self.recovery)


@dataclass(frozen=True, slots=True)
class Scale:
    """From times to places on the axis."""

    start: float
    end: float

    def x(self, at: float) -> float:
        left, right = MARGIN + NAMES + 8, WIDTH - MARGIN - 8
        share = (at - self.start) / (self.end - self.start)
        return left + (right - left) * min(max(share, 0.0), 1.0)

    @property
    def ticks(self) -> tuple[float, ...]:
        """Round times, at most five."""
        length = self.end - self.start
        step = next((each for each in _STEPS if length / each <= _TICKS), int(length // _TICKS))
        first = int(self.start // step + 1) * step
        return tuple(float(at) for at in range(first, int(self.end) + 1, step))

    def clock(self, at: float) -> str:
        """`12:05`, with the day where the axis spans several."""
        form = "%H:%M" if self.end - self.start < _DAY else "%d %b %H:%M"
        return datetime.fromtimestamp(at, UTC).strftime(form)


def draw(happened: Sequence[Occurrence], until: float, words: Words, theme: str = "light") -> str:
    """The SVG of what happened, up to now. Raises KeyError for a theme that is not there."""
    return "".join(_Drawing(happened, until, words, THEMES[theme]).parts())


def describe(happened: Sequence[Occurrence], words: Words) -> str:
    """The picture in words, for people who do not see it; at most 1,000 characters."""
    told = [
        " ".join(filter(None, (moment(each.at), words.of(each.kind), each.who, each.what)))
        for each in happened
    ]
    text = f"{words.title}. {'; '.join(told)} ({words.utc})"
    return text if len(text) <= 1_000 else f"{text[:999]}…"


def moment(at: float) -> str:
    """`2026-11-24 12:05:30`, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


class _Drawing:
    def __init__(
        self, happened: Sequence[Occurrence], until: float, words: Words, theme: Theme
    ) -> None:
        self._words = words
        self._theme = theme
        self._changes = [each for each in happened if each.kind is Moment.CHANGE][-MOST_CHANGES:]
        self._runs = [each for each in happened if each.kind is not Moment.CHANGE]
        self._names = list(dict.fromkeys(each.who for each in self._runs))
        self._scale = _scale([each.at for each in (*self._changes, *self._runs)], until)
        self._top = 52 + CHANGE * len(self._changes)
        self._bottom = self._top + LANE * len(self._names[:MOST_LANES])
        more = 18 if len(self._names) > MOST_LANES else 0
        self._height = self._bottom + 24 + more + 26

    def parts(self) -> Iterator[str]:
        theme, words = self._theme, self._words
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" '
            f'width="{WIDTH}" height="{self._height}" role="img" font-family={quoteattr(FONT)}>'
            f"<title>{escape(printable(words.title))}</title>"
            f'<rect width="{WIDTH}" height="{self._height}" fill="{theme.page}"/>'
        )
        (title,) = lines(words.title, SIZE + 3, WIDTH - 2 * MARGIN, 1, bold=True)
        yield _word(MARGIN, 28, title, theme.text, SIZE + 3, bold=True)
        for row in range(0, len(self._names[:MOST_LANES]), 2):
            yield self._stripe(self._top + LANE * row)
        yield from self._axis()
        for row, each in enumerate(self._changes):
            yield from self._change(each, 48 + CHANGE * row)
        for row, name in enumerate(self._names[:MOST_LANES]):
            yield from self._lane(name, self._top + LANE * row)
        if len(self._names) > MOST_LANES:
            more = words.more.format(number=len(self._names) - MOST_LANES)
            yield _word(MARGIN, self._bottom + 36, more, theme.muted, SMALL)
        yield from self._legend(self._height - 12)
        yield "</svg>"

    def _axis(self) -> Iterator[str]:
        theme, free = self._theme, 0.0
        for at in self._scale.ticks:
            x, label = self._scale.x(at), self._scale.clock(at)
            yield (
                f'<path d="M{x:.1f} {self._top - 4}V{self._bottom + 4}" '
                f'stroke="{theme.border}" stroke-width="1" stroke-dasharray="2 4"/>'
            )
            half = width(label, SMALL) / 2
            if x - half > free and x + half < WIDTH - 2:
                yield _word(x, self._bottom + 18, label, theme.muted, SMALL, anchor="middle")
                free = x + half + 6

    def _change(self, each: Occurrence, y: float) -> Iterator[str]:
        x, theme = self._scale.x(each.at), self._theme
        yield (
            f'<path d="M{x:.1f} {y + 14}V{self._bottom}" stroke="{theme.chip}" '
            f'stroke-width="1.5" stroke-dasharray="6 3"/>'
        )
        yield _diamond(x, y + 7, theme.chip)
        # Beside the diamond where more room is, so that nothing is written over it.
        left = x - MARGIN > WIDTH - MARGIN - x
        room = (x - MARGIN if left else WIDTH - MARGIN - x) - 14
        place, anchor = (x - 13, "end") if left else (x + 13, "start")
        said = (f"{self._scale.clock(each.at)} {each.who}", each.what)
        for line, text in enumerate(said):
            (shown,) = lines(text, SMALL, room, 1, bold=line == 0)
            colour = theme.text if line == 0 else theme.muted
            yield _word(
                place, y + 5 + 13 * line, shown, colour, SMALL, bold=line == 0, anchor=anchor
            )

    def _stripe(self, y: float) -> str:
        return (
            f'<rect x="{MARGIN - 4}" y="{y}" width="{WIDTH - 2 * MARGIN + 8}" '
            f'height="{LANE}" rx="4" fill="{self._theme.lane}"/>'
        )

    def _lane(self, name: str, y: float) -> Iterator[str]:
        theme, scale = self._theme, self._scale
        (shown,) = lines(name, SIZE, NAMES, 1)
        middle = y + LANE / 2
        yield _word(MARGIN, middle + 4, shown, theme.text, SIZE)
        mine = [each for each in self._runs if each.who == name]
        failed = [each.at for each in mine if each.kind is Moment.FAILURE]
        healed = [each.at for each in mine if each.kind is Moment.RECOVERY]
        if failed:
            end = scale.x(max(healed)) if healed else scale.x(scale.end)
            yield (
                f'<path d="M{scale.x(min(failed)):.1f} {middle}H{end:.1f}" '
                f'stroke="{theme.denied}" stroke-width="3" stroke-opacity="0.4"/>'
            )
        for at in failed:
            yield _cross(scale.x(at), middle, theme.denied)
        for at in healed:
            yield _ring(scale.x(at), middle, theme.allowed, theme.page)

    def _legend(self, y: float) -> Iterator[str]:
        theme, words, x = self._theme, self._words, float(MARGIN + 6)
        signs: tuple[tuple[str, Callable[[float], str]], ...] = (
            (words.change, lambda at: _diamond(at, y - 4, theme.chip)),
            (words.failure, lambda at: _cross(at, y - 4, theme.denied)),
            (words.recovery, lambda at: _ring(at, y - 4, theme.allowed, theme.page)),
        )
        for word, sign in signs:
            yield sign(x)
            yield _word(x + 11, y, word, theme.muted, SMALL)
            x += 11 + width(word, SMALL) + 20
        yield _word(WIDTH - MARGIN, y, self._words.utc, theme.muted, SMALL, anchor="end")


def _scale(times: Sequence[float], until: float) -> Scale:
    """What happened, spread over the width, with a little room on both sides."""
    start, end = min([*times, until - 60]), max([*times, until])
    room = max((end - start) * 0.06, 20)
    return Scale(start - room, end + room)


def _word(
    x: float,
    y: float,
    text: str,
    colour: str,
    size: float,
    *,
    bold: bool = False,
    anchor: str = "start",
) -> str:
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{weight} '
        f'fill="{colour}">{escape(printable(text))}</text>'
    )


def _diamond(x: float, y: float, colour: str) -> str:
    return f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" fill="{colour}"/>'


def _cross(x: float, y: float, colour: str) -> str:
    return (
        f'<path d="M{x - 4.5:.1f} {y - 4.5:.1f}l9 9m0 -9l-9 9" stroke="{colour}" '
        f'stroke-width="2.6" stroke-linecap="round"/>'
    )


def _ring(x: float, y: float, colour: str, page: str) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{page}" stroke="{colour}" '
        f'stroke-width="2.6"/>'
    )
