"""The configuration: one TOML file; secrets and places come from the environment.

`load` reads and validates the file named by `PIPELINE_ACCESS_CONFIG` (default
`pipeline-access.toml`); `Places` reads the environment. Nothing is read at import.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$")]
RoleName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@/-]+$", max_length=512)]
ExternalId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@:/-]+$", min_length=2, max_length=1224)
]
SlackUser = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{2,}$")]
SlackGroup = Annotated[str, StringConstraints(pattern=r"^S[A-Z0-9]{2,}$")]
SlackChannel = Annotated[str, StringConstraints(pattern=r"^[CG][A-Z0-9]{2,}$")]
QueueUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^/\s]+/\d{12}/[\w-]{1,80}(\.fifo)?$")
]
# Minute, hour, day of the month, month, day of the week; in the worker's time zone.
Schedule = Annotated[str, StringConstraints(pattern=r"^[\d*/,-]+( [\d*/,A-Za-z-]+){4}$")]
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
LogGroup = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./#-]+$", max_length=512)]
SlackTeam = Annotated[str, StringConstraints(pattern=r"^[TE][A-Z0-9]{2,}$")]


class ConfigurationError(Exception):
    """The configuration cannot be used; the text names file, key and what to do."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class People(_Table):
    """Slack user groups and users, by id."""

    groups: tuple[SlackGroup, ...] = ()
    users: tuple[SlackUser, ...] = ()


class Defaults(_Table):
    """What holds for every account that does not say otherwise."""

    regions: tuple[Region, ...] = ()
    read_role: RoleName = "pipeline-access-read"
    fix_role: RoleName = "pipeline-access-fix"
    external_id: ExternalId | None = None
    approvers: People = People()
    approvals: int = Field(default=1, ge=1, le=2)
    askers: People = People()
    channels: tuple[SlackChannel, ...] = ()


class Account(_Table):
    """An account whose pipelines, roles, buckets or keys the bot may read."""

    id: AccountId
    alias: Alias
    regions: tuple[Region, ...] = ()
    read_role: RoleName | None = None
    fix_role: RoleName | None = None
    external_id: ExternalId | None = None
    approvers: People | None = None
    approvals: int | None = Field(default=None, ge=1, le=2)
    # Who may ask, and in which channels answers about this account may stand; empty = everywhere.
    askers: People | None = None
    channels: tuple[SlackChannel, ...] | None = None
    tags: dict[str, str] = {}


class Organisation(_Table):
    """Where service and resource control policies are read: management or delegated account."""

    account: AccountId
    read_role: RoleName | None = None
    external_id: ExternalId | None = None


class Slack(_Table):
    """Who may talk to the bot at all."""

    workspace: SlackTeam | None = None
    allow_guests: bool = False
    allow_direct_messages: bool = True
    allow_private_channels: bool = True
    allow_shared_channels: bool = False
    answer_bots: tuple[str, ...] = ()
    messages_per_minute: int = Field(default=20, ge=1)


class Approvals(_Table):
    expires_hours: int = Field(default=24, ge=1, le=168)
    remind_minutes: tuple[int, ...] = (30, 120, 480)
    escalate_to: People = People()
    break_glass: bool = False
    auditors: People = People()


class Jobs(_Table):
    queue: str = "pipeline-access"
    timeout_seconds: int = Field(default=180, ge=10)
    threads: int = Field(default=64, ge=1, le=128)
    join_seconds: int = Field(default=60, ge=0)


class Incidents(_Table):
    """Failure events, and how often people are told of the same thing."""

    queue: QueueUrl | None = None
    quiet_minutes: int = Field(default=60, ge=5, le=24 * 60)


class Digest(_Table):
    """A channel that is told what a scheduled sweep found, of these accounts and tags or of all."""

    channel: SlackChannel
    accounts: tuple[str, ...] = ()
    tags: dict[str, str] = {}


class Sweeps(_Table):
    """Looking at many pipelines at once, on demand and by the clock."""

    schedule: Schedule | None = None
    digests: tuple[Digest, ...] = ()
    timeout_seconds: int = Field(default=3_600, ge=60)


