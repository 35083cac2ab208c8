"""Being told: a channel watches, pipelines fail, one thread tells why, and when it is over."""

from __future__ import annotations

import pytest
from redis import Redis

from demo.workspace import Message
from tests.incidents.world import KEY, NOON, Post, Scene, denied, event, key_finding, report
from tests.jobs.house import DEPLOYS, DEV, OTHER, PLATFORM, House
from workers.consumer import Consumer
from workers.incidents.intake import Intake
from workers.snapshot.model import Run


def deliver(consumer: Consumer, post: Post) -> None:
    for _ in range(100):
        if not consumer.round():
            return
        if post.refuses_to_delete:
            return


def watch(house: House, text: str, channel: str = DEPLOYS, user: str = DEV) -> None:
    house.command(f"watch {text}", user, channel)
    house.work()


def threads(house: House, channel: str = DEPLOYS) -> list[list[Message]]:
    """The alerts of a channel: its threads with replies, without notes such as "X watches Y"."""
    found = [house.workspace.thread(channel, root.ts) for root in house.roots(channel)]
    return [each for each in found if len(each) > 1]


def said(messages: list[Message]) -> str:
    return "\n".join(str(each.blocks) for each in messages)


@pytest.fixture
def broken_key(scene: Scene) -> Scene:
    scene.put(*(report(name, key_finding(name)) for name in ("cart", "email", "media")))
    return scene


