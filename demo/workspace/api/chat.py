"""chat.*: posting, changing and deleting messages. https://docs.slack.dev/reference/methods"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from demo.workspace import blockkit
from demo.workspace.api.method import Arguments, Context, conversation, method
from demo.workspace.failure import SlackError
from demo.workspace.state import Json, Message

POST_CHARACTERS = 40_000
UPDATE_CHARACTERS = 4_000


@method("chat.postMessage", "chat:write")
def post_message(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/chat.postMessage"""
    channel = writable(context, arguments.required("channel"))
    content = checked_content(context, "chat.postMessage", arguments, POST_CHARACTERS)
    message = post(context, channel, content, arguments.text("thread_ts") or None)
    if arguments.flag("reply_broadcast") and message.is_reply:
        message = context.state.replace(message, broadcast=True, subtype="thread_broadcast")
    return {"channel": channel, "ts": message.ts, "message": _payload(context, message)}


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/chat.postEphemeral"""
    channel = writable(context, arguments.required("channel"))
    user = arguments.required("user")
    known = context.directory.channels.get(channel)
    if user not in context.directory.people:
        raise SlackError("user_not_found")
    if known is not None and user not in context.directory.members(known):
        raise SlackError("user_not_in_channel")
    content = checked_content(context, "chat.postEphemeral", arguments, POST_CHARACTERS)
    thread_ts = arguments.text("thread_ts") or None
    message = post(context, channel, content, thread_ts, visible_to=user)
    return {"message_ts": message.ts}


@method("chat.update", "chat:write")
def update(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/chat.update"""
    channel = _channel_id(context, arguments.required("channel"))
    message = _own(context, channel, arguments.required("ts"), "cant_update_message")
    content = checked_content(context, "chat.update", arguments, UPDATE_CHARACTERS)
    if "attachments" not in arguments.values:
        content.pop("attachments")
    if "metadata" not in arguments.values:
        content.pop("metadata")
    changed = context.state.replace(message, **content, edited_ts=context.state.new_ts())
    return {
        "channel": channel,
        "ts": changed.ts,
        "text": changed.text,
        "message": _payload(context, changed),
    }


