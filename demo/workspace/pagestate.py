"""What the page may know: for each person only what that person would see in Slack."""

from __future__ import annotations

from typing import Any

from demo.workspace import forms, markdown
from demo.workspace.api.chat import permalink
from demo.workspace.api.files import file_payload
from demo.workspace.api.method import Context
from demo.workspace.people import Person
from demo.workspace.state import SLACKBOT, Json, Message, View


def people(context: Context) -> Json:
    """Whom one can act as, before anybody is chosen."""
    directory = context.directory
    return {
        "team": directory.team.name,
        "app": directory.app.name,
        "people": [_person(context, p) for p in directory.people.values() if not p.is_bot],
    }


def whole(context: Context, user: str) -> Json:
    """All that this person sees."""
    directory, state = context.directory, context.state
    with state.locked():
        channels = [c for c in directory.channels.values() if directory.can_see(user, c)]
        own = directory.im(user)
        spoken = [m for c in [*(c.id for c in channels), own] for m in state.messages(c)]
        shown = sorted([*spoken, *state.ephemerals(user)], key=lambda message: message.ts)
        home = state.home(user)
        app = directory.app
        return {
            "me": user,
            "team": {"name": directory.team.name, "id": directory.team.id},
            "app": {
                "name": app.name,
                "user_id": app.user_id,
                "bot_id": app.bot_id,
                "description": app.description,
                "im": own,
                "commands": [
                    {"name": c.name, "description": c.description, "hint": c.usage_hint}
                    for c in app.commands
                ],
                "shortcuts": [
                    {"callback_id": s.callback_id, "name": s.name} for s in app.shortcuts
                ],
            },
            "people": [_person(context, p) for p in directory.people.values()]
            + [{"id": SLACKBOT, "name": "Slackbot", "handle": "slackbot", "bot": True}],
            "usergroups": [{"id": g.id, "handle": g.handle} for g in directory.usergroups.values()],
            "channels": [
                {
                    "id": c.id,
                    "name": c.name,
                    "topic": c.topic,
                    "private": c.is_private,
                    "archived": c.is_archived,
                    "shared": c.is_shared,
                    "members": len(directory.members(c)),
                }
                for c in channels
            ],
            "messages": [_message(context, user, message) for message in shown],
            "modals": [_view(view) for view in state.stack(user)],
            "home": None if home is None else _view(home),
        }


def change(context: Context, user: str, what: Json) -> Json | None:
    """A change as this person sees it; None where it is none of theirs."""
    directory = context.directory
    match what["kind"]:
        case "message":
            message: Message = what["message"]
            if message.visible_to not in (None, user):
                return None
            if not _sees(context, user, message.channel):
                return None
            return {"kind": "message", "message": _message(context, user, message)}
        case "deleted":
            return what if _sees(context, user, what["channel"]) else None
        case "modal":
            return {"kind": "modal", "views": [_view(view) for view in what["views"]]}
        case "home":
            return {"kind": "home", "view": _view(what["view"])}
        case "trouble":
            return {"kind": "trouble", "text": what["text"], "app": directory.app.name}
        case _:
            return None


def _sees(context: Context, user: str, channel: str) -> bool:
    directory = context.directory
    if channel == directory.im(user):
        return True
    known = directory.channels.get(channel)
    return known is not None and directory.can_see(user, known)


def _person(context: Context, person: Person) -> Json:
    foreign = context.directory.stranger(person)
    return {
        "id": person.id,
        "name": person.shown_name,
        "handle": person.name,
        "title": person.title,
        "tz": person.tz,
        "bot": person.is_bot,
        "guest": person.is_guest,
        "external": foreign,
    }


def _message(context: Context, user: str, message: Message) -> Json:
    return {
        "channel": message.channel,
        "ts": message.ts,
        "user": message.user,
        "text": message.text,
        "blocks": [_block(context, block) for block in message.blocks],
        "attachments": [
            {**a, "blocks": [_block(context, block) for block in a.get("blocks", [])]}
            for a in message.attachments
        ],
        "files": list(message.files),
        "thread_ts": message.thread_ts if message.is_reply else None,
        "broadcast": message.broadcast,
        "bot": message.bot_id is not None,
        "edited": message.edited_ts is not None,
        "ephemeral": message.is_ephemeral,
        "reactions": [{"name": n, "count": len(users)} for n, users in message.reactions],
        "choices": context.state.choices(user, message.channel, message.ts),
        "link": permalink(context, message),
    }


def _block(context: Context, block: Json) -> Json:
    """With what only the server knows: parsed Markdown, the address of an uploaded picture."""
    if block["type"] == "markdown":
        return {**block, "tree": markdown.tree(block["text"])}
    if block["type"] == "image" and "slack_file" in block:
        upload = context.state.upload(str(block["slack_file"].get("id", "")))
        if upload is not None:
            return {**block, "image_url": file_payload(context, upload)["url_private"]}
    return block


def _view(view: View) -> Json:
    body: dict[str, Any] = dict(view.body)
    values = forms.initial_values(view.blocks)
    return {**body, "id": view.id, "hash": view.hash, "values": values}
