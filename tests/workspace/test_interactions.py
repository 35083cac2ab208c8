"""Buttons, modals, shortcuts, App Home, and the rights that expire.

https://docs.slack.dev/interactivity/handling-user-interaction
https://docs.slack.dev/surfaces/modals
"""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from demo.workspace import Message, NotAllowed, View, Workspace
from tests.workspace.bolt import REASON_MODAL, Bot
from tests.workspace.conftest import Clock


@pytest.fixture
def answer(workspace: Workspace, bot: Bot) -> Message:
    """The bot's findings in the thread of a command."""
    workspace.command("U0DEV", "#payments-deploys", "/pipeline-access", "payments-deploy")
    (root,) = workspace.wait_for(lambda: workspace.history("#payments-deploys"), 5)
    return workspace.wait_for(
        lambda: next(iter(workspace.thread("#payments-deploys", root.ts)[1:]), None), 5
    )


def opened(workspace: Workspace, answer: Message) -> View:
    assert workspace.press("U0DEV", answer, "request_fix").ok
    return workspace.wait_for(lambda: workspace.modal("U0DEV"), 5)


def test_a_press_carries_where_it_was_made(workspace: Workspace, bot: Bot, answer: Message) -> None:
    workspace.press("U0DEV", answer, "request_fix")
    (body,) = bot.received("block_actions")
    assert body["container"] == {
        "type": "message",
        "message_ts": answer.ts,
        "channel_id": "C0PAYMENTS",
        "is_ephemeral": False,
        "thread_ts": answer.thread_ts,
    }
    (action,) = body["actions"]
    assert (action["action_id"], action["block_id"]) == ("request_fix", "fix")
    assert (action["type"], action["value"]) == ("button", "payments-deploy")
    assert body["message"]["ts"] == answer.ts
    assert body["user"]["id"] == "U0DEV"


def test_a_declined_confirmation_sends_nothing(
    workspace: Workspace, bot: Bot, answer: Message
) -> None:
    outcome = workspace.press("U0DEV", answer, "retry", confirmed=False)
    assert outcome.error == "declined"
    assert bot.received("block_actions") == []
    assert workspace.press("U0DEV", answer, "retry").ok
    assert len(bot.received("block_actions")) == 1


def test_nobody_presses_what_is_not_there(workspace: Workspace, answer: Message) -> None:
    with pytest.raises(NotAllowed, match="no element approve"):
        workspace.press("U0DEV", answer, "approve")
    with pytest.raises(NotAllowed, match="cannot see"):
        workspace.press("U0GUEST", answer, "retry")


def test_a_modal_is_filled_in_and_submitted(
    workspace: Workspace, bot: Bot, answer: Message
) -> None:
    modal = opened(workspace, answer)
    assert (modal.title, modal.private_metadata) == ("Request a fix", "payments-deploy")

    assert workspace.submit("U0DEV", modal).errors == {
        "why": "Please complete this required field."
    }
    assert workspace.submit("U0DEV", modal, {"text": "why"}).errors == {
        "why": "Please enter at least 5 characters."
    }
    assert bot.received("view_submission") == []

    assert workspace.submit("U0DEV", modal, {"text": "I need it"}).errors == {
        "why": "Say because of what."
    }
    assert workspace.modal("U0DEV") == modal

    assert workspace.submit("U0DEV", modal, {("why", "text"): "because of prod"}).ok
    assert workspace.modal("U0DEV") is None
    body = bot.received("view_submission")[-1]
    assert body["view"]["state"]["values"] == {
        "why": {"text": {"type": "plain_text_input", "value": "because of prod"}},
        "urgency": {
            "level": {
                "type": "radio_buttons",
                "selected_option": {
                    "text": {"type": "plain_text", "text": "Today"},
                    "value": "today",
                },
            }
        },
    }
    (told,) = workspace.wait_for(lambda: workspace.history(workspace.im("U0DEV")), 5)
    assert told.text == "Requested: because of prod"


def test_closing_a_modal_is_told_when_asked_for(
    workspace: Workspace, bot: Bot, answer: Message
) -> None:
    modal = opened(workspace, answer)
    workspace.close("U0DEV", modal)
    assert workspace.modal("U0DEV") is None
    (body,) = bot.received("view_closed")
    assert (body["view"]["id"], body["is_cleared"]) == (modal.id, False)


def test_a_shortcut_on_a_message(workspace: Workspace, bot: Bot) -> None:
    said = workspace.message("U0DEV", "#platform", "AccessDenied again")
    assert workspace.shortcut("U0APPROVER", "why_denied", said).ok
    (shown,) = workspace.wait_for(lambda: workspace.ephemerals("U0APPROVER"), 5)
    assert shown.text == "Looking at “AccessDenied again”."
    assert workspace.ephemerals("U0DEV") == []


def test_app_home_is_published_for_the_one_who_opens_it(workspace: Workspace, bot: Bot) -> None:
    home = workspace.open_home("U0APPROVER")
    assert home.blocks[0]["text"]["text"] == "Hello <@U0APPROVER>, nothing waits for you."
    assert workspace.home("U0DEV") is None