@method("chat.delete", "chat:write")
def delete(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/chat.delete"""
    channel = _channel_id(context, arguments.required("channel"))
    message = _own(context, channel, arguments.required("ts"), "cant_delete_message")
    context.state.remove(message)
    return {"channel": channel, "ts": message.ts}


@method("chat.getPermalink")
def get_permalink(context: Context, arguments: Arguments) -> Json:
    """https://docs.slack.dev/reference/methods/chat.getPermalink"""
    channel = _channel_id(context, arguments.required("channel"))
    ts = arguments.required("message_ts")
    message = context.state.message(channel, ts)
    if message is None:
        raise SlackError("message_not_found")
    return {"channel": channel, "permalink": permalink(context, message)}


def permalink(context: Context, message: Message) -> str:
    """Opens the page at the message, in its thread if it is a reply."""
    link = f"{context.base_url()}/archives/{message.channel}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={message.channel}"
    return link


def writable(context: Context, channel: str) -> str:
    """The id of the conversation an app may post in. A user's id means the direct message."""
    if channel in context.directory.people:
        return context.directory.im(channel)
    known = conversation(context, channel)
    if known is None:
        return channel
    if known.is_archived:
        raise SlackError("is_archived")
    if not known.app_is_member:
        raise SlackError("not_in_channel")
    return known.id


def checked_content(
    context: Context, name: str, arguments: Arguments, characters: int
) -> dict[str, Any]:
    """Text, blocks, attachments and metadata of a message, or the refusal Slack gives."""
    payload: Json = {}
    text, blocks = arguments.text("text"), arguments.structure("blocks")
    if blocks:
        payload["blocks"] = blocks
    metadata = arguments.structure("metadata")
    if metadata:
        payload["metadata"] = metadata
    attachments = arguments.structure("attachments") or []
    if not text and not blocks and not attachments:
        raise SlackError("no_text")
    if len(text) > characters:
        raise context.reject(name, "msg_too_long", [], {"text": text})
    for part in [payload, *({"blocks": a["blocks"]} for a in attachments if "blocks" in a)]:
        _check_blocks(context, name, part)
    return {
        "text": text,
        "blocks": tuple(identified(context, blocks or [])),
        "attachments": tuple(attachments),
        "metadata": metadata,
    }


def post(
    context: Context,
    channel: str,
    content: dict[str, Any],
    thread_ts: str | None,
    *,
    visible_to: str | None = None,
) -> Message:
    """Add a message of the app."""
    state, app = context.state, context.directory.app
    if thread_ts is not None and visible_to is None:
        root = state.message(channel, thread_ts)
        if root is None:
            raise SlackError("thread_not_found")
        thread_ts = root.thread_ts or root.ts
        if root.thread_ts is None:
            state.replace(root, thread_ts=root.ts)
    message = Message(
        channel,
        state.new_ts(),
        app.user_id,
        thread_ts=thread_ts,
        bot_id=app.bot_id,
        visible_to=visible_to,
        **content,
    )
    state.add(message)
    if visible_to is None:
        context.event(message_event(context, message))
    return message


def message_event(context: Context, message: Message) -> Json:
    event = message.payload(context.directory.team.id)
    event["channel"] = message.channel
    event["channel_type"] = "im" if message.channel.startswith("D") else "channel"
    event["event_ts"] = message.ts
    return event


def identified(context: Context, blocks: list[Json]) -> list[Json]:
    """The blocks with the ids that Slack makes up where the app gave none."""
    named = []
    for block in blocks:
        named.append({"block_id": context.state.new_id("b"), **block})
        for key in ("elements", "accessory", "element"):
            part = block.get(key)
            if isinstance(part, list) and block["type"] == "actions":
                named[-1][key] = [{"action_id": context.state.new_id("a"), **e} for e in part]
            elif isinstance(part, dict) and part.get("type") != "image":
                named[-1][key] = {"action_id": context.state.new_id("a"), **part}
    return named


def _check_blocks(context: Context, name: str, payload: Json) -> None:
    blocks = payload.get("blocks", [])
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise context.reject(name, "invalid_blocks_format", [], payload)
    if blockkit.tables(blocks) > 1:
        raise context.reject(name, "invalid_attachments", ["only_one_table_allowed"], payload)
    found = blockkit.problems(payload, "message")
    if found:
        metadata_only = all("json-pointer:/metadata" in problem for problem in found)
        error = "invalid_metadata_format" if metadata_only else "invalid_blocks"
        raise context.reject(name, error, found, payload)
    if blockkit.is_too_long(blocks):
        raise context.reject(name, "msg_blocks_too_long", [], payload)
    _check_pictures(context, name, payload)


def _check_pictures(context: Context, name: str, payload: Json) -> None:
    """Slack loads the pictures of a message itself, from its files or the public internet."""
    for at, block in enumerate(payload.get("blocks", [])):
        parts = [(block, ""), (block.get("accessory", {}), "/accessory")]
        parts += [(e, f"/elements/{n}") for n, e in enumerate(block.get("elements", []))]
        for part, where in parts:
            if part.get("type") != "image":
                continue
            pointer = f"json-pointer:/blocks/{at}{where}"
            problem = _picture_problem(context, part)
            if problem is not None:
                told = f"{problem[0]} [{pointer}/{problem[1]}]"
                raise context.reject(name, "invalid_blocks", [told], payload)


def _picture_problem(context: Context, part: Json) -> tuple[str, str] | None:
    if "slack_file" in part:
        upload = context.state.upload(str(part["slack_file"].get("id", "")))
        usable = upload is not None and upload.content is not None and upload.is_picture
        return None if usable else ("invalid slack file", "slack_file")
    try:
        address = ipaddress.ip_address(str(urlsplit(part["image_url"]).hostname))
    except ValueError:
        local = urlsplit(part["image_url"]).hostname in (None, "localhost")
    else:
        local = not address.is_global
    return ("downloading image failed", "image_url") if local else None


def _own(context: Context, channel: str, ts: str, refusal: str) -> Message:
    message = context.state.message(channel, ts)
    if message is None:
        raise SlackError("message_not_found")
    if message.bot_id != context.directory.app.bot_id:
        raise SlackError(refusal)
    return message


def _channel_id(context: Context, channel: str) -> str:
    known = conversation(context, channel)
    return channel if known is None else known.id


def _payload(context: Context, message: Message) -> Json:
    return message.payload(context.directory.team.id, context.directory.app.id)
