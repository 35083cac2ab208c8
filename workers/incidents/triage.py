"""From failure events to alerts: which of them are questions of access, of what cause, for whom."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from redis import RedisError

from workers.aws.search import Listed
from workers.diagnosis.model import Finding, Report
from workers.entrance import may_tell, open_to_us
from workers.incidents import behind
from workers.incidents.alerts import Alerts
from workers.incidents.causes import (
    Cause,
    cause_of,
    cause_of_denial,
    denials_in,
    explanation,
    labelled,
)
from workers.incidents.events import Ended, ExecutionEnded
from workers.incidents.health import Health, of_failures, of_report, of_success
from workers.incidents.intake import Intake
from workers.incidents.looks import labels
from workers.incidents.survey import Survey, Surveyed
from workers.incidents.watches import Watch, Watches, matches, tags_of
from workers.inquiry import Inquiry
from workers.room import Room
from workers.slack.people import NotKnown
from workers.snapshot.model import Run

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Explained:
    """Failures of one pipeline with one cause. `finding` is None where only AWS's message tells."""

    cause: Cause
    finding: Finding | None
    text: str
    events: tuple[ExecutionEnded, ...]


def explain(
    report: Report, runs: Sequence[Run], failures: Iterable[ExecutionEnded]
) -> tuple[Explained, ...]:
    """The failures that are questions of access, by cause; those of other reasons are left out.

    A failure counts when AWS's own message tells of a denial, or when what failed is proven to be
    denied where the message is silent (a build that "terminated", an action that timed out). Pure.
    """
    found: dict[str, list[ExecutionEnded]] = defaultdict(list)
    causes: dict[str, tuple[Cause, Finding | None, str]] = {}
    for event in failures:
        failed = [
            run for run in runs if run.execution == event.execution and run.status == "Failed"
        ]
        texts = [event.text, *(run.error_text for run in failed)]
        stage = event.stage or (failed[0].stage if failed else "")
        action = event.action or (failed[0].action if failed else "")
        finding = explanation(report, event.execution, stage, action)
        denials = denials_in(texts)
        if finding is not None:
            cause = cause_of(finding)
        elif denials:
            cause = cause_of_denial(denials[0])
        else:
            continue
        text = next((each for each in texts if each.strip()), "")
        causes.setdefault(cause.key, (cause, finding, text))
        found[cause.key].append(event)
    return tuple(Explained(*causes[key], events=tuple(events)) for key, events in found.items())