# -- rights that expire


def trigger(workspace: Workspace, bot: Bot) -> str:
    """A trigger id that nothing has used yet."""
    workspace.command("U0DEV", "#platform", "/pipeline-access", "")
    return str(bot.received("/pipeline-access")[-1]["trigger_id"])


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def test_a_trigger_id_opens_one_view_within_three_seconds(
    workspace: Workspace, bot: Bot, client: WebClient, clock: Clock
) -> None:
    first = trigger(workspace, bot)
    client.views_open(trigger_id=first, view=REASON_MODAL)
    assert refusal(client.views_open, trigger_id=first, view=REASON_MODAL) == "exchanged_trigger_id"
    late = trigger(workspace, bot)
    clock.ahead += 3.1
    assert refusal(client.views_open, trigger_id=late, view=REASON_MODAL) == "expired_trigger_id"
    assert refusal(client.views_open, trigger_id="1.2.x", view=REASON_MODAL) == "invalid_trigger_id"


def test_an_invalid_view_leaves_the_trigger_id_unused(
    workspace: Workspace, bot: Bot, client: WebClient
) -> None:
    unused = trigger(workspace, bot)
    view = {**REASON_MODAL, "title": {"type": "plain_text", "text": "x" * 25}}
    assert refusal(client.views_open, trigger_id=unused, view=view) == "invalid_arguments"
    client.views_open(trigger_id=unused, view=REASON_MODAL)


def response_url(workspace: Workspace, bot: Bot) -> WebhookClient:
    workspace.command("U0DEV", "#platform", "/pipeline-access", "")
    return WebhookClient(bot.received("/pipeline-access")[-1]["response_url"], retry_handlers=[])


