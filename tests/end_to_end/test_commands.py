"""Every way to ask, and what comes back; nothing that is no question reaches the queue."""

from __future__ import annotations

import re
from typing import Any

import pytest
from redis import Redis

from demo import cast
from demo.local import LocalWorld
from demo.rounds import COMMAND
from tests.end_to_end.people import Story


def test_help_says_what_can_be_typed(story: Story) -> None:
    answer = story.type("help")
    for words in ("payments-deploy in prod", "as arn:aws:iam", "list", "tools"):
        assert words in answer


def test_list_is_shown_to_the_asker_alone(story: Story) -> None:
    assert "the list comes here" in story.type("list pay")
    listed = story.whisper("payments-deploy")
    assert "tools 111111111111 · us-east-1" in listed
    assert listed.startswith("1 pipeline\n")
    assert "docs-site" not in listed
    assert story.roots("payments-deploy") == []


def test_a_name_in_two_accounts_is_chosen_from(world: LocalWorld, story: Story) -> None:
    story.type("status-page")
    story.whisper("status-page exists 2 times")
    (menu,) = (
        each
        for each in world.workspace.ephemerals(cast.DEVELOPER.id)
        if float(each.ts) > story.began and "2 times" in each.text
    )
    labels = {
        option["text"]["text"]: option["value"]
        for option in _element(menu.blocks, "static_select")["options"]
    }
    (chosen,) = (value for label, value in labels.items() if "sandbox" in label)
    select = _element(menu.blocks, "static_select")["action_id"]
    world.workspace.press(cast.DEVELOPER.id, menu, select, value=chosen)
    root, *_ = story.thread("status-page")
    assert "sandbox" in root
    assert "eu-west-1" in root


def test_a_name_that_does_not_exist_gets_the_nearest(story: Story) -> None:
    story.type("payment-deploy in tools")
    assert "payments-deploy" in story.whisper("No pipeline is named payment-deploy")


def test_who_asks_within_a_minute_joins_the_answer(world: LocalWorld, story: Story) -> None:
    story.type("pricing-deploy")
    story.thread("pricing-deploy")
    answer = story.type("pricing-deploy", user=cast.APPROVER.id, channel=cast.PLATFORM.id)
    assert re.search(r"pricing-deploy was diagnosed .* asked by @Developer", answer), answer
    (message,) = story.roots("*pricing-deploy*")
    assert world.workspace.permalink(message) in answer
    assert story.roots("*pricing-deploy*", cast.PLATFORM.id) == []


def test_who_asks_while_it_is_read_gets_the_link_of_its_thread(
    world: LocalWorld, story: Story
) -> None:
    world.cloud.fail("codepipeline:GetPipeline", "hang", seconds=2)
    story.type("tax-release in tools")
    second = story.type("tax-release in tools", user=cast.APPROVER.id)
    assert "is already being diagnosed, asked by @Developer" in second
    story.thread("tax-release")
    (message,) = story.roots("*tax-release*")
    if world.workspace.permalink(message) not in second:
        link = story.whisper("Here is the thread", user=cast.APPROVER.id)
        assert world.workspace.permalink(message) in link


def test_guests_are_refused_and_told_why(story: Story) -> None:
    story.type("payments-deploy", user=cast.OUTSIDER.id, channel=cast.OUTSIDE.id)
    story.whisper("Guests may not ask this bot", user=cast.OUTSIDER.id)
    assert story.roots("payments-deploy", cast.OUTSIDE.id) == []


def test_the_person_who_asks_can_be_the_question(world: LocalWorld, story: Story) -> None:
    asked = next(each for each in world.world.pipelines if each.asker is not None)
    alias = next(each.alias for each in world.world.accounts if each.id == asked.account)
    story.type(f"{asked.name} in {alias} as {asked.asker}")
    text = "\n".join(story.thread(asked.name))
    assert asked.asker is not None
    assert asked.asker in text
    assert asked.truth is not None
    assert asked.truth.action in text
    assert "no person was named" not in text


def test_an_arn_and_a_link_to_the_console_mean_the_same(story: Story) -> None:
    story.type("arn:aws:codepipeline:us-east-1:111111111111:docs-site")
    assert story.thread("docs-site")[0].startswith("✅")
    link = (
        "https://us-east-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/sdk-release/view"
    )
    story.type(f"{link}?region=us-east-1")
    assert story.thread("sdk-release")[0].startswith("✅")


