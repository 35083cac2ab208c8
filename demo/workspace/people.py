"""Who and what the workspace consists of: people, channels, user groups, the app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TEAM = "T0LOCALWORLD"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody one can act as on the page, or a bot that posts (`is_bot`).

    A guest is `is_restricted` (several channels) or `is_ultra_restricted` (one); somebody of
    another workspace, met through Slack Connect, has another `team_id`.
    https://docs.slack.dev/reference/objects/user-object
    """

    id: str
    name: str
    display_name: str = ""
    title: str = ""
    email: str = ""
    tz: str = "Europe/Berlin"
    team_id: str = TEAM
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False

    def __post_init__(self) -> None:
        if not self.id.startswith(("U", "W")):
            raise ValueError(f"Person {self.name!r}: id must begin with U or W, not {self.id!r}.")

    @property
    def is_guest(self) -> bool:
        return self.is_restricted or self.is_ultra_restricted

    @property
    def shown_name(self) -> str:
        return self.display_name or self.name


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel. `members` None means everybody of the workspace who is no guest.

    https://docs.slack.dev/reference/objects/conversation-object
    """

    id: str
    name: str
    topic: str = ""
    members: tuple[str, ...] | None = None
    app_is_member: bool = True
    is_private: bool = False
    is_shared: bool = False
    is_archived: bool = False

    def __post_init__(self) -> None:
        if not self.id.startswith(("C", "G")):
            raise ValueError(f"Channel #{self.name}: id must begin with C or G, not {self.id!r}.")
        if self.name.startswith("#"):
            raise ValueError(f"Channel {self.name!r}: write the name without the #.")


@dataclass(frozen=True, slots=True)
class UserGroup:
    """https://docs.slack.dev/reference/objects/usergroup-object"""

    id: str
    handle: str
    name: str
    users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.id.startswith("S"):
            raise ValueError(f"User group @{self.handle}: id must begin with S, not {self.id!r}.")


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command of the app. With `should_escape`, names typed in it arrive as ids.

    https://docs.slack.dev/interactivity/implementing-slash-commands
    """

    name: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = False


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A message shortcut: an entry in the menu of every message."""

    callback_id: str
    name: str


@dataclass(frozen=True, slots=True)
class App:
    """The app under test as Slack knows it: ids, commands, shortcuts, subscribed events.

    `scopes` None grants all; otherwise methods that need another one answer `missing_scope`.
    """

    id: str = "A0PIPELINE"
    name: str = "pipeline-access"
    user_id: str = "U0PIPELINE"
    bot_id: str = "B0PIPELINE"
    description: str = "Explains why a pipeline is denied, and asks the right people for the fix."
    commands: tuple[Command, ...] = (
        Command(
            "/pipeline-access",
            "Find out why a pipeline is denied",
            "name, ARN or console link | list | help",
        ),
    )
    shortcuts: tuple[Shortcut, ...] = (Shortcut("why_denied", "Why was this denied?"),)
    events: frozenset[str] = frozenset(
        {"app_mention", "message.im", "app_home_opened", "member_joined_channel"}
    )
    scopes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Team:
    id: str = TEAM
    name: str = "Local workspace"
    domain: str = "local-workspace"


@dataclass(slots=True)
class Directory:
    """Everybody and everything by id. Changes are whole-value replacements under State's lock."""

    app: App
    team: Team
    people: dict[str, Person]
    channels: dict[str, Channel]
    usergroups: dict[str, UserGroup]
    deactivated: set[str] = field(default_factory=set)

    def members(self, channel: Channel) -> list[str]:
        if channel.members is not None:
            known = [user for user in channel.members if user in self.people]
        else:
            known = [p.id for p in self.people.values() if not p.is_guest and not self.stranger(p)]
        app = [self.app.user_id] if channel.app_is_member else []
        return [*known, *(user for user in app if user not in known)]

    def stranger(self, person: Person) -> bool:
        return person.team_id != self.team.id

    def can_see(self, user: str, channel: Channel) -> bool:
        person = self.people[user]
        public = not channel.is_private and not person.is_guest and not self.stranger(person)
        return public or user in self.members(channel)

    def im(self, user: str) -> str:
        """The id of the direct message channel between a person and the app."""
        return "D" + user[1:]

    def im_partner(self, channel: str) -> str | None:
        if not channel.startswith("D"):
            return None
        return next((user for user in self.people if self.im(user) == channel), None)

    def names(self) -> Mapping[str, str]:
        """Shown names of people, channels, groups and the app by id."""
        shown = {person.id: person.shown_name for person in self.people.values()}
        shown |= {channel.id: channel.name for channel in self.channels.values()}
        shown |= {group.id: group.handle for group in self.usergroups.values()}
        return shown | {self.app.user_id: self.app.name, "USLACKBOT": "Slackbot"}