def test_a_response_url_takes_five_answers(workspace: Workspace, bot: Bot) -> None:
    url = response_url(workspace, bot)
    answers = [url.send(text=f"answer {number}") for number in range(1, 7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert "used_url" in answers[-1].body
    shown = [message.text for message in workspace.ephemerals("U0DEV")[1:]]
    assert shown == [f"answer {number}" for number in range(1, 6)]


def test_a_response_url_lives_thirty_minutes(workspace: Workspace, bot: Bot, clock: Clock) -> None:
    url = response_url(workspace, bot)
    clock.ahead += 29 * 60
    assert url.send(text="in time").status_code == 200
    clock.ahead += 61
    late = url.send(text="too late")
    assert (late.status_code, "expired_url" in late.body) == (404, True)


def test_a_response_url_speaks_to_all_or_to_one(workspace: Workspace, bot: Bot) -> None:
    url = response_url(workspace, bot)
    url.send(text="for all", response_type="in_channel")
    url.send(text="for one", response_type="ephemeral")
    assert [m.text for m in workspace.history("#platform")] == ["for all"]
    assert workspace.ephemerals("U0DEV")[-1].text == "for one"
    assert workspace.ephemerals("U0APPROVER") == []


def test_a_response_url_replaces_or_deletes_the_pressed_message(
    workspace: Workspace, bot: Bot, answer: Message
) -> None:
    workspace.press("U0DEV", answer, "request_fix")
    url = WebhookClient(bot.received("block_actions")[-1]["response_url"])
    url.send(text="Requested by Dana", blocks=[], replace_original=True)
    changed = workspace.message_at(answer.channel, answer.ts)
    assert changed is not None
    assert (changed.text, changed.blocks) == ("Requested by Dana", ())
    assert changed.edited_ts is not None
    url.send(delete_original=True)
    assert workspace.message_at(answer.channel, answer.ts) is None


# -- stacks of modals


def small(callback_id: str, **more: Any) -> dict[str, Any]:
    text = {"type": "mrkdwn", "text": callback_id}
    title = {"type": "plain_text", "text": callback_id}
    block = {"type": "section", "text": text}
    return {"type": "modal", "callback_id": callback_id, "title": title, "blocks": [block], **more}


def test_no_more_than_three_modals_are_stacked(
    workspace: Workspace, bot: Bot, client: WebClient
) -> None:
    client.views_open(trigger_id=trigger(workspace, bot), view=small("one"))
    client.views_push(trigger_id=trigger(workspace, bot), view=small("two"))
    client.views_push(trigger_id=trigger(workspace, bot), view=small("three"))
    fourth = {"trigger_id": trigger(workspace, bot), "view": small("four")}
    assert refusal(client.views_push, **fourth) == "push_limit_reached"
    one, two, three = workspace.modals("U0DEV")
    assert (two.previous_view_id, three.previous_view_id) == (one.id, two.id)
    assert three.root_view_id == one.id
    workspace.close("U0DEV", three)
    assert workspace.modal("U0DEV") == two
    workspace.close("U0DEV", two, cleared=True)
    assert workspace.modals("U0DEV") == []


def test_a_view_is_updated_unless_it_changed_meanwhile(
    workspace: Workspace, bot: Bot, client: WebClient
) -> None:
    shown = client.views_open(trigger_id=trigger(workspace, bot), view=small("one"))["view"]
    changed = client.views_update(view_id=shown["id"], hash=shown["hash"], view=small("other"))
    modal = workspace.modal("U0DEV")
    assert modal is not None
    assert (modal.id, modal.callback_id) == (shown["id"], "other")
    assert changed["view"]["hash"] != shown["hash"]
    stale = {"view_id": shown["id"], "hash": shown["hash"], "view": small("late")}
    assert refusal(client.views_update, **stale) == "hash_conflict"
    assert refusal(client.views_update, view_id="V0NOPE", view=small("x")) == "not_found"


@pytest.mark.parametrize("surface", ["message", "modal"])
def test_options_are_asked_for_while_one_types(
    workspace: Workspace, bot: Bot, client: WebClient, surface: str
) -> None:
    """https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element"""

    @bot.app.options("pipeline")
    def offer(ack: Any, payload: dict[str, Any]) -> None:
        names = [n for n in ("payments-deploy", "payments-test", "web") if payload["value"] in n]
        ack(options=[{"text": {"type": "plain_text", "text": n}, "value": n} for n in names])

    element = {"type": "external_select", "action_id": "pipeline", "min_query_length": 1}
    target: Message | View | None
    if surface == "message":
        posted = client.chat_postMessage(
            channel="C0PLATFORM", text="x", blocks=[{"type": "actions", "elements": [element]}]
        )
        target = workspace.message_at("#platform", str(posted["ts"]))
    else:
        label = {"type": "plain_text", "text": "Pipeline"}
        view = {**REASON_MODAL, "blocks": [{"type": "input", "label": label, "element": element}]}
        client.views_open(trigger_id=trigger(workspace, bot), view=view)
        target = workspace.modal("U0DEV")
    assert target is not None
    offered = workspace.suggest("U0DEV", target, "pipeline", "pay")
    assert [option["value"] for option in offered] == ["payments-deploy", "payments-test"]


# -- what the app may answer to a submission
# https://docs.slack.dev/surfaces/modals#response_actions


@pytest.mark.parametrize(
    ("answer_with", "shown"),
    [
        ({"response_action": "update", "view": small("updated")}, ["one", "updated"]),
        ({"response_action": "push", "view": small("pushed")}, ["one", "two", "pushed"]),
        ({"response_action": "clear"}, []),
        ({}, ["one"]),
    ],
    ids=["update", "push", "clear", "nothing"],
)
def test_response_actions(
    workspace: Workspace,
    bot: Bot,
    client: WebClient,
    answer_with: dict[str, Any],
    shown: list[str],
) -> None:
    bot.app.view("two")(lambda ack: ack(**answer_with))
    submit = {"type": "plain_text", "text": "Go"}
    client.views_open(trigger_id=trigger(workspace, bot), view=small("one"))
    client.views_push(trigger_id=trigger(workspace, bot), view=small("two", submit=submit))
    top = workspace.modal("U0DEV")
    assert top is not None
    assert workspace.submit("U0DEV", top).ok
    assert [view.callback_id for view in workspace.modals("U0DEV")] == shown


@pytest.mark.parametrize(
    ("answer_with", "error"),
    [
        ({"response_action": "errors", "errors": {"elsewhere": "x"}}, "invalid_errors"),
        (
            {"response_action": "update", "view": small("x", title={"type": "plain_text"})},
            "invalid_arguments",
        ),
    ],
    ids=["errors for no input", "invalid view"],
)
def test_invalid_answers_to_a_submission_are_refused_and_kept(
    workspace: Workspace, bot: Bot, client: WebClient, answer_with: dict[str, Any], error: str
) -> None:
    bot.app.view("one")(lambda ack: ack(**answer_with))
    view = small("one", submit={"type": "plain_text", "text": "Go"})
    client.views_open(trigger_id=trigger(workspace, bot), view=view)
    top = workspace.modal("U0DEV")
    assert top is not None
    assert workspace.submit("U0DEV", top).error == error
    assert workspace.modal("U0DEV") == top
    assert [rejection.error for rejection in workspace.rejections] == [error]


def test_edits_and_deletions_are_told_to_subscribers(workspace: Workspace, bot: Bot) -> None:
    """https://docs.slack.dev/reference/events/message/message_changed"""
    channel = workspace.im("U0DEV")
    said = workspace.message("U0DEV", channel, "why is payments-deploi denied")
    changed = workspace.edit("U0DEV", said, "why is payments-deploy denied")
    workspace.delete("U0DEV", changed)
    told = workspace.wait_for(
        lambda: found if len(found := bot.received("message")) == 3 else None, 5
    )
    by_kind = {event.get("subtype"): event for event in told}
    assert set(by_kind) == {None, "message_changed", "message_deleted"}
    edited = by_kind["message_changed"]
    assert edited["message"]["text"] == "why is payments-deploy denied"
    assert edited["previous_message"]["text"] == "why is payments-deploi denied"
    assert by_kind["message_deleted"]["deleted_ts"] == said.ts
    assert workspace.history(channel) == []
