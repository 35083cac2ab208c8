"""Looking at many pipelines: what fails with one of them takes nothing from the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.incidents.world import PROD, REGION, SHARED, key_finding, report
from workers import diagnosis
from workers.aws import history
from workers.aws.calls import Chain, Place
from workers.aws.search import Listed
from workers.diagnosis.model import Outcome, Report
from workers.incidents import survey
from workers.incidents.causes import Cause
from workers.settings import Account, Organisation, Settings
from workers.snapshot.model import Pipeline, Snapshot, present


def test_a_diagnosis_that_fails_is_unknown_and_the_others_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("cart", "broken", "email")

    def read(*_: Any, **__: Any) -> Iterator[tuple[Listed, Snapshot]]:
        for name in names:
            yield Listed(name, PROD, REGION), Snapshot(present(Pipeline(name, PROD, REGION)))

    def diagnose(snapshot: Snapshot, **_: Any) -> Report:
        name = snapshot.pipeline.require().name
        if name == "broken":
            raise KeyError("reach")
        return report(name, key_finding(name))

    monkeypatch.setattr(survey, "read_pipelines", read)
    monkeypatch.setattr(diagnosis, "diagnose", diagnose)
    with survey.open_survey(Settings(), "test", 10) as opened:
        found = list(opened.look([Listed(name, PROD, REGION) for name in names]))
    outcomes = {each.pipeline.name: each.report.outcome for each in found}
    assert outcomes == {
        "cart": Outcome.BLOCKED,
        "broken": Outcome.UNKNOWN,
        "email": Outcome.BLOCKED,
    }
    (why,) = found[1].report.unreadable
    assert "KeyError" in why.why


# --- where a change of what decides is recorded ----------

MANAGEMENT = "999999999999"
SETTINGS = Settings(
    accounts=(Account(id=PROD, alias="prod"), Account(id=SHARED, alias="shared")),
    organisation=Organisation(account=MANAGEMENT, read_role="pipeline-access-organisation"),
)


@pytest.mark.parametrize(
    ("component", "document", "account", "region", "event", "subject"),
    [
        # A key's policy: in the key's own account and region.
        ("kms", f"arn:aws:kms:us-west-2:{SHARED}:key/1234", SHARED, "us-west-2",
         "PutKeyPolicy", "1234"),
        ("kms", f"arn:aws:kms:us-west-2:{SHARED}:key/1234", SHARED, "us-west-2",
         "DisableKey", "1234"),
        # A bucket's name does not say where it is: with the pipeline.
        ("bucket", "artifacts", PROD, REGION, "PutBucketPolicy", "artifacts"),
        # IAM is global: its events are those of us-east-1, in the role's account.
        ("service_role", f"arn:aws:iam::{SHARED}:role/x/Deploy", SHARED, "us-east-1",
         "PutRolePolicy", "Deploy"),
        ("action_role", f"arn:aws:iam::{SHARED}:role/x/Deploy", SHARED, "us-east-1",
         "AttachRolePolicy", "Deploy"),
        ("trust", f"arn:aws:iam::{SHARED}:role/Deploy", SHARED, "us-east-1",
         "UpdateAssumeRolePolicy", "Deploy"),
        # Organizations: in the management account, whose role is the organisation's.
        ("scp", f"arn:aws:organizations::{MANAGEMENT}:policy/o-1/service_control_policy/p-1",
         MANAGEMENT, "us-east-1", "AttachPolicy", "p-1"),
        ("rcp", f"arn:aws:organizations::{MANAGEMENT}:policy/o-1/resource_control_policy/p-2",
         MANAGEMENT, "us-east-1", "UpdatePolicy", "p-2"),
        ("connection", f"arn:aws:codeconnections:{REGION}:{PROD}:connection/c-1", PROD, REGION,
         "DeleteConnection", "c-1"),
    ],
)  # fmt: skip
def test_the_trail_is_asked_where_the_change_was_made(
    monkeypatch: pytest.MonkeyPatch,
    component: str,
    document: str,
    account: str,
    region: str,
    event: str,
    subject: str,
) -> None:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html"""
    asked: list[tuple[Place, Any, Any]] = []

    def changes(chain: Chain, place: Place, names: Any, subjects: Any, *_: Any) -> Any:
        asked.append((place, names, subjects))
        return present(())

    monkeypatch.setattr(history, "changes", changes)
    cause = Cause(component, document, label="a name that people know")
    with survey.open_survey(SETTINGS, "test", 10) as opened:
        assert opened.changes(cause, PROD, REGION, 0, 1).require() == ()
    ((place, names, subjects),) = asked
    assert place == Place("cloudtrail", account, region)
    assert event in names
    assert subjects == {document, subject}


def test_the_organisations_trail_is_read_under_the_organisations_role() -> None:
    with survey.open_survey(SETTINGS, "test", 10) as opened:
        role = Chain(opened._calls)._role(Place("cloudtrail", MANAGEMENT, "us-east-1"))  # type: ignore[attr-defined]
    assert role.role_arn == f"arn:aws:iam::{MANAGEMENT}:role/pipeline-access-organisation"


def test_an_account_that_is_not_configured_is_named() -> None:
    cause = Cause("kms", "arn:aws:kms:eu-west-1:333333333333:key/1")
    with survey.open_survey(SETTINGS, "test", 10) as opened:
        read = opened.changes(cause, PROD, REGION, 0, 1)
    assert read.why == "account 333333333333 is not configured"
