"""conversations.*: channels, their members and what was said in them.

https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

from dataclasses import replace

from demo.workspace.api.method import Arguments, Context, conversation, method, page
from demo.workspace.failure import SlackError
from demo.workspace.people import Channel
from demo.workspace.state import Json, Message

_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")


@method("conversations.info", *_READ)
def info(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.info"""
    channel_id = arguments.required("channel")
    channel = conversation(context, channel_id)
    return {"channel": _im(context, channel_id) if channel is None else _channel(context, channel)}


@method("conversations.list", *_READ)
def list_conversations(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.list"""
    types = set(arguments.text("types", "public_channel").replace(" ", "").split(","))
    found = [
        _channel(context, channel)
        for channel in context.directory.channels.values()
        if ("private_channel" if channel.is_private else "public_channel") in types
        and (channel.app_is_member or not channel.is_private)
        and not (channel.is_archived and arguments.flag("exclude_archived"))
    ]
    if "im" in types:
        found += [_im(context, context.directory.im(user)) for user in context.directory.people]
    return page(found, arguments, "channels")


@method("conversations.members", *_READ)
def members(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.members"""
    channel_id = arguments.required("channel")
    channel = conversation(context, channel_id)
    if channel is None:
        people = [str(context.directory.im_partner(channel_id)), context.directory.app.user_id]
    else:
        people = context.directory.members(channel)
    answer = page([{"id": user} for user in people], arguments, "members")
    return {**answer, "members": [entry["id"] for entry in answer["members"]]}


@method("conversations.open", "im:write", "mpim:write")
def open_conversation(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.open"""
    users = arguments.text("users").replace(" ", "").split(",")
    channel = arguments.text("channel")
    if channel and context.directory.im_partner(channel) is not None:
        return {"channel": {"id": channel}}
    if len(users) != 1 or users[0] not in context.directory.people:
        raise SlackError("users_not_found" if len(users) == 1 else "method_not_supported")
    return {"channel": {"id": context.directory.im(users[0])}}


@method("conversations.join", "channels:join")
def join(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.join"""
    channel = conversation(context, arguments.required("channel"))
    if channel is None or channel.is_private:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    with context.state.locked():
        joined = replace(channel, app_is_member=True)
        context.directory.channels[channel.id] = joined
    return {"channel": _channel(context, joined)}


@method("conversations.history", *_HISTORY)
def history(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.history"""
    channel = readable(context, arguments.required("channel"))
    found = [
        message
        for message in reversed(context.state.messages(channel))
        if not message.is_reply or message.broadcast
    ]
    return _messages(context, found, arguments)


@method("conversations.replies", *_HISTORY)
def replies(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/conversations.replies"""
    channel = readable(context, arguments.required("channel"))
    message = context.state.message(channel, arguments.required("ts"))
    if message is None:
        raise SlackError("thread_not_found")
    found = context.state.thread(channel, message.thread_ts or message.ts)
    return _messages(context, found, arguments)


def _channel(context: Context, channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_general": False,
        "is_shared": channel.is_shared,
        "is_ext_shared": channel.is_shared,
        "is_org_shared": False,
        "is_member": channel.app_is_member,
        "context_team_id": context.directory.team.id,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(context.directory.members(channel)),
    }


def _im(context: Context, channel_id: str) -> Json:
    user = context.directory.im_partner(channel_id)
    return {"id": channel_id, "is_im": True, "is_channel": False, "user": user, "is_open": True}


def readable(context: Context, channel_id: str) -> str:
    channel = conversation(context, channel_id)
    if channel is not None and not channel.app_is_member:
        raise SlackError("not_in_channel")
    return channel_id if channel is None else channel.id


def _messages(context: Context, found: list[Message], arguments: Arguments) -> Json:
    oldest, latest = arguments.text("oldest", "0"), arguments.text("latest")
    inclusive = arguments.flag("inclusive")
    chosen = []
    for message in found:
        after = message.ts > oldest or (inclusive and message.ts == oldest)
        before = not latest or message.ts < latest or (inclusive and message.ts == latest)
        if after and before:
            chosen.append(_with_counts(context, message, arguments))
    answer = page(chosen, arguments, "messages")
    return {**answer, "has_more": bool(answer["response_metadata"]["next_cursor"])}


def _with_counts(context: Context, message: Message, arguments: Arguments) -> Json:
    body = message.payload(context.directory.team.id, context.directory.app.id)
    if not arguments.flag("include_all_metadata"):
        body.pop("metadata", None)
    if message.thread_ts == message.ts:
        answers = context.state.thread(message.channel, message.ts)[1:]
        body["reply_count"] = len(answers)
        body["reply_users"] = sorted({answer.user for answer in answers})
        if answers:
            body["latest_reply"] = answers[-1].ts
    return body
