"""What has been said and is being shown: messages, ephemeral messages, views, files.

Everything is in memory and bounded. One re-entrant lock guards it; every change wakes those who
wait (`wait_for`) and is told to the pages that listen (`listen`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from demo.workspace.people import Directory

Json = dict[str, Any]
T = TypeVar("T")

SLACKBOT = "USLACKBOT"


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a channel, a thread or a direct message; `visible_to` makes it ephemeral.

    https://docs.slack.dev/reference/events/message
    """

    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: tuple[Json, ...] = ()
    thread_ts: str | None = None
    bot_id: str | None = None
    edited_ts: str | None = None
    visible_to: str | None = None
    broadcast: bool = False
    subtype: str | None = None
    metadata: Json | None = None
    attachments: tuple[Json, ...] = ()
    files: tuple[Json, ...] = ()
    reactions: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_ephemeral(self) -> bool:
        return self.visible_to is not None

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    def payload(self, team_id: str, app_id: str | None = None) -> Json:
        """The message as Slack's APIs and payloads spell it."""
        body: Json = {"type": "message", "user": self.user, "text": self.text, "ts": self.ts}
        body["team"] = team_id
        if self.blocks:
            body["blocks"] = list(self.blocks)
        if self.attachments:
            body["attachments"] = list(self.attachments)
        if self.thread_ts is not None:
            body["thread_ts"] = self.thread_ts
        if self.bot_id is not None:
            body["bot_id"] = self.bot_id
            if app_id is not None:
                body["app_id"] = app_id
        if self.subtype is not None:
            body["subtype"] = self.subtype
        if self.edited_ts is not None:
            body["edited"] = {"user": self.user, "ts": self.edited_ts}
        if self.metadata is not None:
            body["metadata"] = self.metadata
        if self.files:
            body["files"] = list(self.files)
        if self.reactions:
            body["reactions"] = [
                {"name": name, "users": list(users), "count": len(users)}
                for name, users in self.reactions
            ]
        return body


@dataclass(frozen=True, slots=True)
class View:
    """A modal or an App Home, as opened, with what Slack adds to it.

    https://docs.slack.dev/reference/views
    """

    id: str
    user: str
    body: Json
    hash: str
    root_view_id: str
    previous_view_id: str | None = None

    @property
    def blocks(self) -> list[Json]:
        blocks: list[Json] = self.body["blocks"]
        return blocks

    @property
    def callback_id(self) -> str:
        return str(self.body.get("callback_id", ""))

    @property
    def private_metadata(self) -> str:
        return str(self.body.get("private_metadata", ""))

    @property
    def title(self) -> str:
        return str(self.body.get("title", {}).get("text", ""))


@dataclass(slots=True)
class Upload:
    """A file between files.getUploadURLExternal and files.completeUploadExternal, and after."""

    id: str
    name: str
    ticket: str
    user: str
    alt_text: str = ""
    title: str = ""
    snippet_type: str = ""
    content: bytes | None = None
    mimetype: str = "application/octet-stream"
    channels: list[str] = field(default_factory=list)

    @property
    def is_picture(self) -> bool:
        """Whether an image block may show it.

        https://docs.slack.dev/reference/block-kit/composition-objects/slack-file-object
        """
        return self.mimetype in ("image/png", "image/jpeg", "image/gif")

    @property
    def is_text(self) -> bool:
        return self.mimetype.startswith("text/") or self.mimetype == "application/json"


