"""The round that `pipeline-access demo --once` makes: every thread names the cause built in."""

from __future__ import annotations

from demo.aws.world.model import Pipeline
from demo.local import LocalWorld
from demo.rounds import Thread, ask_all
from tests.end_to_end.people import Story

# What the local world has to have at least one failing pipeline of.
COMPONENTS = {
    "user",
    "service_role",
    "action_role",
    "build_role",
    "bucket",
    "kms",
    "connection",
    "scp",
    "rcp",
    "trust",
    "config",
}


def test_every_pipeline_gets_a_thread_that_names_its_true_cause(
    world: LocalWorld, story: Story
) -> None:
    threads = list(ask_all(world.workspace, world.world))
    assert len(threads) == len(world.world.pipelines) >= 10
    assert [_wrong(each) for each in threads if not each.right] == []
    assert len(story.roots()) == len(threads), "one thread each"
    (repeated,) = (each for each in threads if each.pipeline.name == "pricing-deploy")
    said = "\n".join(story.plain(each) for each in repeated.messages)
    assert 'key "AWS" twice' in said
    assert "line 20" in said, "a document that is wrong is told with the position"


def test_the_world_has_every_component_fail_somewhere_and_something_healthy(
    world: LocalWorld,
) -> None:
    pipelines = world.world.pipelines
    failing = {each.truth.component for each in pipelines if each.truth is not None}
    assert failing >= COMPONENTS
    assert {each.outcome for each in pipelines} >= {"clear", "blocked", "unknown", "retry"}
    assert any(_unreadable(world, each) for each in pipelines)


def _wrong(thread: Thread) -> str:
    missing = ", ".join(thread.missing)
    return f"{thread.pipeline.name} is {thread.outcome}, and does not say: {missing}"


def _unreadable(world: LocalWorld, pipeline: Pipeline) -> bool:
    return any(each.id == pipeline.account and not each.readable for each in world.world.accounts)
