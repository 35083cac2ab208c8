"""An incident in the local world: watched, told, counted, investigated, over."""

from __future__ import annotations

import pytest

from demo import cast, incident
from demo.local import LocalWorld
from tests.end_to_end.people import Story


@pytest.mark.timeout(300)
def test_the_incident_plays_from_the_watch_to_the_recovery(world: LocalWorld, story: Story) -> None:
    acts = list(incident.play(world))
    assert [(act.title, act.missing) for act in acts if act.missing] == []
    assert len(acts) == 6
    investigation = acts[4].messages
    names = [file["name"] for message in investigation for file in message.files]
    assert names == ["timeline.png"]


def test_it_can_be_played_by_hand_on_the_page(world: LocalWorld, story: Story) -> None:
    shown = world.workspace.command(cast.DEVELOPER.id, cast.INCIDENTS.id, "/world", "")
    (note,) = shown.ephemerals
    assert "/world break-key" in note.text
    assert any(each.name == "/world" for each in world.workspace.directory.app.commands)