class State:
    """All that changes in the workspace."""

    def __init__(
        self, directory: Directory, *, clock: Callable[[], float] = time.time, history: int = 1000
    ) -> None:
        self.directory = directory
        self.clock = clock
        self._history = history
        self._changed = threading.Condition(threading.RLock())
        self._messages: dict[str, dict[str, Message]] = {}
        self._ephemerals: dict[str, dict[str, Message]] = {}
        self._stacks: dict[str, list[View]] = {}
        self._homes: dict[str, View] = {}
        self._uploads: dict[str, Upload] = {}
        self._choices: dict[tuple[str, str, str], Json] = {}
        self._listeners: dict[queue.SimpleQueue[Json | None], str] = {}
        self._last_ts = 0
        self._serial = 0

    # -- time and identity

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._changed:
            yield

    def new_ts(self) -> str:
        """A timestamp that is unique and later than all before it."""
        with self._changed:
            self._last_ts = max(int(self.clock() * 1_000_000), self._last_ts + 1)
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_id(self, prefix: str) -> str:
        with self._changed:
            self._serial += 1
            return f"{prefix}0{self._serial:08d}"

    # -- waiting and listening

    def wait_for(self, predicate: Callable[[], T | None], timeout: float, what: str = "") -> T:
        """The first truthy answer of the predicate, asked again after every change.

        Raises TimeoutError when there was none in `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                answer = predicate()
                if answer:
                    return answer
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(what or f"Nothing came in {timeout:g} s.")
                self._changed.wait(min(left, 0.25))  # predicates may look at other things, too

    def listen(self, user: str) -> queue.SimpleQueue[Json | None]:
        """What changes for that person from now on; None says that the workspace stops."""
        changes: queue.SimpleQueue[Json | None] = queue.SimpleQueue()
        with self._changed:
            self._listeners[changes] = user
        return changes

    def unlisten(self, changes: queue.SimpleQueue[Json | None]) -> None:
        with self._changed:
            self._listeners.pop(changes, None)

    def hang_up(self) -> None:
        """Tell every listener that the workspace stops."""
        with self._changed:
            for changes in self._listeners:
                changes.put(None)

    def notify(self, change: Json, only: str | None = None) -> None:
        with self._changed:
            for changes, user in self._listeners.items():
                if only is None or user == only:
                    changes.put(change)
            self._changed.notify_all()

    # -- messages

    def add(self, message: Message) -> Message:
        with self._changed:
            if message.visible_to is not None:
                kept = self._ephemerals.setdefault(message.visible_to, {})
                kept[message.ts] = message
                self._bound(kept)
                self.notify({"kind": "message", "message": message}, message.visible_to)
                return message
            kept = self._messages.setdefault(message.channel, {})
            kept[message.ts] = message
            self._bound(kept)
            self.notify({"kind": "message", "message": message})
            return message

    def replace(self, message: Message, **changes: Any) -> Message:
        with self._changed:
            return self.add(replace(message, **changes))

    def remove(self, message: Message) -> None:
        with self._changed:
            if message.visible_to is not None:
                self._ephemerals.get(message.visible_to, {}).pop(message.ts, None)
            else:
                self._messages.get(message.channel, {}).pop(message.ts, None)
            gone = {"kind": "deleted", "channel": message.channel, "ts": message.ts}
            self.notify(gone, message.visible_to)

    def message(self, channel: str, ts: str) -> Message | None:
        with self._changed:
            return self._messages.get(channel, {}).get(ts)

    def find(self, channel: str, ts: str, user: str) -> Message | None:
        """A message that this person can see, ephemeral ones included."""
        with self._changed:
            ephemeral = self._ephemerals.get(user, {}).get(ts)
            if ephemeral is not None and ephemeral.channel == channel:
                return ephemeral
            return self.message(channel, ts)

    def messages(self, channel: str) -> list[Message]:
        with self._changed:
            return list(self._messages.get(channel, {}).values())

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The root message and its replies, oldest first."""
        return [m for m in self.messages(channel) if m.ts == ts or m.thread_ts == ts]

    def ephemerals(self, user: str) -> list[Message]:
        with self._changed:
            return list(self._ephemerals.get(user, {}).values())

    def choices(self, user: str, channel: str, ts: str) -> Json:
        """What a person has chosen in the menus of a message: block_id -> action_id -> value."""
        with self._changed:
            return self._choices.setdefault((user, channel, ts), {})

    # -- views

    def stack(self, user: str) -> list[View]:
        """The modals a person has open, the visible one last."""
        with self._changed:
            return list(self._stacks.get(user, []))

    def set_stack(self, user: str, views: list[View]) -> None:
        with self._changed:
            self._stacks[user] = list(views)
            self.notify({"kind": "modal", "views": list(views)}, user)

    def put_view(self, view: View) -> None:
        """Show a changed view in the place of the one with the same id."""
        with self._changed:
            if view.body["type"] == "home":
                self._homes[view.user] = view
                self.notify({"kind": "home", "view": view}, view.user)
                return
            stack = self._stacks.get(view.user, [])
            self.set_stack(view.user, [view if old.id == view.id else old for old in stack])

    def view(self, view_id: str) -> View | None:
        with self._changed:
            shown = [view for stack in self._stacks.values() for view in stack]
            return next((v for v in [*shown, *self._homes.values()] if v.id == view_id), None)

    def view_by_external_id(self, external_id: str) -> View | None:
        with self._changed:
            shown = [view for stack in self._stacks.values() for view in stack]
            everything = [*shown, *self._homes.values()]
            return next((v for v in everything if v.body.get("external_id") == external_id), None)

    def home(self, user: str) -> View | None:
        with self._changed:
            return self._homes.get(user)

    # -- files

    def add_upload(self, upload: Upload) -> None:
        with self._changed:
            self._uploads[upload.id] = upload
            while len(self._uploads) > self._history:
                self._uploads.pop(next(iter(self._uploads)))

    def upload(self, file_id: str) -> Upload | None:
        with self._changed:
            return self._uploads.get(file_id)

    def upload_by_ticket(self, ticket: str) -> Upload | None:
        with self._changed:
            return next((u for u in self._uploads.values() if u.ticket == ticket), None)

    def _bound(self, kept: dict[str, Message]) -> None:
        while len(kept) > self._history:
            kept.pop(next(iter(kept)))


class Log(deque[T]):
    """The last entries of something that happens often."""

    def __init__(self, length: int = 5000) -> None:
        super().__init__(maxlen=length)