class Triage:
    """Works off pending events. Raises redis.RedisError and NotKnown; nothing is lost then."""

    def __init__(self, room: Room, intake: Intake, survey: Survey) -> None:
        self._room = room
        self._intake = intake
        self._survey = survey
        self._alerts = alerts_of(room)
        self._watches = Watches(room.redis).all()
        self._health = Health(room.redis)

    def work_off(self, arns: Iterable[str]) -> None:
        """Deal with all that is pending about these pipelines."""
        to_look: dict[Listed, tuple[str, tuple[ExecutionEnded, ...]]] = {}
        for arn in arns:
            pending = self._intake.pending(arn)
            failures = self._standing(arn, pending)
            if failures and self._wanted(failures[0]):
                first = failures[0]
                to_look[Listed(first.pipeline, first.account, first.region)] = (arn, pending)
            else:
                if failures:
                    self._intake.count("unwatched", len(failures))
                self._done(arn, pending)
        for surveyed in self._survey.look(list(to_look)):
            arn, pending = to_look[surveyed.pipeline]
            try:
                self._tell(surveyed, self._standing(arn, pending))
            except (RedisError, NotKnown):
                raise
            except Exception as error:  # a fault of ours must not hold up all other pipelines
                log.exception("failure not told", pipeline=arn)
                self._intake.fault(arn, f"{type(error).__name__}: {error}"[:300])
            else:
                self._done(arn, pending)

    def _standing(self, arn: str, pending: Sequence[ExecutionEnded]) -> tuple[ExecutionEnded, ...]:
        """The failures that count: none where all was well again before anybody was told."""
        failures = tuple(each for each in pending if each.ended is Ended.FAILED)
        healed = max((each.at for each in pending if each.ended is Ended.SUCCEEDED), default=0.0)
        over = bool(failures) and healed > max(each.at for each in failures)
        return () if over and not self._alerts.concern(arn) else failures

    def _done(self, arn: str, pending: Sequence[ExecutionEnded]) -> None:
        successes = [each for each in pending if each.ended is Ended.SUCCEEDED]
        if successes:
            latest = max(successes, key=lambda each: each.at)
            if self._alerts.heal(arn, latest.at):
                self._health.note(of_success(latest, time.time()))
        self._intake.settle(arn, len(pending))

    def _wanted(self, event: ExecutionEnded) -> bool:
        """Whether anybody may watch the pipeline, as far as that is known without its tags."""
        return any(self._meant(each, event, None) is not False for each in self._active())

    def _active(self) -> Iterable[Watch]:
        return (each for each in self._watches if not each.paused)

    def _meant(
        self, watch: Watch, event: ExecutionEnded, tags: Mapping[str, str] | None
    ) -> bool | None:
        return matches(watch.target, event.pipeline, event.account, event.region, tags)

    def _tell(self, surveyed: Surveyed, failures: Sequence[ExecutionEnded]) -> None:
        pipeline = surveyed.pipeline
        known = labels(surveyed)
        explained = [
            replace(each, cause=labelled(each.cause, known))
            for each in explain(surveyed.report, surveyed.snapshot.runs.value or (), failures)
        ]
        silent = len(failures) - sum(len(each.events) for each in explained)
        if silent:
            self._intake.count("other_reasons", silent)
        if not explained:
            log.info("failed for other reasons", pipeline=pipeline.name, failures=len(failures))
            return
        read = surveyed.snapshot.pipeline.value
        own = (read.tags.value or {}) if read is not None else {}
        tags = tags_of(pipeline.account, own, self._room.settings)
        self._health.note(of_report(surveyed.report, time.time(), own))
        for each in explained:
            self._health.note(of_failures(each.events, each.cause.headline, time.time()))
        told: set[str] = set()
        for watch in self._active():
            if watch.channel in told or not self._meant(watch, failures[0], tags):
                continue
            if not open_to_us(self._room, watch.channel) or not may_tell(
                self._room, watch.user, watch.channel, pipeline.account
            ):
                self._intake.count("not_allowed")
                log.info("may not be told", channel=watch.channel, account=pipeline.account)
                continue
            told.add(watch.channel)
            for each in explained:
                held = self._alerts.join(watch.channel, watch.user, each.cause, each.events)
                self._keep(held, watch, surveyed, each)

    def _keep(self, alert_id: str, watch: Watch, surveyed: Surveyed, each: Explained) -> None:
        """The inquiry behind the alert's buttons: the diagnosis of the pipeline that opened it."""
        if self._room.inquiries.report(alert_id) is not None:
            return
        direct = not watch.channel.startswith(("C", "G"))
        inquiry = Inquiry(
            id=alert_id,
            name=surveyed.pipeline.name,
            account=surveyed.pipeline.account,
            region=surveyed.pipeline.region,
            user=watch.user,
            channel=watch.channel,
            visibility="direct" if direct else "public",
            errors=(each.text,) if each.text else (),
        )
        behind.keep(self._room, inquiry, surveyed.report)
        if each.finding is not None:
            self._alerts.explain(alert_id, each.finding.id)


def alerts_of(room: Room) -> Alerts:
    """The alerts under the rules of the configuration."""
    return Alerts(
        room.redis,
        room.settings.incidents.quiet_minutes * 60,
        room.settings.slack.messages_per_minute,
    )
