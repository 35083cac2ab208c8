"""The map as PNG, for places that show no SVG (Slack is one)."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

SCALE = 2
"""Pixels per unit: 780 wide, sharp on a phone; 3 takes half as long again and looks the same."""


class CannotRaster(Exception):
    """The picture could not be made; the text says what is missing."""


def png(svg: str, *, scale: float = SCALE) -> bytes:
    """The SVG of `draw` as PNG bytes.

    Draws with resvg and the Manrope typeface that ship as wheels; no font or library of the
    system is used, so that the picture is the same everywhere. Raises CannotRaster when they are
    not installed or the SVG is none.
    """
    resvg = _installed("resvg_py")
    try:
        return bytes(
            resvg.svg_to_bytes(
                svg_string=svg,
                zoom=scale,
                skip_system_fonts=True,
                font_files=list(_fonts()),
                sans_serif_family="Manrope",
            )
        )
    except ValueError as error:
        raise CannotRaster(f"the map could not be drawn: {error}") from error


@cache
def _fonts() -> tuple[str, ...]:
    files = _installed("font_manrope").font_files
    return (files["Manrope"], files["ManropeBold"])


def _installed(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise CannotRaster(f"{module} is not installed; the map stays SVG") from error
