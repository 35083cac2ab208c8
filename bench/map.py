"""How long the access map takes to draw and to raster: `python -m bench.map`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from statistics import median

from bench.table import Row, show
from tests.map import pictures
from workers.diagnosis.map import draw
from workers.diagnosis.map.raster import png

TURNS = 5
LIMIT = 1.0


def rows() -> Iterable[Row]:
    """Each picture drawn and rastered `TURNS` times after a warm-up, the median."""
    for name, picture in (
        ("small (1 account)", pictures.small),
        ("medium (3 accounts, 14 actions)", pictures.medium),
        ("large", pictures.large),
    ):
        report, snapshot = picture()
        drawing = _median(lambda r=report, s=snapshot: draw(r, s))  # type: ignore[misc]
        svg = draw(report, snapshot)
        whole = drawing + _median(lambda text=svg: png(text))  # type: ignore[misc]
        yield Row(f"{name}: SVG", f"{drawing * 1000:.0f} ms")
        yield Row(
            f"{name}: SVG and PNG",
            f"{whole * 1000:.0f} ms",
            f"{LIMIT * 1000:.0f} ms",
            f"{whole / LIMIT:.2f}x",
            "under 1 s",
            whole < LIMIT,
        )


def _median(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(TURNS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)


if __name__ == "__main__":
    show("Access map: medians", rows())
