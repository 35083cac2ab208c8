"""The Web API as slack_sdk's own client meets it. https://docs.slack.dev/reference/methods"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from demo.workspace import App, Channel, Person, Workspace


def error(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


# -- who asks


def test_the_token_is_checked(workspace: Workspace) -> None:
    assert error(WebClient("", base_url=workspace.api_url).auth_test) == "not_authed"
    assert error(WebClient("xoxb-other", base_url=workspace.api_url).auth_test) == "invalid_auth"


def test_auth_test(client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["user_id"], answer["bot_id"]) == ("U0PIPELINE", "B0PIPELINE")
    assert answer["team_id"] == "T0LOCALWORLD"


def test_a_method_needs_its_scope() -> None:
    narrow = App(scopes=frozenset({"commands", "chat:write"}))
    people, channels = [Person("U1", "dana")], [Channel("C1", "general")]
    with Workspace(people=people, channels=channels, app=narrow) as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        client.chat_postMessage(channel="C1", text="allowed")
        with pytest.raises(SlackApiError) as caught:
            client.users_info(user="U1")
        assert caught.value.response["error"] == "missing_scope"
        assert caught.value.response["needed"] == "users:read"


def test_an_unknown_method(client: WebClient) -> None:
    assert error(client.api_call, api_method="pipelines.list") == "unknown_method"


# -- where one may post


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("C0NOWHERE", "channel_not_found"),
        ("C0NOBOT", "not_in_channel"),
        ("C0OLD", "is_archived"),
        ("U0NOBODY", "channel_not_found"),
    ],
)
def test_where_an_app_may_not_post(client: WebClient, channel: str, code: str) -> None:
    assert error(client.chat_postMessage, channel=channel, text="hello") == code


def test_a_private_channel_without_the_app_does_not_exist(workspace: Workspace) -> None:
    workspace.change_channel("#security", app_is_member=False)
    client = WebClient(workspace.bot_token, base_url=workspace.api_url)
    assert error(client.chat_postMessage, channel="C0PRIVATE", text="x") == "channel_not_found"
    assert error(client.conversations_info, channel="C0PRIVATE") == "channel_not_found"


def test_posting_to_a_person_opens_the_direct_message(
    workspace: Workspace, client: WebClient
) -> None:
    posted = client.chat_postMessage(channel="U0APPROVER", text="A request waits for you.")
    opened = client.conversations_open(users="U0APPROVER")
    assert posted["channel"] == opened["channel"]["id"] == workspace.im("U0APPROVER")


# -- threads


def test_a_thread_grows_and_is_read_back(workspace: Workspace, client: WebClient) -> None:
    root = client.chat_postMessage(channel="#platform", text="root")
    ts = str(root["ts"])
    first = client.chat_postMessage(channel="C0PLATFORM", thread_ts=ts, text="one")
    # A reply to a reply goes to the thread of the root.
    second = client.chat_postMessage(
        channel="C0PLATFORM", thread_ts=str(first["ts"]), text="two", reply_broadcast=True
    )
    assert second["message"]["thread_ts"] == ts
    assert [m.text for m in workspace.thread("#platform", ts)] == ["root", "one", "two"]
    assert [m.text for m in workspace.history("#platform")] == ["root", "two"]
    read = client.conversations_replies(channel="C0PLATFORM", ts=ts)
    assert [message["text"] for message in read["messages"]] == ["root", "one", "two"]
    assert read["messages"][0]["reply_count"] == 2
    assert (
        error(client.chat_postMessage, channel="C0PLATFORM", thread_ts="1.000001", text="x")
        == "thread_not_found"
    )


def test_history_comes_in_pages_newest_first(client: WebClient) -> None:
    for number in range(5):
        client.chat_postMessage(channel="C0PLATFORM", text=f"message {number}")
    pages = client.conversations_history(channel="C0PLATFORM", limit=2)
    texts = [[message["text"] for message in page["messages"]] for page in pages]
    assert texts == [["message 4", "message 3"], ["message 2", "message 1"], ["message 0"]]


def test_a_message_is_updated_and_marked(workspace: Workspace, client: WebClient) -> None:
    posted = client.chat_postMessage(
        channel="C0PLATFORM",
        text="queued",
        metadata={"event_type": "diagnosis", "event_payload": {"id": "r-1"}},
    )
    where: dict[str, Any] = {"channel": "C0PLATFORM", "ts": str(posted["ts"])}
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "*done*"}}
    client.chat_update(**where, text="done", blocks=[block])
    message = workspace.message_at("C0PLATFORM", where["ts"])
    assert message is not None
    assert (message.text, message.blocks[0]["text"]["text"]) == ("done", "*done*")
    assert message.edited_ts is not None
    assert message.metadata == {"event_type": "diagnosis", "event_payload": {"id": "r-1"}}
    client.chat_update(**where, text="done", blocks=[])
    updated = workspace.message_at("C0PLATFORM", where["ts"])
    assert updated is not None
    assert updated.blocks == ()


def test_only_own_messages_are_changed(workspace: Workspace, client: WebClient) -> None:
    said = workspace.message("U0DEV", "#platform", "mine")
    where: dict[str, Any] = {"channel": "C0PLATFORM", "ts": said.ts}
    assert error(client.chat_update, **where, text="yours") == "cant_update_message"
    assert error(client.chat_delete, **where) == "cant_delete_message"
    nothing = {"channel": "C0PLATFORM", "ts": "1.000001"}
    assert error(client.chat_update, **nothing, text="x") == "message_not_found"


def test_a_deleted_message_is_gone(workspace: Workspace, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="C0PLATFORM", text="oops")
    client.chat_delete(channel="C0PLATFORM", ts=str(posted["ts"]))
    assert workspace.history("#platform") == []


def test_an_ephemeral_message_is_for_one_member(workspace: Workspace, client: WebClient) -> None:
    client.chat_postEphemeral(channel="C0PLATFORM", user="U0DEV", text="only you")
    assert [m.text for m in workspace.ephemerals("U0DEV", "#platform")] == ["only you"]
    assert workspace.ephemerals("U0APPROVER") == []
    assert workspace.history("#platform") == []
    outside = {"channel": "C0PLATFORM", "user": "U0GUEST", "text": "x"}
    assert error(client.chat_postEphemeral, **outside) == "user_not_in_channel"


def test_a_permalink_leads_to_the_message(workspace: Workspace, client: WebClient) -> None:
    root = client.chat_postMessage(channel="C0PLATFORM", text="root")
    reply = client.chat_postMessage(channel="C0PLATFORM", thread_ts=str(root["ts"]), text="reply")
    link = client.chat_getPermalink(channel="C0PLATFORM", message_ts=str(reply["ts"]))["permalink"]
    number = str(reply["ts"]).replace(".", "")
    assert link == (
        f"{workspace.url}/archives/C0PLATFORM/p{number}?thread_ts={root['ts']}&cid=C0PLATFORM"
    )


# -- people


def test_user_groups_are_read_as_they_are_now(workspace: Workspace, client: WebClient) -> None:
    assert client.usergroups_users_list(usergroup="S0CLOUD")["users"] == ["U0APPROVER", "U0AUDITOR"]
    workspace.set_usergroup("S0CLOUD", ["U0AUDITOR", "U0DEV"])
    workspace.deactivate("U0AUDITOR")
    assert client.usergroups_users_list(usergroup="S0CLOUD")["users"] == ["U0DEV"]
    (group,) = client.usergroups_list(include_users=True)["usergroups"]
    assert (group["handle"], group["users"]) == ("cloud-platform", ["U0DEV"])
    assert client.users_info(user="U0AUDITOR")["user"]["deleted"] is True
    assert error(client.usergroups_users_list, usergroup="S0NOPE") == "no_such_subteam"


def test_guests_strangers_and_bots_are_marked(client: WebClient) -> None:
    guest = client.users_info(user="U0GUEST")["user"]
    partner = client.users_info(user="U0PARTNER")["user"]
    assert (guest["is_restricted"], guest["is_ultra_restricted"]) == (True, False)
    assert partner["team_id"] == "T0PARTNER"
    assert client.users_info(user="U0CIBOT")["user"]["is_bot"] is True
    assert error(client.users_info, user="U0NOBODY") == "user_not_found"


def test_channels_and_members(client: WebClient) -> None:
    listed = client.conversations_list(types="public_channel,private_channel")["channels"]
    assert [c["name"] for c in listed][:2] == ["payments-deploys", "platform"]
    shared = client.conversations_info(channel="C0SHARED")["channel"]
    assert (shared["is_ext_shared"], shared["num_members"]) == (True, 4)
    members = client.conversations_members(channel="C0SHARED")["members"]
    assert members == ["U0DEV", "U0GUEST", "U0PARTNER", "U0PIPELINE"]


def test_reactions(workspace: Workspace, client: WebClient) -> None:
    said = workspace.message("U0DEV", "#platform", "deploys fail")
    where: dict[str, Any] = {"channel": "C0PLATFORM", "timestamp": said.ts, "name": "eyes"}
    client.reactions_add(**where)
    assert error(client.reactions_add, **where) == "already_reacted"
    message = workspace.message_at("#platform", said.ts)
    assert message is not None
    assert message.reactions == (("eyes", ("U0PIPELINE",)),)
    client.reactions_remove(**where)
    assert error(client.reactions_remove, **where) == "no_reaction"


# -- files


def test_a_file_is_uploaded_into_a_thread(workspace: Workspace, client: WebClient) -> None:
    """slack_sdk's files_upload_v2 goes through the three documented steps."""
    root = client.chat_postMessage(channel="C0PLATFORM", text="root")
    svg = "<svg xmlns='http://www.w3.org/2000/svg'/>"
    uploaded = client.files_upload_v2(
        channel="C0PLATFORM",
        thread_ts=str(root["ts"]),
        filename="map.svg",
        title="Access map",
        alt_txt="One denied edge",
        content=svg,
        initial_comment="The access map",
    )
    reply = workspace.thread("#platform", str(root["ts"]))[1]
    assert reply.text == "The access map"
    (file,) = reply.files
    assert (file["title"], file["alt_txt"]) == ("Access map", "One denied edge")
    assert file["mimetype"] == "image/svg+xml"
    assert workspace.file(uploaded["file"]["id"]) == svg.encode()


