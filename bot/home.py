"""App Home: a worker makes the page, for it asks Slack whose groups the person is in."""

from __future__ import annotations

from contextlib import suppress

from rq.exceptions import DuplicateJobError

from bot.desk import Desk
from workers.queue import SHOW_HOME, enqueue
from workers.slack.blocks import Json


class Home:
    """The listener of app_home_opened."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def opened(self, event: Json) -> None:
        """https://docs.slack.dev/reference/events/app_home_opened"""
        if event.get("tab", "home") != "home":
            return
        user = str(event["user"])
        with suppress(DuplicateJobError):
            enqueue(self._desk.queue, SHOW_HOME, user, id=f"home-{user}")
