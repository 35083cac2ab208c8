"""Looking after pipelines that alerts wait for: the event that says "healthy again" may be lost.

What AWS itself tells decides: an execution that went through after the last failure. Where nothing
has run since, it is told whether anything would still stop it, and no more than that.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-delivery.html (best effort)
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import structlog

from workers.aws.search import Listed
from workers.diagnosis.model import Outcome
from workers.incidents.alerts import Alerts
from workers.incidents.health import Health, of_look
from workers.incidents.looks import looked, went_through
from workers.incidents.survey import Survey, Surveyed
from workers.pipeline.arn import parse

log = structlog.get_logger(__name__)


def check(alerts: Alerts, health: Health, survey: Survey, arns: Iterable[str]) -> None:
    """Look at these pipelines and note in their alerts how they are. Raises redis.RedisError."""
    known = {_listed(arn): arn for arn in arns}
    for surveyed in survey.look(list(known)):
        arn = known[surveyed.pipeline]
        health.note(of_look(looked(surveyed), time.time()))
        _note(alerts, arn, surveyed)
        alerts.checked(arn)


def _note(alerts: Alerts, arn: str, surveyed: Surveyed) -> None:
    at = went_through(surveyed.snapshot)
    if at and (healed := alerts.heal(arn, at)):
        log.info("healthy again, by looking", pipeline=arn, alerts=healed)
    clear = surveyed.report.outcome is Outcome.CLEAR
    for alert_id in alerts.of(arn):
        alert = alerts.alert(alert_id)
        # What only AWS's message told of was never found, so that its end cannot be proven.
        if alert is not None and alert.finding:
            alerts.cure(alert_id, arn, time.time() if clear else 0)


def _listed(arn: str) -> Listed:
    found = parse(arn)
    assert found is not None, arn  # events are read only with such ARNs
    return Listed(found.resource, found.account, found.region)
