"""Rate limits, where they are switched on. https://docs.slack.dev/apis/web-api/rate-limits"""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from demo.workspace import Channel, Person, Workspace


class Stopped:
    """A clock that moves only when told, so that no time passes while a test runs."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Stopped:
    return Stopped()


def test_about_one_post_a_second_and_channel(clock: Stopped) -> None:
    channels = [Channel("C1", "one"), Channel("C2", "two")]
    with Workspace(
        people=[Person("U1", "dana")], channels=channels, clock=clock, rate_limits=True
    ) as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        for number in range(10):  # a short burst passes
            client.chat_postMessage(channel="C1", text=str(number))
        with pytest.raises(SlackApiError) as caught:
            client.chat_postMessage(channel="C1", text="too much")
        assert caught.value.response.status_code == 429
        assert caught.value.response.headers["Retry-After"] == "1"
        client.chat_postMessage(channel="C2", text="elsewhere")
        clock.now += 1
        client.chat_postMessage(channel="C1", text="a second later")


def test_tier_three_is_fifty_a_minute(clock: Stopped) -> None:
    with Workspace(
        people=[Person("U1", "dana")],
        channels=[Channel("C1", "one")],
        clock=clock,
        rate_limits=True,
    ) as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        ts = str(client.chat_postMessage(channel="C1", text="x")["ts"])
        where: dict[str, Any] = {"channel": "C1", "ts": ts}
        for number in range(50):
            client.chat_update(**where, text=str(number))
        with pytest.raises(SlackApiError, match="ratelimited"):
            client.chat_update(**where, text="one too many")
