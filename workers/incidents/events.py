"""Events of pipelines as EventBridge delivers them, read and told apart. Pure.

https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from workers.diagnosis.denials import parse_denial

SOURCE = "aws.codepipeline"
EXECUTIONS = "CodePipeline Pipeline Execution State Change"
_WRAPPED = 3  # an event in a notification of SNS in a message of SQS, and one more

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.@_-]{1,100}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Malformed(Exception):
    """The message is no event that can be read; the text says what is wrong with it."""


class Ended(StrEnum):
    FAILED = "FAILED"
    SUCCEEDED = "SUCCEEDED"


class Said(StrEnum):
    """What the error text of a failed execution says by itself."""

    DENIED = "denied"
    SOMETHING_ELSE = "something_else"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class ExecutionEnded:
    """An execution that failed or succeeded. `at` is in seconds since the epoch.

    `stage`, `action` and `text` say where and why it failed, as far as the event tells.
    """

    id: str
    pipeline: str
    account: str
    region: str
    arn: str
    execution: str
    ended: Ended
    at: float
    stage: str = ""
    action: str = ""
    text: str = ""

    @property
    def said(self) -> Said:
        """Whether the text tells of a denial. Most texts that tell of none leave it open."""
        if not self.text.strip():
            return Said.NOTHING
        denials = [each for each in parse_denial(self.text) if not each.not_access]
        return Said.DENIED if denials else Said.SOMETHING_ELSE


@dataclass(frozen=True, slots=True)
class NotForUs:
    """A well-formed event that says nothing about the end of an execution."""

    why: str


Event: TypeAlias = ExecutionEnded | NotForUs


def read_event(body: str) -> Event:
    """The event in the body of a queue's message, also one that came through SNS.

    Raises Malformed for what is no event of EventBridge, or lacks what every event has.
    """
    value = _unwrapped(body)
    if not isinstance(value, dict):
        raise Malformed(f"it is no JSON object but {type(value).__name__}")
    if value.get("source") != SOURCE:
        if not isinstance(value.get("source"), str) or "detail-type" not in value:
            raise Malformed("it has no source and detail-type, as events of EventBridge have")
        return NotForUs(f"an event of {value['source'][:80]}")
    if value.get("detail-type") != EXECUTIONS:
        return NotForUs(f"an event of the kind {str(value.get('detail-type'))[:80]!r}")
    try:
        event = _Event.model_validate(value)
    except ValidationError as error:
        raise Malformed(_faults(error)) from None
    if event.detail.state not in (Ended.FAILED, Ended.SUCCEEDED):
        return NotForUs(f"an execution that is {event.detail.state[:40]}")
    return _ended(event)


def _unwrapped(body: str) -> Any:
    value: Any = body
    for _ in range(_WRAPPED):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise Malformed("it is no JSON") from None
        # https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
        if isinstance(value, dict) and isinstance(value.get("Message"), str):
            value = value["Message"]
        else:
            break
    return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class _Detail(_Part):
    pipeline: _Name
    execution: _Text = Field(alias="execution-id")
    state: _Text


class _FailedAction(_Part):
    action: str = ""
    information: str = Field(default="", alias="additionalInformation")


class _More(_Part):
    actions: tuple[_FailedAction, ...] = Field(default=(), alias="failedActions")
    stage: str = Field(default="", alias="failedStage")


class _Event(_Part):
    id: _Text
    account: Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,4}(-[a-z]{2,10}){1,3}-\d$")]
    time: AwareDatetime
    resources: tuple[str, ...] = ()
    detail: _Detail
    more: _More = Field(default_factory=_More, alias="additionalAttributes")


def _ended(event: _Event) -> ExecutionEnded:
    actions = event.more.actions
    return ExecutionEnded(
        id=event.id,
        pipeline=event.detail.pipeline,
        account=event.account,
        region=event.region,
        arn=_arn(event),
        execution=event.detail.execution,
        ended=Ended(event.detail.state),
        at=event.time.astimezone(dt.UTC).timestamp(),
        stage=event.more.stage[:100],
        action=actions[0].action[:100] if actions else "",
        text="\n".join(each.information for each in actions if each.information)[:8_000],
    )


def _arn(event: _Event) -> str:
    tail = f":{event.region}:{event.account}:{event.detail.pipeline}"
    for arn in event.resources:
        if arn.startswith("arn:") and arn.endswith(tail):
            return arn
    return f"arn:aws:codepipeline{tail}"


def _faults(error: ValidationError) -> str:
    """The first faults, without what was given: it may be anything."""
    told = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)[:3]
    ]
    return "; ".join(told)
