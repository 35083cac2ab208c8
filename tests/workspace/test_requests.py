"""What the app receives: signed, timed and repeated as Slack does it.

https://docs.slack.dev/authentication/verifying-requests-from-slack
https://docs.slack.dev/apis/events-api#retries
"""

from __future__ import annotations

import time

from slack_sdk.signature import SignatureVerifier

from demo.workspace import Workspace, sign
from tests.workspace.bolt import Bot


def test_the_documented_example_of_a_signature() -> None:
    """The example of Slack's page on verifying requests."""
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmib"
        "IGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = sign("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body)
    assert signature == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_a_command_passes_the_app_s_signature_check(workspace: Workspace, bot: Bot) -> None:
    outcome = workspace.command("U0DEV", "#payments-deploys", "/pipeline-access", "payments-deploy")
    assert (outcome.status, outcome.error) == (200, None)
    assert [message.text for message in outcome.ephemerals] == ["Queued *payments-deploy*."]
    assert bot.statuses == [200]
    assert "x-slack-signature" in bot.headers[0]


def test_an_app_with_another_secret_refuses(workspace: Workspace) -> None:
    stranger = Bot(workspace, signing_secret="another secret")
    workspace.connect(stranger.url)
    try:
        outcome = workspace.command("U0DEV", "#platform", "/pipeline-access", "x")
    finally:
        stranger.stop()
    assert (outcome.status, outcome.error) == (401, "dispatch_failed")
    assert [m.text for m in outcome.ephemerals] == [
        '/pipeline-access failed with the error "dispatch_failed"'
    ]


def test_a_request_older_than_five_minutes_is_stale(workspace: Workspace) -> None:
    verifier = SignatureVerifier(workspace.signing_secret)
    old = str(int(time.time()) - 301)
    assert not verifier.is_valid("x=1", old, sign(workspace.signing_secret, old, "x=1"))
    now = str(int(time.time()))
    assert verifier.is_valid("x=1", now, sign(workspace.signing_secret, now, "x=1"))


def test_the_fields_of_a_command(workspace: Workspace, bot: Bot) -> None:
    workspace.command("U0PARTNER", "#partner", "/pipeline-access", "pay & <deploy>")
    (body,) = bot.received("/pipeline-access")
    assert body["team_id"] == "T0PARTNER"
    assert (body["channel_id"], body["channel_name"]) == ("C0SHARED", "partner")
    assert (body["user_id"], body["user_name"]) == ("U0PARTNER", "pia")
    assert body["text"] == "pay &amp; &lt;deploy&gt;"
    assert body["response_url"].startswith(workspace.url)
    assert body["trigger_id"]


def test_raw_text_reaches_the_app_as_it_is(workspace: Workspace, bot: Bot) -> None:
    workspace.command("U0DEV", "#platform", "/pipeline-access", "<!channel>", raw=True)
    assert bot.received("/pipeline-access")[0]["text"] == "<!channel>"


def test_an_app_slower_than_three_seconds_times_out(workspace: Workspace, bot: Bot) -> None:
    bot.delay = 6
    outcome = workspace.command("U0DEV", "#platform", "/pipeline-access", "slow")
    assert (outcome.status, outcome.error) == (None, "operation_timeout")
    assert 2900 < outcome.ms < 5900
    assert [m.text for m in workspace.ephemerals("U0DEV")] == [
        '/pipeline-access failed with the error "operation_timeout"'
    ]


def test_an_unknown_command_never_reaches_the_app(workspace: Workspace, bot: Bot) -> None:
    outcome = workspace.command("U0DEV", "#platform", "/deploy", "x")
    assert outcome.error == "no_such_command"
    assert bot.seen == []


def test_an_unanswered_event_comes_again_with_its_number_and_reason(
    workspace: Workspace, bot: Bot
) -> None:
    bot.fail_events = 2
    workspace.mention("U0DEV", "#platform", "hello")
    workspace.wait_for(lambda: len(workspace.deliveries) == 3, 5)
    retries = [
        (headers.get("x-slack-retry-num"), headers.get("x-slack-retry-reason"))
        for headers in bot.headers
    ]
    assert retries == [(None, None), ("1", "http_error"), ("2", "http_error")]
    assert [delivery.reply.status for delivery in workspace.deliveries] == [500, 500, 200]


def test_an_event_is_given_up_after_three_retries(workspace: Workspace, bot: Bot) -> None:
    bot.fail_events = 99
    workspace.mention("U0DEV", "#platform", "hello")
    workspace.wait_for(lambda: len(workspace.deliveries) == 4, 5)
    time.sleep(0.2)
    assert [delivery.retry for delivery in workspace.deliveries] == [0, 1, 2, 3]


def test_nobody_listens(workspace: Workspace) -> None:
    workspace.connect("http://127.0.0.1:1")
    outcome = workspace.command("U0DEV", "#platform", "/pipeline-access", "x")
    assert (outcome.status, outcome.error) == (None, "dispatch_failed")


def test_mentions_are_told_only_where_the_app_is(workspace: Workspace, bot: Bot) -> None:
    workspace.mention("U0DEV", "#random", "hello?")
    workspace.mention("U0DEV", "#platform", "hello!")
    workspace.wait_for(lambda: bot.received("app_mention"), 5)
    time.sleep(0.1)
    assert [event["channel"] for event in bot.received("app_mention")] == ["C0PLATFORM"]


def test_what_is_typed_arrives_as_tokens(workspace: Workspace, bot: Bot) -> None:
    workspace.message(
        "U0DEV",
        "#platform",
        "@pipeline-access ask @arjun and @cloud-platform in #payments-deploys, see "
        "https://console.aws.amazon.com/?a=1&b=2 <b>&",
    )
    (event,) = workspace.wait_for(lambda: bot.received("app_mention"), 5)
    assert event["text"] == (
        "<@U0PIPELINE> ask <@U0APPROVER> and <!subteam^S0CLOUD> in "
        "<#C0PAYMENTS|payments-deploys>, see "
        "<https://console.aws.amazon.com/?a=1&amp;b=2> &lt;b&gt;&amp;"
    )
    (section,) = event["blocks"][0]["elements"]
    marked = [element["type"] for element in section["elements"] if element["type"] != "text"]
    assert marked == ["user", "user", "usergroup", "channel", "link"]


def test_direct_messages_to_the_app_are_told(workspace: Workspace, bot: Bot) -> None:
    workspace.message("U0DEV", workspace.im("U0DEV"), "why is payments-deploy denied")
    (event,) = workspace.wait_for(lambda: bot.received("message"), 5)
    assert (event["channel_type"], event["user"]) == ("im", "U0DEV")


def test_joining_a_channel_is_told(workspace: Workspace, bot: Bot) -> None:
    workspace.join("U0GUEST", "#platform")
    (event,) = workspace.wait_for(lambda: bot.received("member_joined_channel"), 5)
    assert (event["user"], event["channel"]) == ("U0GUEST", "C0PLATFORM")
