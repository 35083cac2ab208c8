"""How wide a text is, and how it is broken into lines, without asking a renderer."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

ELLIPSIS = "…"
_BREAKS = re.compile(r"(?<=[-_:/.@ ])|(?<=[a-z0-9])(?=[A-Z])")
_UNKNOWN_WIDTH = 1000  # a character of another script: as wide as it is high
_INVALID = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def width(text: str, size: float, *, bold: bool = False) -> float:
    """The width in the units of `size`, in the widest face that the map may be shown in."""
    widths = _widths()["bold" if bold else "regular"]
    return sum(widths.get(char, _UNKNOWN_WIDTH) for char in text) * size / 1000


def lines(text: str, size: float, room: float, most: int, *, bold: bool = False) -> list[str]:
    """The text in at most `most` lines of at most `room`; what does not fit is cut with `…`.

    Breaks after - _ : / . and blanks and before capitals, where names of AWS may be broken.
    Raises ValueError when there is no room for a single character.
    """
    if room < width(ELLIPSIS, size, bold=bold):
        raise ValueError(f"no room for text: {room}")
    found: list[str] = [""]
    for piece in _pieces(printable(text), size, room, bold=bold):
        if width(found[-1] + piece.rstrip(), size, bold=bold) <= room:
            found[-1] += piece
        else:
            found.append(piece)
    found = [line.strip() for line in found if line.strip()] or [""]
    if len(found) <= most:
        return found
    kept = found[:most]
    kept[-1] = _cut(kept[-1] + found[most], size, room, bold=bold)
    return kept


def printable(text: str) -> str:
    """The text without characters that XML cannot hold, on one line."""
    return " ".join(_INVALID.sub("", text).split())


def _pieces(text: str, size: float, room: float, *, bold: bool) -> list[str]:
    pieces: list[str] = []
    for piece in _BREAKS.split(text):
        while width(piece, size, bold=bold) > room:
            end = len(piece)
            while end > 1 and width(piece[:end], size, bold=bold) > room:
                end -= 1
            pieces.append(piece[:end])
            piece = piece[end:]
        pieces.append(piece)
    return [piece for piece in pieces if piece]


def _cut(text: str, size: float, room: float, *, bold: bool) -> str:
    while text and width(text + ELLIPSIS, size, bold=bold) > room:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS


@cache
def _widths() -> Mapping[str, Mapping[str, int]]:
    data = tomllib.loads(resources.files(__package__).joinpath("widths.toml").read_text("utf-8"))
    return {
        weight: {char: int(value) for value, chars in table.items() for char in chars}
        for weight, table in data.items()
    }