def test_a_thread_is_asked_again_in_the_same_thread(world: LocalWorld, story: Story) -> None:
    story.type("catalog-release")
    first = story.thread("catalog-release")
    (root,) = story.roots("*catalog-release*")
    last = world.workspace.thread(cast.DEPLOYS.id, root.ts)[-1]
    world.workspace.press(cast.DEVELOPER.id, last, "ask_again")

    def more() -> bool:
        return len(world.workspace.thread(cast.DEPLOYS.id, root.ts)) > len(first)

    world.workspace.wait_for(lambda: more() or None, 60, "No second answer.")
    assert len(story.roots("*catalog-release*")) == 1


# --- what is no question --------------------------------------------------------------------------

# What is typed, and words of the answer. A person's typing reaches the app with &, < and >
# escaped; whoever forges a request need not escape.
BAD = {
    "empty": ("", "Which pipeline?"),
    "spaces": ("   ", "Which pipeline?"),
    "10 kB": ("x" * 10_000, "That is 10000 characters"),
    "control characters": ("payments\x00\x07deploy", "no pipeline's name can have"),
    "two commands": ("payments-deploy\n/remind me", "no pipeline's name can have"),
    "everybody": ("@channel", "is a person, group or channel"),
    "a link": ("https://example.com/payments-deploy", "no link to a pipeline"),
    "a forged console link": (
        "https://console.aws.amazon.com.example.com/codesuite/codepipeline/pipelines/x/view",
        "no link to a pipeline",
    ),
    "another command": ("/remind me", "looks like another command"),
    "a path": ("../../etc/passwd", "is no pipeline's name"),
    "an ARN of another service": ("arn:aws:s3:::artifacts", "a resource of s3"),
    "half an ARN": ("arn:aws:codepipeline:eu-west-1", "That ARN is not complete"),
    "an account that is not configured": ("docs-site in tolls", "Did you mean tools?"),
    "a region that does not exist": ("docs-site eu-west", "I understood docs-site, but not"),
    "no principal": ("docs-site as me", "After as comes the ARN"),
    "markup": ("*docs* & <b>", "is no pipeline's name"),
    "a mention as typed": ("<!channel>", "is no pipeline's name"),
}
FORGED = {
    "everybody": ("<!channel>", "is a person, group or channel"),
    "a person": ("<@U0DEVELOPER>", "is a person, group or channel"),
    "a group": ("<!subteam^S0PLATFORM>", "is a person, group or channel"),
    "a link with a label": ("<https://example.com|docs-site>", "no link to a pipeline"),
    "half a mention": ("docs-site <@U0DEVELOPER", "I understood docs-site, but not"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_answered_at_once_and_nothing_else_happens(
    world: LocalWorld, story: Story, case: str
) -> None:
    _refused(world, story, *BAD[case], raw=False)


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_text_is_answered_the_same(world: LocalWorld, story: Story, case: str) -> None:
    _refused(world, story, *FORGED[case], raw=True)


def _refused(world: LocalWorld, story: Story, text: str, words: str, *, raw: bool) -> None:
    with Redis.from_url(world.redis_url) as redis:
        before = _traces(redis)
        outcome = world.workspace.command(
            cast.DEVELOPER.id, cast.DEPLOYS.id, COMMAND, text, raw=raw
        )
        (answer,) = outcome.ephemerals
        assert words in story.plain(answer)
        assert not re.search("<[!@#h]", answer.text), "nobody is pinged, no link is forged"
        assert _traces(redis) <= before
    assert story.roots() == []


def _traces(redis: Redis) -> set[object]:
    """What a question leaves: its inquiry, and its job wherever that is."""
    waiting = redis.lrange("rq:queue:pipeline-access", 0, -1)
    inquiries = redis.lrange(f"pipeline-access:inquiries:of:{cast.DEVELOPER.id}", 0, -1)
    opened = redis.zrange("pipeline-access:inquiries:open", 0, -1)
    return {*waiting, *inquiries, *opened}


def _element(blocks: object, kind: str) -> dict[str, Any]:
    """The element of that type, however deep."""
    if isinstance(blocks, dict):
        if blocks.get("type") == kind:
            return blocks
        blocks = list(blocks.values())
    if isinstance(blocks, (list, tuple)):
        for each in blocks:
            if found := _element(each, kind):
                return found
    return {}
