"""A tall map is drawn with fewer pixels, never so few that its words are lost."""

from __future__ import annotations

import struct

import pytest

from workers.diagnosis.map.raster import SCALE, png
from workers.pictures import LEAST_SCALE, MOST_PIXELS, scale

WIDTH = 390


def svg(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}"/>'
    )


def test_a_map_of_a_few_actions_is_as_sharp_as_can_be() -> None:
    assert scale(svg(400)) == SCALE


@pytest.mark.parametrize("height", [800, 1_200, 1_600])
def test_a_taller_map_takes_no_more_memory(height: int) -> None:
    drawn = png(svg(height), scale=scale(svg(height)))
    width, tall = struct.unpack(">II", drawn[16:24])
    assert 0.95 * MOST_PIXELS < width * tall <= 1.01 * MOST_PIXELS


def test_the_words_of_the_tallest_map_are_still_read() -> None:
    assert scale(svg(20_000)) == LEAST_SCALE


def test_what_tells_no_size_is_drawn_as_ever() -> None:
    assert scale("<svg/>") == SCALE