def test_an_uploaded_picture_shows_in_a_block(workspace: Workspace, client: WebClient) -> None:
    uploaded = client.files_upload_v2(filename="map.png", content=b"\x89PNG")
    block = {"type": "image", "slack_file": {"id": uploaded["file"]["id"]}, "alt_text": "Map"}
    client.chat_postMessage(channel="C0PLATFORM", text="map", blocks=[block])
    block["slack_file"] = {"id": "F0NOTHING"}
    refused = {"channel": "C0PLATFORM", "text": "map", "blocks": [block]}
    assert error(client.chat_postMessage, **refused) == "invalid_blocks"
    drawing = client.files_upload_v2(filename="map.svg", content="<svg/>")
    block["slack_file"] = {"id": drawing["file"]["id"]}
    assert error(client.chat_postMessage, **refused) == "invalid_blocks"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "10.0.0.7"])
def test_slack_cannot_load_a_picture_from_this_machine(client: WebClient, host: str) -> None:
    image = {"type": "image", "image_url": f"http://{host}/map.png", "alt_text": "Map"}
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="C0PLATFORM", text="map", blocks=[image])
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] downloading image failed [json-pointer:/blocks/0/image_url]"
    ]


def test_a_canvas(workspace: Workspace, client: WebClient) -> None:
    content = {"type": "markdown", "markdown": "# Timeline\n12:04 denied"}
    made = client.canvases_create(title="Post-mortem", document_content=content)
    assert workspace.file(str(made["canvas_id"])) == b"# Timeline\n12:04 denied"