def test_a_denied_run_opens_a_thread_with_its_cause(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    watch(house, "cart")
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    ((root, finding),) = threads(house)
    assert root.text.startswith("⛔ *cart* is denied")
    assert "cart-build" in root.text
    assert "kms:Decrypt" in said([finding])
    assert f"<@{DEV}>" in said([root])
    assert post.waiting == []


def test_the_threads_buttons_work_as_after_a_command(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    watch(house, "cart")
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    ((_, finding),) = threads(house)
    house.workspace.press(DEV, finding, "request_fix")
    modal = house.workspace.modal(DEV)
    assert modal is not None
    assert "PipelineAccessDecrypt" in str(modal.blocks)
    house.workspace.submit(DEV, modal, {"reason": "deploys are down"})
    house.work()
    _, finding, *rest = threads(house)[0]
    assert f"Fix requested by <@{DEV}>" in said([finding])
    assert any("*Fix requested*" in each.text for each in rest)


def test_the_root_line_stays_true_when_a_fix_is_requested_in_the_thread(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    watch(house, "account:prod")
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    ((_, finding),) = threads(house)
    house.workspace.press(DEV, finding, "request_fix")
    modal = house.workspace.modal(DEV)
    assert modal is not None
    house.workspace.submit(DEV, modal, {"reason": "deploys are down"})
    house.work(rounds=2)
    root, *_ = threads(house)[0]
    assert root.text.startswith("⛔ *cart* is denied")
    assert "1 failure" in said([root])
    assert "1 fix requested" in said([root])

    post.send(denied("email", 2, at=NOON + 60))
    deliver(consumer, post)
    house.work(rounds=2)
    root, *_ = threads(house)[0]
    assert "2 pipelines are denied" in root.text
    assert "2 failures" in said([root])
    assert "1 fix requested" in said([root])

    post.send(
        *(event(n, name, "SUCCEEDED", at=NOON + 600) for n, name in ((3, "cart"), (4, "email")))
    )
    deliver(consumer, post)
    house.work(rounds=2)
    root, *_ = threads(house)[0]
    assert root.text == "✅ *cart*, *email*: healthy again after 10 min"


def test_later_failures_of_the_cause_join_the_thread_with_a_count(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    watch(house, "account:prod")
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    post.send(denied("email", 2, at=NOON + 60), denied("media", 3, at=NOON + 90))
    deliver(consumer, post)
    house.work()
    post.send(denied("cart", 4, at=NOON + 120))
    deliver(consumer, post)
    house.work()
    ((root, _, count),) = threads(house)
    assert "3 pipelines are denied" in root.text
    assert "the policy of KMS key" in root.text
    assert "*4 failures so far*" in said([count])
    assert "`cart`  2 failures" in said([count])


def test_a_key_goes_by_its_alias(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    broken_key.aliases[KEY] = "alias/storefront-artifacts"
    watch(house, "account:prod")
    post.send(denied("cart", 1), denied("email", 2))
    deliver(consumer, post)
    house.work()
    ((root, *_),) = threads(house)
    assert "the policy of KMS key `storefront-artifacts (90e6f2b4…)`" in root.text


def test_healthy_again_is_said_with_the_time_it_took(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    watch(house, "prod")
    post.send(denied("cart", 1), denied("email", 2))
    deliver(consumer, post)
    house.work()
    post.send(event(3, "cart", "SUCCEEDED", at=NOON + 600))
    deliver(consumer, post)
    house.work()
    ((root, _, count),) = threads(house)
    assert root.text.startswith("⛔")
    assert "1 healthy again" in said([count])
    post.send(event(4, "email", "SUCCEEDED", at=NOON + 12 * 60))
    deliver(consumer, post)
    house.work()
    ((root, _, count, over),) = threads(house)
    assert root.text == "✅ *cart*, *email*: healthy again after 12 min"
    assert "the cause was the policy of KMS key" in said([root])
    assert "*2 failures in all* in 2 pipelines" in said([count])
    assert over.text == "✅ *cart*, *email*: healthy again, 12 min after the first failure."


def test_who_fails_again_within_the_hour_joins_the_same_thread(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    watch(house, "cart")
    for body in (
        denied("cart", 1),
        event(2, "cart", "SUCCEEDED", at=NOON + 60),
        denied("cart", 3, at=NOON + 120),
    ):
        post.send(body)
        deliver(consumer, post)
        house.work()
    (thread,) = threads(house)
    assert thread[0].text.startswith("⛔ *cart* is denied")


def test_after_an_hour_of_silence_the_cause_opens_a_new_thread(
    house: House, consumer: Consumer, post: Post, broken_key: Scene, redis: Redis
) -> None:
    watch(house, "cart")
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    (open_key,) = redis.keys("pipeline-access:alert:open:*")
    assert 3500 < redis.ttl(open_key) <= 3600
    redis.delete(open_key)  # the hour passes
    post.send(denied("cart", 2, at=NOON + 7200))
    deliver(consumer, post)
    house.work()
    assert len(threads(house)) == 2


def test_a_failure_for_another_reason_stays_silent(
    house: House, consumer: Consumer, post: Post, scene: Scene, redis: Redis
) -> None:
    scene.put(report("cart"))
    watch(house, "cart")
    post.send(event(1, "cart", text="Build terminated with state: FAILED. 3 tests failed."))
    deliver(consumer, post)
    house.work()
    assert threads(house) == []
    assert Intake(redis).counts()["other_reasons"] == 1


def test_what_is_broken_elsewhere_does_not_explain_a_failed_test(
    house: House, consumer: Consumer, post: Post, scene: Scene
) -> None:
    """The key would stop Build/Compile; what failed is Test/Unit."""
    scene.put(report("cart", key_finding("cart")))
    watch(house, "cart")
    failed = event(1, "cart", text="3 tests failed.")
    failed["additionalAttributes"]["failedStage"] = "Test"
    failed["additionalAttributes"]["failedActions"][0]["action"] = "Unit"
    post.send(failed)
    deliver(consumer, post)
    house.work()
    assert threads(house) == []


def test_a_silent_message_is_explained_by_what_is_proven_for_the_action_that_failed(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    watch(house, "cart")
    post.send(event(1, "cart", text="Build terminated with state: FAILED"))
    deliver(consumer, post)
    house.work()
    (thread,) = threads(house)
    assert "cart-build" in thread[0].text


def test_a_denial_that_only_the_run_tells_of_counts(
    house: House, consumer: Consumer, post: Post, scene: Scene
) -> None:
    """The event says nothing, and the diagnosis finds nothing any more; AWS's message is shown."""
    scene.put(report("cart"))
    told = event(1, "cart")
    message = (
        "User: arn:aws:sts::111111111111:assumed-role/cart/1 is not authorized to perform: "
        "codebuild:StartBuild on resource: arn:aws:codebuild:eu-west-1:111111111111:project/cart"
    )
    execution = told["detail"]["execution-id"]
    scene.runs["cart"] = (
        Run("Build", "Compile", "Failed", execution=execution, error_text=message),
    )
    watch(house, "cart")
    post.send(told)
    deliver(consumer, post)
    house.work()
    ((root, reply),) = threads(house)
    assert "codebuild:StartBuild" in root.text
    assert "What AWS said" in said([reply])


def test_nobody_watches_so_nothing_is_read_or_said(
    house: House, consumer: Consumer, post: Post, broken_key: Scene, redis: Redis
) -> None:
    watch(house, "other-*")
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    assert threads(house) == []
    assert broken_key.looked == []
    assert Intake(redis).counts()["unwatched"] == 1


def test_tags_of_the_pipeline_decide_once_they_are_read(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    broken_key.tags["cart"] = {"team": "storefront"}
    watch(house, "tag:team=storefront", DEPLOYS)
    watch(house, "tag:team=payments", PLATFORM)
    post.send(denied("cart", 1), denied("email", 2))
    deliver(consumer, post)
    house.work()
    (thread,) = threads(house)
    assert "*cart*" in thread[0].text
    assert threads(house, PLATFORM) == []


def test_each_watching_channel_has_its_own_thread(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    watch(house, "cart", DEPLOYS)
    watch(house, "prod", PLATFORM, OTHER)
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    assert len(threads(house, DEPLOYS)) == 1
    assert len(threads(house, PLATFORM)) == 1


def test_what_was_over_before_anybody_looked_is_not_told(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    """The consumer was away for a while: failed at noon, well again at one."""
    watch(house, "cart")
    post.send(denied("cart", 1), event(2, "cart", "SUCCEEDED", at=NOON + 3600))
    deliver(consumer, post)
    house.work()
    assert threads(house) == []


def test_unwatch_ends_it(house: House, consumer: Consumer, post: Post, broken_key: Scene) -> None:
    watch(house, "cart")
    house.command("unwatch cart")
    house.work()
    post.send(denied("cart", 1))
    deliver(consumer, post)
    house.work()
    assert threads(house) == []


@pytest.mark.parametrize(
    "text",
    [
        "cart",
        "payments-* in prod eu-west-1",
        "tag:team=storefront",
        "tag:team=storefront in prod",
        "prod",
    ],
)
def test_what_ends_a_watch_can_be_copied(house: House, text: str) -> None:
    watch(house, text)
    (note,) = house.roots()
    command = note.text.partition("`/pipeline-access unwatch ")[2].partition("`")[0]
    house.command(f"unwatch {command}")
    house.work()
    assert f"<@{DEV}> ended that this channel watches" in house.roots()[-1].text
    house.command("watching")
    house.work()
    assert "watches nothing yet" in house.whispered()[-1]


def test_watching_lists_what_is_watched_here(house: House) -> None:
    watch(house, "payments-* in prod")
    watch(house, "tag:team=storefront", PLATFORM)
    house.command("watching")
    house.work()
    listed = said(house.workspace.ephemerals(DEV, DEPLOYS)[-1:])
    assert "payments-*" in listed
    assert "in `prod`" in listed
    assert "storefront" not in listed


def test_the_time_of_an_alert_is_what_aws_says_not_when_it_came(
    house: House, consumer: Consumer, post: Post, broken_key: Scene
) -> None:
    watch(house, "cart")
    post.send(denied("cart", 1, at=NOON))
    deliver(consumer, post)
    house.work()
    ((root, _),) = threads(house)
    assert f"<!date^{int(NOON)}^" in said([root])
