"""The access map of a diagnosis as a picture in its thread.

The thread says everything in words; so the picture comes after them, where something is denied,
and whatever goes wrong with it takes nothing away.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress

import structlog

from workers import memory
from workers.diagnosis.map import alt_text, draw
from workers.diagnosis.map.raster import SCALE, CannotRaster, png
from workers.diagnosis.model import Outcome, Report
from workers.inquiry import Inquiry
from workers.room import Room
from workers.slack import delivery
from workers.telling import deliver_now

STEP = "map"
ALT_CHARACTERS = 1_000
"""What Slack takes: https://docs.slack.dev/reference/methods/files.getUploadURLExternal"""

MOST_PIXELS = 1_000_000
"""While it is drawn, each takes eight bytes of the job: four of the picture, four of its copy."""
LEAST_SCALE = 1.25
"""The smallest words of a map are still read."""

log = structlog.get_logger(__name__)


def share_map(room: Room, inquiry: Inquiry, found: Report) -> None:
    """Post the map where something is denied. Raises nothing because of a picture."""
    if found.outcome is not Outcome.BLOCKED or found.snapshot is None:
        return
    memory.give_back()  # the pixels take ten megabytes for a moment
    try:
        svg = draw(found, found.snapshot)
        content = png(svg, scale=scale(svg))
        alt = alt_text(found, found.snapshot, limit=ALT_CHARACTERS)
    except CannotRaster as error:
        log.warning("map not drawn", inquiry=inquiry.id, error=str(error)[:200])
        return
    except Exception:  # a fault of ours, in a picture: the answer stands without it
        log.exception("map not drawn", inquiry=inquiry.id)
        return
    title = room.texts.plain("picture.title", name=found.name)
    item = delivery.file(STEP, _file_name(found.name), content, title=title, alt=alt)
    if inquiry.thread:
        item = item.model_copy(update={"channel": inquiry.channel, "thread": inquiry.thread})
    room.outbox.add(inquiry.id, item)
    deliver_now(room, inquiry.id)


def scale(svg: str) -> float:
    """As sharp as a phone shows, but of a tall map no more pixels than there is room for."""
    sides = re.search(r'<svg[^>]* width="([\d.]+)"[^>]* height="([\d.]+)"', svg)
    if sides is None:
        return SCALE
    width, height = map(float, sides.groups())
    return max(LEAST_SCALE, min(SCALE, math.sqrt(MOST_PIXELS / (width * height))))


def preload() -> None:
    """Load what draws, for the parent of forking workers; it may be missing."""
    with suppress(CannotRaster):
        png('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')


def _file_name(pipeline: str) -> str:
    return f"access-map-{re.sub(r'[^A-Za-z0-9.@_-]', '-', pipeline)[:100]}.png"
