"""An incident in the local world: watched, told, counted, investigated, over."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from demo import cast, incident
from demo.aws import incident as script
from demo.local import LocalWorld
from tests.end_to_end.people import Story
from workers.incidents import alerts


@pytest.mark.timeout(300)
def test_the_incident_plays_from_the_watch_to_the_recovery(world: LocalWorld, story: Story) -> None:
    acts = list(incident.play(world))
    assert [(act.title, act.missing) for act in acts if act.missing] == []
    assert len(acts) == 6
    investigation = acts[4].messages
    names = [file["name"] for message in investigation for file in message.files]
    assert names == ["timeline.png"]


@pytest.mark.timeout(300)
def test_a_recovery_that_nobody_told_of_is_found(world: LocalWorld, story: Story) -> None:
    """The consumer is down when the services run again: their events tell nobody."""
    acts = incident.play(world)
    for _ in range(2):
        assert next(acts).missing == ()
    (consumer,) = (each for each in world.processes if each.name == "consumer" and each.running)
    consumer.kill()
    script.heal_shared_key(world.cloud, world.world)
    ts = _root(world, "🔁")
    script.run_pipelines(world.cloud)
    assert _root(world, "✅") == ts
    world.wait_for(world.start_consumer())


def _root(world: LocalWorld, sign: str) -> str:
    """The alert whose root line has come to begin with a sign; the time to look comes often."""
    began = time.monotonic()
    while time.monotonic() - began < 60:
        with Redis.from_url(world.redis_url) as redis:
            for arn in redis.zrange(alerts.CHECK, 0, -1):
                redis.zadd(alerts.CHECK, {arn: 1})
        for each in world.workspace.history(cast.INCIDENTS.id):
            if each.text.startswith(f"{sign} *") and "cart-service" in each.text:
                return each.ts
        time.sleep(0.5)
    raise AssertionError([each.text for each in world.workspace.history(cast.INCIDENTS.id)])


def test_it_can_be_played_by_hand_on_the_page(world: LocalWorld, story: Story) -> None:
    shown = world.workspace.command(cast.DEVELOPER.id, cast.INCIDENTS.id, "/world", "")
    (note,) = shown.ephemerals
    assert "/world break-key" in note.text
    assert any(each.name == "/world" for each in world.workspace.directory.app.commands)
