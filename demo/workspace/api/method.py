"""What a method of the Web API is: its name, the scope it needs, and its arguments."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from demo.workspace.failure import SlackError
from demo.workspace.people import Channel, Directory
from demo.workspace.state import Json, Log, State
from demo.workspace.tickets import Tickets


@dataclass(frozen=True, slots=True)
class Rejection:
    """A payload that Slack would have refused, kept so that tests can insist on none."""

    method: str
    error: str
    messages: tuple[str, ...]
    payload: Json


@dataclass(slots=True)
class Context:
    """What methods work on."""

    state: State
    tickets: Tickets
    base_url: Callable[[], str]
    rejections: Log[Rejection] = field(default_factory=Log)
    event: Callable[[Json], None] = lambda _: None

    @property
    def directory(self) -> Directory:
        return self.state.directory

    def reject(self, method: str, error: str, messages: list[str], payload: Json) -> SlackError:
        self.rejections.append(Rejection(method, error, tuple(messages), payload))
        return SlackError(error, messages)


class Arguments:
    """The arguments of one call, decoded from JSON or a form. Missing ones raise SlackError."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        return default if value is None else str(value)

    def required(self, name: str) -> str:
        if not self.text(name):
            raise SlackError("invalid_arguments", [f"missing required field: {name}"])
        return self.text(name)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name)
        return default if value is None else str(value).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.values.get(name, default))
        except (TypeError, ValueError):
            raise SlackError("invalid_arguments", [f"must be an integer: {name}"]) from None

    def structure(self, name: str) -> Any:
        """A list or object; in forms it comes as JSON text. None where absent or empty."""
        value = self.values.get(name)
        if isinstance(value, str):
            try:
                value = json.loads(value) if value else None
            except ValueError:
                raise SlackError(f"invalid_{name}_format") from None
        return value


Handler = Callable[[Context, Arguments], Json]


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    scopes: tuple[str, ...]  # any one of them is enough; none: no scope is needed
    handler: Handler


METHODS: dict[str, Method] = {}


def method(name: str, *scopes: str) -> Callable[[Handler], Handler]:
    """Register the handler of a Web API method."""

    def register(handler: Handler) -> Handler:
        METHODS[name] = Method(name, scopes, handler)
        return handler

    return register


def conversation(context: Context, channel_id: str) -> Channel | None:
    """The channel an app addresses; None for its direct messages. Names with # work, too."""
    directory = context.directory
    if directory.im_partner(channel_id) is not None:
        return None
    wanted = channel_id.lstrip("#")
    for channel in directory.channels.values():
        if channel.id == channel_id or channel.name == wanted:
            if channel.is_private and not channel.app_is_member:
                break
            return channel
    raise SlackError("channel_not_found")


def page(items: list[Json], arguments: Arguments, key: str, default: int = 100) -> Json:
    """One page of a list, with the cursor to the next.

    https://docs.slack.dev/apis/web-api/pagination
    """
    limit = max(1, min(arguments.number("limit", default), 1000))
    cursor = arguments.text("cursor")
    if cursor and not (cursor.startswith("page:") and cursor[5:].isdigit()):
        raise SlackError("invalid_cursor")
    start = int(cursor[5:]) if cursor else 0
    following = f"page:{start + limit}" if start + limit < len(items) else ""
    return {
        key: items[start : start + limit],
        "response_metadata": {"next_cursor": following},
    }
