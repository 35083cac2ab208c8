"""What an ended execution leaves behind: CloudTrail's record of the refusal, and EventBridge's
state-change event in the queues that watch for failures.

Event format: https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from threading import Lock
from typing import Any
from uuid import uuid4

from moto.sqs.models import sqs_backends

from demo.aws.identity import Caller
from demo.aws.live import Live
from demo.aws.runs import Key, Run
from demo.aws.steps import Step
from demo.aws.trail import Trail

# Calls that CloudTrail keeps as data events, which LookupEvents never shows
# (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html).
_DATA_EVENTS = frozenset({"s3:PutObject", "s3:PutObjectAcl", "s3:GetObject", "s3:GetObjectVersion"})
_STATES = {"Failed": "FAILED", "Succeeded": "SUCCEEDED", "Stopped": "STOPPED"}


class Events:
    """Told of every execution that ends. `queues` are (account, region, name) of SQS queues."""

    def __init__(self, trail: Trail, live: Live) -> None:
        self._trail = trail
        self._live = live
        self._queues: list[tuple[str, str, str]] = []
        self._lock = Lock()

    def deliver_to(self, account: str, region: str, queue: str) -> None:
        """From now on put every execution's end into that queue."""
        with self._lock:
            self._queues.append((account, region, queue))

    def execution_ended(self, run: Run, key: Key, refusal: Step | None) -> None:
        if refusal is not None and refusal.do:
            self._record_refusal(run, key, refusal)
        if run.updated > dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1):
            self.send(state_change(run, key))

    def send(self, event: Mapping[str, Any]) -> None:
        """Put one event into every watching queue, as EventBridge would."""
        with self._lock:
            queues = list(self._queues)
        for account, region, name in queues:
            backend = sqs_backends[account][region]
            if name in backend.queues:
                backend.send_message(
                    name, json.dumps(event), message_attributes={}, system_attributes={}
                )

    def _record_refusal(self, run: Run, key: Key, refusal: Step) -> None:
        if refusal.do in _DATA_EVENTS:
            return
        service, operation = refusal.do.split(":", 1)
        account = refusal.principal.split(":")[4]
        session = refusal.session.rsplit("/", 1)[-1]
        code = "AccessDenied" if service in ("iam", "sts") else "AccessDeniedException"
        self._trail.record(
            service=service,
            operation=operation,
            caller=Caller(
                account,
                refusal.session,
                refusal.principal,
                getattr(self._live.role(refusal.principal), "id", ""),
                session_name=session,
            ),
            account=account,
            region=_region(refusal.on, key[1]),
            params=_parameters(refusal),
            resources=(refusal.on,) if refusal.on.startswith("arn:") else (),
            error=(code, refusal.refusal),
            at=run.updated,
            read_only=service == "kms",
            invoked_by="codepipeline.amazonaws.com" if service != "kms" else "s3.amazonaws.com",
        )


def state_change(run: Run, key: Key) -> dict[str, Any]:
    """The EventBridge event of an execution that ended."""
    account, region, name = key
    failed = [
        {
            "action": each.action["name"],
            "additionalInformation": each.message,
        }
        for each in run.actions
        if each.status == "Failed"
    ]
    detail: dict[str, Any] = {
        "pipeline": name,
        "execution-id": run.id,
        "state": _STATES.get(run.status, run.status.upper()),
        "version": float(run.version),
        "start-time": _iso(run.started),
    }
    event: dict[str, Any] = {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "CodePipeline Pipeline Execution State Change",
        "source": "aws.codepipeline",
        "account": account,
        "time": _iso(run.updated),
        "region": region,
        "resources": [f"arn:aws:codepipeline:{region}:{account}:{name}"],
        "detail": detail,
    }
    if run.status == "Failed":
        event["additionalAttributes"] = {
            "failedActionCount": len(failed),
            "failedActions": failed[-1:],
            "failedStage": run.actions[-1].stage if run.actions else "",
        }
    return event


def _parameters(refusal: Step) -> dict[str, Any]:
    if refusal.do == "sts:AssumeRole":
        return {"roleArn": refusal.on, "roleSessionName": refusal.session.rsplit("/", 1)[-1]}
    if refusal.do.startswith("kms:"):
        return {"keyId": refusal.on, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    return {"resource": refusal.on}


def _region(arn: str, fallback: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 and parts[3] else fallback


def _iso(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