# -- bad days


def test_rate_limiting_as_the_sdk_s_handler_meets_it(workspace: Workspace) -> None:
    workspace.faults.limit("chat.postMessage", times=1, retry_after=1)
    patient = WebClient(
        workspace.bot_token,
        base_url=workspace.api_url,
        retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)],
    )
    began = time.monotonic()
    assert patient.chat_postMessage(channel="C0PLATFORM", text="later")["ok"]
    assert time.monotonic() - began >= 1
    assert [call.status for call in workspace.calls] == [429, 200]
    assert [message.text for message in workspace.history("#platform")] == ["later"]


def test_faults_are_used_up_in_order(workspace: Workspace, client: WebClient) -> None:
    workspace.faults.refuse("chat.postMessage", "internal_error")
    workspace.faults.limit("chat.postMessage", retry_after=30)
    workspace.faults.fail("chat.postMessage", status=500)
    workspace.faults.slow(0.3, "chat.postMessage")
    post: dict[str, Any] = {"channel": "C0PLATFORM", "text": "x"}
    assert error(client.chat_postMessage, **post) == "internal_error"
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(**post)
    assert caught.value.response.headers["Retry-After"] == "30"
    with pytest.raises(Exception, match=r"500|non-JSON|JSON"):
        client.chat_postMessage(**post)
    client.users_list()  # another method goes through
    began = time.monotonic()
    client.chat_postMessage(**post)
    assert time.monotonic() - began >= 0.3
    assert len(workspace.history("#platform")) == 1


def test_the_log_of_calls_keeps_no_token(workspace: Workspace, client: WebClient) -> None:
    client.chat_postMessage(channel="C0PLATFORM", text="hello")
    (call,) = workspace.calls
    assert (call.method, call.ok, call.arguments["text"]) == ("chat.postMessage", True, "hello")
    assert workspace.bot_token not in repr(workspace.calls)


def test_many_at_once_lose_nothing_and_keep_their_order(
    workspace: Workspace, client: WebClient
) -> None:
    def talk(name: str) -> None:
        for number in range(20):
            client.chat_postMessage(channel="C0PLATFORM", text=f"{name} {number}")

    threads = [threading.Thread(target=talk, args=(name,)) for name in ("a", "b", "c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    messages = workspace.history("#platform")
    assert len({message.ts for message in messages}) == 80
    assert [m.ts for m in messages] == sorted(m.ts for m in messages)
    mine = [m.text for m in messages if m.text.startswith("a ")]
    assert mine == [f"a {number}" for number in range(20)]


def test_history_is_bounded() -> None:
    with Workspace(
        people=[Person("U1", "dana")], channels=[Channel("C1", "general")], history=10
    ) as workspace:
        for number in range(25):
            workspace.message("U1", "#general", str(number))
        assert [m.text for m in workspace.history("#general")] == [str(n) for n in range(15, 25)]


def test_nothing_listens_after_stop() -> None:
    workspace = Workspace(people=[Person("U1", "dana")], channels=[Channel("C1", "general")])
    workspace.start()
    client = WebClient(workspace.bot_token, base_url=workspace.api_url, timeout=2)
    workspace.stop()
    with pytest.raises(OSError):
        client.auth_test()
    workspace.stop()  # a second time is no mistake