class Audit(_Table):
    """Where copies of the audit trail are kept, beside Redis. None of them is needed."""

    file: Path | None = None
    bucket: BucketName | None = None
    prefix: str = Field(
        default="pipeline-access/", pattern=r"^([A-Za-z0-9_!.*'()-]+/)*$", max_length=512
    )
    retention_days: int | None = Field(default=None, ge=1, le=36_500)
    retention_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    log_group: LogGroup | None = None
    region: Region | None = None


class Ownership(_Table):
    """Tags that say that code owns a resource, beyond CloudFormation's and CDK's own."""

    tags: dict[str, str] = {}


class Settings(_Table):
    accounts: tuple[Account, ...] = ()
    defaults: Defaults = Defaults()
    organisation: Organisation | None = None
    slack: Slack = Slack()
    approvals: Approvals = Approvals()
    jobs: Jobs = Jobs()
    incidents: Incidents = Incidents()
    sweeps: Sweeps = Sweeps()
    ownership: Ownership = Ownership()
    audit: Audit = Audit()

    def account(self, id_or_alias: str) -> Account | None:
        """The account with that id or alias (any case), with the defaults filled in."""
        wanted = id_or_alias.lower()
        for account in self.accounts:
            if wanted in (account.id, account.alias):
                return self._complete(account)
        return None

    def complete(self) -> tuple[Account, ...]:
        """All accounts with the defaults filled in."""
        return tuple(self._complete(account) for account in self.accounts)

    def _complete(self, account: Account) -> Account:
        fallback = self.defaults
        return account.model_copy(
            update={
                name: getattr(fallback, name)
                for name in type(fallback).model_fields
                if getattr(account, name) in (None, ())
            }
        )


class Places(BaseSettings):
    """Secrets and places, under the names that their ecosystems use."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    slack_bot_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_api_url: str | None = None
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    port: int = Field(default=3000, ge=0, le=65535)
    log_level: str = "INFO"
    pipeline_access_config: Path = Path("pipeline-access.toml")


def load(path: Path | None = None) -> Settings:
    """The validated configuration.

    Raises ConfigurationError with one line per fault, each naming the file, the key, what is
    wrong with its value and, for a misspelt key, the nearest that exists.
    """
    file = path or Path(os.environ.get("PIPELINE_ACCESS_CONFIG", "pipeline-access.toml"))
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file}: no such file. Copy pipeline-access.example.toml there, or name yours in "
            "PIPELINE_ACCESS_CONFIG."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: is no valid TOML: {error}") from None
    return validate(table, str(file))


def validate(table: dict[str, Any], file: str) -> Settings:
    """Settings out of a parsed TOML table; `file` is only for the messages."""
    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_fault(file, each) for each in error.errors())) from None
    for name in ("id", "alias"):
        values = [getattr(account, name) for account in settings.accounts]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ConfigurationError(
                f"{file}: accounts: {name} {twice[0]!r} is given twice; each account needs its own."
            )
    return settings


def _fault(file: str, fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{file}: {key}: no such key.{_nearest(fault['loc'])}"
    shown = repr(fault.get("input"))
    given = f" (given: {shown[:80]})" if fault["type"] != "missing" else ""
    return f"{file}: {key}: {fault['msg']}{given}"


def _nearest(location: tuple[int | str, ...]) -> str:
    names: dict[str, type[BaseModel]] = {
        "accounts": Account,
        "defaults": Defaults,
        "organisation": Organisation,
        "slack": Slack,
        "approvals": Approvals,
        "jobs": Jobs,
        "incidents": Incidents,
        "sweeps": Sweeps,
        "digests": Digest,
        "ownership": Ownership,
        "audit": Audit,
        "approvers": People,
        "askers": People,
        "escalate_to": People,
        "auditors": People,
    }
    tables = [names[part] for part in location[:-1] if isinstance(part, str) and part in names]
    fields = (tables[-1] if tables else Settings).model_fields
    near = difflib.get_close_matches(str(location[-1]), fields, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else f" Known keys: {', '.join(fields)}."
