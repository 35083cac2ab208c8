"""Pipeline executions, simulated: moto keeps pipelines, and runs none of their actions.

An execution walks through the stages; whether an action succeeds is decided by a rehearsal over
the documents in force. A retry after a fix that does not cure fails again, with the next text.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any
from uuid import uuid4

from moto.codepipeline.models import codepipeline_backends

from demo.aws.rehearsal import Rehearsal
from demo.aws.steps import Step, Where
from demo.aws.wire import AwsError

Key = tuple[str, str, str]
"""Account, region, name of a pipeline."""

Listener = Callable[["Run", Key, Step | None], None]


@dataclass(slots=True)
class ActionRun:
    stage: str
    action: Mapping[str, Any]
    role: str
    region: str
    status: str
    started: dt.datetime
    updated: dt.datetime
    id: str = field(default_factory=lambda: str(uuid4()))
    code: str = ""
    message: str = ""
    token: str = ""
    external_id: str = ""
    approved_by: str = ""


@dataclass(slots=True)
class Run:
    """One execution of a pipeline."""

    version: int
    started: dt.datetime
    updated: dt.datetime
    status: str = "InProgress"
    trigger: str = "Webhook"
    trigger_detail: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    actions: list[ActionRun] = field(default_factory=list)


class Runs:
    """All executions of all pipelines. Thread-safe.

    `action_seconds` is how long an action takes; `listener` is told of every execution that
    ends, with the step that stopped it.
    """

    def __init__(
        self, rehearsal: Rehearsal, action_seconds: float, listener: Listener | None = None
    ) -> None:
        self._rehearsal = rehearsal
        self._seconds = action_seconds
        self._listener = listener
        self._runs: dict[Key, list[Run]] = {}
        self._lock = Lock()

    # --- starting -------------------------------------------------------------------------------

    def start(self, key: Key, trigger_detail: str = "") -> Run:
        """StartPipelineExecution: run from the first stage, in the background."""
        pipeline = self._pipeline(key)
        now = _now()
        run = Run(
            int(pipeline["version"]),
            now,
            now,
            trigger="StartPipelineExecution",
            trigger_detail=trigger_detail,
        )
        with self._lock:
            self._runs.setdefault(key, []).append(run)
        Thread(target=self._walk, args=(key, run, None, self._seconds), daemon=True).start()
        return run

    def seed(self, key: Key, ended: dt.datetime, failure: Mapping[str, str] | None = None) -> Run:
        """An execution that ended in the past.

        Its outcome is rehearsed like any other's; with `failure` (`stage`, `action`, `code`,
        `message`) the action named there failed for a reason that is gone since.
        """
        pipeline = self._pipeline(key)
        started = ended - dt.timedelta(minutes=3)
        run = Run(int(pipeline["version"]), started, started)
        with self._lock:
            self._runs.setdefault(key, []).append(run)
        self._walk(key, run, None, 0.0, clock=_Past(started), failure=failure)
        return run

    def seed_success(self, key: Key, ended: dt.datetime) -> Run:
        """An execution that succeeded in the past, before anything was broken."""
        pipeline = self._pipeline(key)
        clock = _Past(ended - dt.timedelta(minutes=9))
        run = Run(int(pipeline["version"]), clock(), clock(), status="Succeeded")
        for stage in pipeline["stages"]:
            for action in _in_order(stage["actions"]):
                self._begin(key, run, pipeline, stage["name"], action, clock).status = "Succeeded"
        run.updated = clock()
        with self._lock:
            self._runs.setdefault(key, []).append(run)
        return run

    def retry(self, key: Key, stage: str, execution: str, mode: str) -> Run:
        """RetryStageExecution
        (https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_RetryStageExecution.html).

        Raises StageNotFoundException, NotLatestPipelineExecutionException,
        StageNotRetryableException as AWS does.
        """
        pipeline = self._pipeline(key)
        if stage not in [each["name"] for each in pipeline["stages"]]:
            raise AwsError("StageNotFoundException", f"Stage {stage} not found in {key[2]}")
        with self._lock:
            runs = self._runs.get(key, [])
            run = runs[-1] if runs else None
            if run is None or run.id != execution:
                raise AwsError(
                    "NotLatestPipelineExecutionException",
                    f"The execution {execution} is not the latest execution of stage {stage}.",
                )
            latest = _latest(run, stage)
            if run.status != "Failed" or not any(a.status == "Failed" for a in latest.values()):
                raise AwsError(
                    "StageNotRetryableException",
                    f"The stage named {stage} in the {key[2]} pipeline can't be retried now. "
                    f"Either it contains no failed actions, the execution '{run.id}' is already "
                    "superseded, or the pipeline definition has changed since the action(s) "
                    "failed.",
                )
            run.status, run.updated = "InProgress", _now()
        again = None if mode == "ALL_ACTIONS" else {n for n, a in latest.items() if _failed(a)}
        walk = (key, run, (stage, again), self._seconds)
        Thread(target=self._walk, args=walk, daemon=True).start()
        return run

    def stop(self, key: Key, execution: str) -> Run:
        """StopPipelineExecution: abandons what is in progress."""
        run = self.run(key, execution)
        with self._lock:
            if run.status != "InProgress":
                raise AwsError(
                    "PipelineExecutionNotStoppableException",
                    f"The execution {execution} is {run.status} and cannot be stopped.",
                )
            run.status, run.updated = "Stopped", _now()
        return run

    def approve(self, key: Key, params: Mapping[str, Any], by: str) -> dt.datetime:
        """PutApprovalResult; a rejection fails the execution, an approval lets it go on."""
        now = _now()
        with self._lock:
            for run in reversed(self._runs.get(key, [])):
                for each in run.actions:
                    if each.token and each.token == params["token"]:
                        if each.status != "InProgress":
                            raise AwsError(
                                "ApprovalAlreadyCompletedException",
                                "The approval action has already been approved or rejected.",
                            )
                        approved = params["result"]["status"] == "Approved"
                        each.status = "Succeeded" if approved else "Failed"
                        each.updated, each.approved_by = now, by
                        each.message = str(params["result"].get("summary", ""))
                        if not approved:
                            run.status = "Failed"
                            return now
                        walk = (key, run, (each.stage, {str(each.action["name"])}), self._seconds)
                        Thread(target=self._walk, args=walk, daemon=True).start()
                        return now
        raise AwsError("InvalidApprovalTokenException", "The approval token is not valid.")

    # --- reading --------------------------------------------------------------------------------

    def pipelines(self) -> list[Key]:
        with self._lock:
            return list(self._runs)

    def runs(self, key: Key) -> list[Run]:
        """Newest first. Raises PipelineNotFoundException."""
        self._pipeline(key)
        with self._lock:
            return list(reversed(self._runs.get(key, [])))

    def run(self, key: Key, execution: str) -> Run:
        found = next((run for run in self.runs(key) if run.id == execution), None)
        if found is None:
            raise AwsError(
                "PipelineExecutionNotFoundException",
                f"No execution {execution} of pipeline {key[2]} in account {key[0]}.",
            )
        return found

    def pipeline(self, key: Key) -> Mapping[str, Any]:
        return self._pipeline(key)

    # --- walking --------------------------------------------------------------------------------

    def _walk(
        self,
        key: Key,
        run: Run,
        resume: tuple[str, set[str] | None] | None,
        seconds: float,
        clock: Callable[[], dt.datetime] | None = None,
        failure: Mapping[str, str] | None = None,
    ) -> None:
        clock = clock or _now
        pipeline = self._pipeline(key)
        outcome: Step | None = None
        for stage, action in _remaining(pipeline, run, resume):
            waiting = self._begin(key, run, pipeline, stage, action, clock)
            if seconds:
                time.sleep(seconds)
            if run.status == "Stopped":
                waiting.status = "Abandoned"
                return
            if failure and (stage, action["name"]) == (failure["stage"], failure["action"]):
                self._end(waiting, clock, "Failed", failure["code"], failure["message"])
                run.status = "Failed"
                break
            where = Where(pipeline, key[0], key[1], stage, action, run.id)
            outcome = self._rehearsal.first_refusal(where)
            if outcome is not None:
                self._end(waiting, clock, "Failed", outcome.code, outcome.text)
                run.status = "Failed"
                break
            if action["actionTypeId"]["category"] == "Approval":
                waiting.token = str(uuid4())
                run.updated = clock()
                return
            self._end(waiting, clock, "Succeeded")
        else:
            run.status = "Succeeded"
        run.updated = clock()
        if self._listener is not None:
            self._listener(run, key, outcome)

    def _begin(
        self,
        key: Key,
        run: Run,
        pipeline: Mapping[str, Any],
        stage: str,
        action: Mapping[str, Any],
        clock: Callable[[], dt.datetime],
    ) -> ActionRun:
        now = clock()
        begun = ActionRun(
            stage=stage,
            action=action,
            role=str(action.get("roleArn") or pipeline["roleArn"]),
            region=str(action.get("region") or key[1]),
            status="InProgress",
            started=now,
            updated=now,
        )
        if action["actionTypeId"]["provider"] == "CodeBuild":
            begun.external_id = f"{action['configuration']['ProjectName']}:{uuid4()}"
        with self._lock:
            run.actions.append(begun)
        return begun

    @staticmethod
    def _end(
        action: ActionRun,
        clock: Callable[[], dt.datetime],
        status: str,
        code: str = "",
        message: str = "",
    ) -> None:
        action.code, action.message = code, message
        action.updated = clock()
        action.status = status

    @staticmethod
    def _pipeline(key: Key) -> Mapping[str, Any]:
        account, region, name = key
        found = codepipeline_backends[account][region].pipelines.get(name)
        if found is None:
            raise AwsError(
                "PipelineNotFoundException",
                f"Account '{account}' does not have a pipeline with name '{name}'",
            )
        pipeline: Mapping[str, Any] = found.pipeline
        return pipeline


def latest_by_action(run: Run) -> dict[tuple[str, str], ActionRun]:
    """The last attempt of every action of a run."""
    return {(each.stage, str(each.action["name"])): each for each in run.actions}


def _remaining(
    pipeline: Mapping[str, Any], run: Run, resume: tuple[str, set[str] | None] | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reached = resume is None
    for stage in pipeline["stages"]:
        here = resume is not None and stage["name"] == resume[0]
        reached = reached or here
        if not reached:
            continue
        done = latest_by_action(run)
        for action in _in_order(stage["actions"]):
            before = done.get((stage["name"], action["name"]))
            again = here and resume is not None and resume[1] is None
            if here and not again and before is not None and before.status == "Succeeded":
                continue
            yield stage["name"], action


def _in_order(actions: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(actions, key=lambda action: int(action.get("runOrder", 1)))


def _latest(run: Run, stage: str) -> dict[str, ActionRun]:
    return {name: each for (at, name), each in latest_by_action(run).items() if at == stage}


def _failed(action: ActionRun) -> bool:
    return action.status == "Failed"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class _Past:
    """A clock that starts in the past and moves half a minute at every look."""

    def __init__(self, start: dt.datetime) -> None:
        self._at = start

    def __call__(self) -> dt.datetime:
        now, self._at = self._at, self._at + dt.timedelta(seconds=30)
        return now
