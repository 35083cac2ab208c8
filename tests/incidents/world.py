"""Failures of pipelines that share causes, and what a survey would find of them, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, cast

from tests.slack import reports
from workers.aws.failure_queue import Message, QueueFailure
from workers.aws.history import Change
from workers.aws.search import Found, Listed, Unseen
from workers.diagnosis.model import Component, Evidence, Finding, Outcome, Report
from workers.incidents.causes import Cause
from workers.incidents.survey import Cost, Surveyed
from workers.settings import Settings
from workers.snapshot.model import Key, Pipeline, Reading, Run, Snapshot, Stage, present, unreadable

PROD, SHARED = "111111111111", "222222222222"
REGION = "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{PROD}:key/90e6f2b4-a7c1-4d38-8b5f-2e0d9c7a6413"
SCP = "arn:aws:organizations::999999999999:policy/o-acme/service_control_policy/p-europeonly"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()


def denial(role: str, action: str = "kms:Decrypt", resource: str = KEY) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    return (
        f"User: arn:aws:sts::{PROD}:assumed-role/{role}/1699999999999 is not authorized to "
        f"perform: {action} on resource: {resource} because no resource-based policy allows the "
        f"{action} action"
    )


def event(
    number: int,
    pipeline: str = "cart",
    state: str = "FAILED",
    *,
    account: str = PROD,
    at: float = NOON,
    text: str = "",
    execution: str = "",
    **changes: Any,
) -> dict[str, Any]:
    """The event as the user guide shows it.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
    """
    event: dict[str, Any] = {
        "version": "0",
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "detail-type": "CodePipeline Pipeline Execution State Change",
        "source": "aws.codepipeline",
        "account": account,
        "time": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:codepipeline:{REGION}:{account}:{pipeline}"],
        "detail": {
            "pipeline": pipeline,
            "execution-id": execution or f"{number:08x}-0000-4000-8000-000000000000",
            "state": state,
            "version": 3.0,
        },
    }
    if state == "FAILED":
        event["additionalAttributes"] = {
            "failedActionCount": 1,
            "failedActions": [{"action": "Compile", "additionalInformation": text}],
            "failedStage": "Build",
        }
    return {**event, **changes}


def denied(pipeline: str, number: int, **more: Any) -> dict[str, Any]:
    return event(number, pipeline, text=denial(f"{pipeline}-build"), **more)


def key_finding(pipeline: str) -> Finding:
    """One key policy, another role for each pipeline."""
    role = f"arn:aws:iam::{PROD}:role/{pipeline}-build"
    return replace(
        reports.DENIED_KEY,
        id=f"kms-{pipeline}",
        headline=f"The policy of the artifact key does not give role {pipeline}-build kms:Decrypt",
        principal=role,
        resource=KEY,
        evidence=(Evidence("resource", KEY, "UseOfTheKey", "Allow", 3, reports.STATEMENT),),
        stopped="",
    )


def scp_finding(pipeline: str) -> Finding:
    return replace(
        reports.DENIED_KEY,
        id=f"scp-{pipeline}",
        component=Component.SCP,
        headline="A service control policy denies cloudformation:CreateStack",
        principal=f"arn:aws:iam::{PROD}:role/{pipeline}-deploy",
        action="cloudformation:CreateStack",
        resource=f"arn:aws:cloudformation:us-east-1:{PROD}:stack/{pipeline}/*",
        decision="explicitDeny",
        stage="Deploy",
        pipeline_action="Stack",
        evidence=(Evidence("scp", SCP, "OnlyEurope", "Deny"),),
        stopped="",
        fix=None,
    )


def report(pipeline: str, *findings: Finding, account: str = PROD) -> Report:
    outcome = Outcome.BLOCKED if findings else Outcome.CLEAR
    return replace(
        reports.BLOCKED,
        name=pipeline,
        account=account,
        alias="prod" if account == PROD else "shared",
        region=REGION,
        arn=f"arn:aws:codepipeline:{REGION}:{account}:{pipeline}",
        outcome=outcome,
        findings=findings,
    )


@dataclass
class Scene:
    """What a survey finds. `looked` are the pipelines that were read, in order."""

    reports: dict[str, Report] = field(default_factory=dict)
    runs: dict[str, tuple[Run, ...]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)  # of keys, by ARN
    unseen: tuple[Unseen, ...] = ()
    changes_of: dict[str, tuple[Change, ...]] = field(default_factory=dict)
    looked: list[str] = field(default_factory=list)
    act: Callable[[str], None] | None = None

    def put(self, *each: Report) -> None:
        for one in each:
            self.reports[one.arn] = one

    @contextmanager
    def open_survey(self, settings: Settings, request_id: str, seconds: float) -> Iterator[Scene]:
        yield self

    def pipelines(self, account: str | None = None, region: str | None = None) -> Found:
        there = [Listed(each.name, each.account, each.region) for each in self.reports.values()]
        wanted = [each for each in sorted(there) if account in (None, each.account)]
        return Found(tuple(wanted), (), self.unseen)

    def look(
        self, pipelines: Iterable[Listed], stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Surveyed]:
        for one in pipelines:
            if stop():
                return
            if self.act is not None:
                self.act(one.name)
            self.looked.append(one.name)
            arn = f"arn:aws:codepipeline:{one.region}:{one.account}:{one.name}"
            known = self.reports.get(arn) or report(one.name, account=one.account)
            tags = present(cast("Mapping[str, str]", MappingProxyType(self.tags.get(one.name, {}))))
            snapshot = Snapshot(
                present(
                    Pipeline(one.name, one.account, one.region, stages=(Stage("Build"),), tags=tags)
                ),
                runs=present(self.runs.get(one.name, ())),
                keys={
                    arn: present(Key(arn, aliases=present((alias,))))
                    for arn, alias in self.aliases.items()
                },
            )
            yield Surveyed(one, snapshot, known)

    def changes(
        self, cause: Cause, account: str, region: str, since: float, until: float
    ) -> Reading[tuple[Change, ...]]:
        known = self.changes_of.get(cause.document)
        if known is None:
            return unreadable("CloudTrail may not be read")
        return present(tuple(each for each in known if since <= each.at <= until))

    def cost(self) -> Cost:
        return Cost(len(self.looked) * 4, 1.5)


@dataclass
class Post:
    """A queue of messages: what is not deleted is delivered again."""

    waiting: list[Message] = field(default_factory=list)
    away: bool = False
    refuses_to_delete: bool = False

    def send(self, *bodies: Any) -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            number = f"message-{len(self.waiting)}-{abs(hash(text)) % 10_000}"
            self.waiting.append(Message(number, number, text, 0))

    def receive(self) -> tuple[Message, ...]:
        if self.away:
            raise QueueFailure("the queue is away")
        batch = [replace(each, times=each.times + 1) for each in self.waiting[:10]]
        self.waiting[: len(batch)] = batch
        return tuple(batch)

    def delete(self, messages: list[Message]) -> None:
        if self.refuses_to_delete:
            raise QueueFailure("the queue does not delete")
        gone = {each.receipt for each in messages}
        self.waiting = [each for each in self.waiting if each.receipt not in gone]
