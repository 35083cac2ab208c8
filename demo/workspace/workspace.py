"""The workspace as one object: start it, connect the app, act as people, read what is there."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from werkzeug.serving import BaseWSGIServer, make_server

from demo.workspace import blockkit, forms, plain
from demo.workspace.acts import Acts, NotAllowed, OwnCommand, join
from demo.workspace.answers import Answers, CommandOutcome, Outcome
from demo.workspace.api import Call, WebApi
from demo.workspace.api.chat import permalink
from demo.workspace.api.method import Context, Rejection
from demo.workspace.events import Events
from demo.workspace.faults import Faults
from demo.workspace.people import App, Channel, Command, Directory, Person, Team, UserGroup
from demo.workspace.rates import Rates
from demo.workspace.sender import RETRY_DELAYS, Delivery, Sender
from demo.workspace.server import QuietHandler, create_app
from demo.workspace.state import Json, Message, State, View
from demo.workspace.tickets import Tickets

T = TypeVar("T")


class Workspace:
    """A Slack workspace on this machine, for one app.

    Serves the Web API (`api_url`, for SLACK_API_URL) and the page (`url`) on one free port of
    127.0.0.1; sends signed requests to the app once `connect` has said where it is. Everything is
    in memory. All methods may be called from any thread.

    people, channels, usergroups: who and what there is.
    signing_secret, bot_token: what the app is configured with.
    clock: seconds since the epoch; tests move it to let tickets expire.
    retry_delays: seconds before an unanswered event is delivered again, per attempt.
    rate_limits: answer 429 to an app that calls more often than Slack allows.
    """

    def __init__(
        self,
        *,
        people: Sequence[Person],
        channels: Sequence[Channel],
        usergroups: Sequence[UserGroup] = (),
        signing_secret: str | None = None,
        bot_token: str | None = None,
        app: App | None = None,
        team: Team | None = None,
        port: int = 0,
        history: int = 1000,
        clock: Callable[[], float] = time.time,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        rate_limits: bool = False,
    ) -> None:
        self.signing_secret = signing_secret or secrets.token_hex(16)
        self.bot_token = bot_token or f"xoxb-local-{secrets.token_hex(12)}"
        self.directory = Directory(
            app or App(),
            team or Team(),
            {person.id: person for person in people},
            {channel.id: channel for channel in channels},
            {group.id: group for group in usergroups},
        )
        self._state = State(self.directory, clock=clock, history=history)
        self._sender = Sender(self.signing_secret, clock, retry_delays)
        self._context = Context(self._state, Tickets(clock), lambda: self.url)
        self._events = Events(self._context, self._sender)
        self._context.event = self._events.announce
        self._answers = Answers(self._context)
        self._acts = Acts(self._context, self._sender, self._events, self._answers)
        rates = Rates(clock) if rate_limits else None
        self._api = WebApi(self._context, self.bot_token, rates)
        self._port = port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    # -- life

    def start(self) -> str:
        """Serve, and return the address of the page."""
        if self._server is not None:
            return self.url
        app = create_app(self._context, self._api, self._acts, self._answers)
        self._server = make_server(
            "127.0.0.1", self._port, app, threaded=True, request_handler=QuietHandler
        )
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self.url

    def connect(self, bot_url: str) -> None:
        """Say where the app listens, as its base address or that of /slack/events."""
        self._sender.connect(bot_url)

    def stop(self) -> None:
        """Stop serving and sending; nothing is left behind."""
        self._sender.stop()
        self._state.hang_up()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(5)
            self._server = self._thread = None

    def __enter__(self) -> Workspace:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The page, without a slash at the end."""
        if self._server is None:
            raise RuntimeError("The workspace is not running: call start() first.")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def api_url(self) -> str:
        """The value for SLACK_API_URL."""
        return f"{self.url}/api/"

    # -- acting as people

    def command(
        self, user: str, channel: str, command: str, text: str = "", *, raw: bool = False
    ) -> CommandOutcome:
        """Type a slash command; returns when the app has answered or three seconds are over."""
        return self._acts.command(user, self._channel(channel), command, text, raw=raw)

    def message(
        self,
        user: str,
        channel: str,
        text: str,
        *,
        thread_ts: str | None = None,
        blocks: Sequence[Json] = (),
        attachments: Sequence[Json] = (),
        raw: bool = False,
    ) -> Message:
        """Post a message as a person, or as another bot (a person with `is_bot`)."""
        return self._acts.message(
            user,
            self._channel(channel),
            text,
            thread_ts=thread_ts,
            blocks=tuple(blocks),
            attachments=tuple(attachments),
            raw=raw,
        )

    def mention(
        self, user: str, channel: str, text: str, *, thread_ts: str | None = None
    ) -> Message:
        """Post a message that begins with a mention of the app."""
        words = f"<@{self.directory.app.user_id}> {text}"
        return self.message(user, channel, words, thread_ts=thread_ts)

    def edit(self, user: str, message: Message, text: str) -> Message:
        return self._acts.edit(user, message, text)

    def delete(self, user: str, message: Message) -> None:
        self._acts.delete(user, message)

    def press(
        self,
        user: str,
        target: Message | View,
        action_id: str,
        *,
        block_id: str | None = None,
        value: Any = None,
        values: Mapping[Any, Any] | None = None,
        confirmed: bool = True,
    ) -> Outcome:
        """Press a button, or choose in a menu, of a message, a modal or App Home.

        value: for buttons, picks the one among several with that action_id; for menus, what is
        chosen (an option's value, a user's id, a date). values: what the inputs of a modal hold
        meanwhile, keyed as in `submit`. confirmed: the answer to the element's confirmation
        dialog; with False nothing is sent and the outcome's error is "declined".
        Raises NotAllowed where there is no such element.
        """
        block, element = _find(target, action_id, block_id, value)
        if "confirm" in element and not confirmed:
            return Outcome(None, 0.0, "declined")
        if isinstance(target, Message):
            return self._acts.press_in_message(
                user, target, block["block_id"], element["action_id"], value
            )
        held = forms.entered_values(target.blocks, values or {})
        return self._acts.press_in_view(
            user, target, block["block_id"], element["action_id"], value, held
        )

    def submit(self, user: str, view: View, values: Mapping[Any, Any] | None = None) -> Outcome:
        """Submit a modal. `values` by action_id, by (block_id, action_id), or nested.

        Inputs that are not named keep their initial values. See the outcome's `errors` for what
        Slack or the app complains about.
        """
        return self._acts.submit(user, view, forms.entered_values(view.blocks, values or {}))

    def close(self, user: str, view: View, *, cleared: bool = False) -> None:
        self._acts.close(user, view, cleared=cleared)

    def shortcut(self, user: str, callback_id: str, message: Message) -> Outcome:
        """Use a message shortcut of the app on a message."""
        return self._acts.shortcut(user, callback_id, message)

    def open_home(self, user: str, timeout: float = 5.0) -> View:
        """Open App Home and wait until the app has published a view for this person."""
        before = self._state.home(user)
        self._acts.open_home(user)
        return self.wait_for(
            lambda: view if (view := self._state.home(user)) and view != before else None,
            timeout,
            f"The app published no App Home for {user}.",
        )

    def suggest(self, user: str, target: Message | View, action_id: str, text: str) -> list[Json]:
        """The options the app offers in an external_select for what has been typed."""
        block, _ = _find(target, action_id, None, None)
        return self._acts.suggest(user, target, block["block_id"], action_id, text)

    def dismiss(self, user: str, message: Message) -> None:
        self._acts.dismiss(user, message.ts)

    # -- reading

    def history(self, channel: str) -> list[Message]:
        """What stands in the channel itself, oldest first: no replies, no ephemeral messages."""
        found = self._state.messages(self._channel(channel))
        return [message for message in found if not message.is_reply or message.broadcast]

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The root message and its replies, oldest first."""
        return self._state.thread(self._channel(channel), ts)

    def message_at(self, channel: str, ts: str) -> Message | None:
        """The message as it is now."""
        return self._state.message(self._channel(channel), ts)

    def ephemerals(self, user: str, channel: str | None = None) -> list[Message]:
        """What only this person sees, oldest first."""
        found = self._state.ephemerals(user)
        wanted = None if channel is None else self._channel(channel)
        return [message for message in found if wanted in (None, message.channel)]

    def modal(self, user: str) -> View | None:
        """The modal a person sees, the top one of the stack."""
        stack = self._state.stack(user)
        return stack[-1] if stack else None

    def modals(self, user: str) -> list[View]:
        return self._state.stack(user)

    def home(self, user: str) -> View | None:
        return self._state.home(user)

    def im(self, user: str) -> str:
        """The id of the direct message channel between a person and the app."""
        return self.directory.im(user)

    def file(self, file_id: str) -> bytes | None:
        """The content of an uploaded file."""
        upload = self._state.upload(file_id)
        return None if upload is None else upload.content

    def plain(self, message: Message) -> str:
        """What a person reads in the message, as plain text for a terminal."""
        return plain.text(message, self.directory.names())

    def name(self, user: str) -> str:
        """The shown name of a person, channel, user group or the app."""
        return self.directory.names().get(user, user)

    def permalink(self, message: Message) -> str:
        return permalink(self._context, message)

    def wait_for(
        self, predicate: Callable[[], T | None], timeout: float = 10.0, what: str = ""
    ) -> T:
        """The first truthy answer of `predicate`, asked anew after every change.

        Raises TimeoutError, saying `what`, after `timeout` seconds.
        """
        return self._state.wait_for(predicate, timeout, what)

    # -- watching and disturbing

    @property
    def faults(self) -> Faults:
        """Makes the next calls of the Web API meet limits, outages or delays."""
        return self._api.faults

    @property
    def calls(self) -> list[Call]:
        """The last calls of the Web API, oldest first."""
        return list(self._api.calls)

    @property
    def rejections(self) -> list[Rejection]:
        """Payloads that broke Slack's rules. A correct app leaves this empty."""
        return list(self._context.rejections)

    @property
    def deliveries(self) -> list[Delivery]:
        """The last requests to the app with its answers, oldest first."""
        return list(self._sender.deliveries)

    # -- changing the world

    def add_command(self, command: Command, answer: OwnCommand) -> None:
        """A slash command of the workspace itself, to play with the world from the page.

        `answer` gets what was typed behind it and returns what only the person sees.
        """
        with self._state.locked():
            app = self.directory.app
            self.directory.app = replace(app, commands=(*app.commands, command))
        self._acts.own(command.name, answer)

    def set_usergroup(self, usergroup_id: str, users: Sequence[str]) -> None:
        """Change who is in a user group, from now on."""
        with self._state.locked():
            groups = self.directory.usergroups
            groups[usergroup_id] = replace(groups[usergroup_id], users=tuple(users))

    def deactivate(self, user: str) -> None:
        """Deactivate somebody's account."""
        with self._state.locked():
            self.directory.deactivated.add(user)

    def change_channel(self, channel: str, **changes: Any) -> None:
        """Change fields of a channel: archive it, remove the app from it."""
        with self._state.locked():
            known = self.directory.channels[self._channel(channel)]
            self.directory.channels[known.id] = replace(known, **changes)

    def join(self, user: str, channel: str) -> None:
        """Let somebody join a channel; the app hears of it."""
        join(self._context, self._events, user, self._channel(channel))

    def _channel(self, channel: str) -> str:
        """The id, given an id or a #name."""
        for known in self.directory.channels.values():
            if f"#{known.name}" == channel:
                return known.id
        return channel


def _find(
    target: Message | View, action_id: str, block_id: str | None, value: Any
) -> tuple[Json, Json]:
    found = [
        (block, element)
        for block in target.blocks
        for element in blockkit.elements(block)
        if element.get("action_id") == action_id and block_id in (None, block["block_id"])
    ]
    buttons = [pair for pair in found if forms.field_of(pair[1]) is None]
    if value is not None and buttons:
        found = [pair for pair in buttons if pair[1].get("value") == value]
    if not found:
        raise NotAllowed(f"There is no element {action_id} here.")
    return found[0]
