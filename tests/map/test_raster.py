"""The PNG that Slack shows."""

from __future__ import annotations

import importlib
import importlib.util
import struct

import pytest

from tests.map import pictures
from workers.diagnosis.map import draw
from workers.diagnosis.map.raster import CannotRaster, png

INSTALLED = all(importlib.util.find_spec(name) for name in ("resvg_py", "font_manrope"))
needs_renderer = pytest.mark.skipif(not INSTALLED, reason="resvg-py and font-manrope")


def size(data: bytes) -> tuple[int, int]:
    """Width and height from the header (PNG specification, 11.2.2)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


@needs_renderer
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_is_twice_a_phone_wide(theme: str) -> None:
    svg = draw(*pictures.medium(), theme=theme)
    wide, high = size(png(svg))
    assert wide == 780
    assert high > wide
    assert size(png(svg, scale=1))[0] == 390


@needs_renderer
def test_text_is_really_drawn() -> None:
    """Without its font resvg draws no glyphs: the picture with words must be the larger one."""
    svg = draw(*pictures.small())
    silent = svg.replace("<text", "<desc").replace("</text>", "</desc>")
    assert len(png(svg, scale=1)) > len(png(silent, scale=1)) + 2000


@needs_renderer
def test_what_is_no_svg_is_refused_in_words() -> None:
    with pytest.raises(CannotRaster, match="could not be drawn"):
        png("<svg")


def test_a_missing_renderer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("workers.diagnosis.map.raster.import_module", missing)
    with pytest.raises(CannotRaster, match="not installed"):
        png("<svg xmlns='http://www.w3.org/2000/svg'/>")
