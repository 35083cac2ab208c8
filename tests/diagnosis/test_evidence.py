"""What AWS said, joined with what the documents say: runs, error texts, CloudTrail, the simulator.

Every scenario starts from the healthy reference pipeline.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.diagnosis import world
from tests.diagnosis.examine import examine, finding, told
from tests.diagnosis.world import (
    BUCKET,
    BUILD,
    CONNECTION,
    HOME,
    KEY,
    PROD,
    PROD_DEPLOY,
    PROD_STACK,
    SERVICE,
    STAGING_DEPLOY,
    TOOLS,
    allow,
    document,
    reference,
    s3,
    statement,
)
from workers.diagnosis.model import FixKind, Outcome

Snapshot = dict[str, Any]
PROJECT = f"arn:aws:codebuild:{HOME}:{TOOLS}:project/payments-build"
START_DENIED = (
    "Error calling startBuild: User: "
    f"arn:aws:sts::{TOOLS}:assumed-role/PaymentsPipeline/1760000000000 is not authorized to "
    f"perform: codebuild:StartBuild on resource: {PROJECT} because no identity-based policy "
    "allows the codebuild:StartBuild action (Service: AWSCodeBuild; Status Code: 400; Error Code: "
    "AccessDeniedException; Request ID: EXAMPLE; Proxy: null)"
)
S3_DENIED = (
    "The service role or action role doesn’t have the permissions required to access the Amazon "
    f"S3 bucket named {BUCKET}. Update the IAM role permissions, and then try again. Error: "
    "Amazon S3:AccessDenied:Access Denied (Service: Amazon S3; Status Code: 403; Error Code: "
    "AccessDenied; Request ID: EXAMPLE; S3 Extended Request ID: EXAMPLE; Proxy: null)"
)


def run(
    stage: str, action: str, status: str, text: str = "", at: str = "2026-11-24T12:04:31Z"
) -> Snapshot:
    return {
        "stage": stage,
        "action": action,
        "status": status,
        "execution": "7f3c0a52-0000-4000-8000-000000000001",
        "at": at,
        "error": {"code": "PermissionError" if text else "", "message": text},
    }


def with_runs(*runs: Snapshot) -> Snapshot:
    return reference() | {"runs": list(runs)}


def drop(snapshot: Snapshot, holder: str, sid: str, action: str) -> None:
    found = statement(snapshot, holder, sid)
    found["Action"] = [each for each in found["Action"] if each != action]


# --- which finding stopped which execution -----------------------------------------------------


def test_the_execution_that_a_finding_stopped_is_named_with_its_time() -> None:
    snapshot = with_runs(run("Build", "Build", "Failed", START_DENIED))
    drop(snapshot, SERVICE, "Builds", "codebuild:StartBuild")
    first = examine(snapshot).findings[0]
    assert first.action == "codebuild:StartBuild"
    for part in ("stage Build", "action Build", "2026-11-24 12:04", "7f3c0a52"):
        assert part in first.stopped
    assert [each.layer for each in first.evidence][-1] == "message"


def test_what_broke_the_last_execution_comes_before_what_stands_earlier_in_the_pipeline() -> None:
    snapshot = with_runs(run("Prod", "Stack", "Failed", S3_DENIED))
    drop(snapshot, SERVICE, "Builds", "codebuild:StartBuild")
    snapshot["buckets"][BUCKET]["policy"] = None
    report = examine(snapshot)
    first = report.findings[0]
    assert (first.component, first.principal, first.stage) == ("bucket", PROD_DEPLOY, "Prod")
    assert first.stopped
    others = [each for each in report.findings if each.principal != PROD_DEPLOY]
    assert {each.principal for each in others} == {SERVICE, STAGING_DEPLOY}
    assert not any(each.stopped for each in others)


def test_a_failure_that_a_later_success_closed_is_no_failure() -> None:
    snapshot = with_runs(
        run("Build", "Build", "Succeeded", at="2026-11-24T13:00:00Z"),
        run("Build", "Build", "Failed", START_DENIED, at="2026-11-24T12:00:00Z"),
    )
    report = examine(snapshot)
    assert report.outcome is Outcome.CLEAR
    assert report.findings == ()


def test_a_failure_that_is_no_question_of_access_is_left_alone() -> None:
    failed = run("Build", "Build", "Failed", "Build terminated with state: FAILED")
    failed["error"]["code"] = "JobFailed"
    report = examine(with_runs(failed))
    assert report.outcome is Outcome.CLEAR
    assert report.findings == ()


# --- denied then, allowed now ------------------------------------------------------------------


def test_a_denial_whose_layer_allows_now_is_retried() -> None:
    report = examine(with_runs(run("Build", "Build", "Failed", START_DENIED)))
    (only,) = report.findings
    assert only.fix is not None
    assert only.fix.kind is FixKind.RETRY
    assert only.fix.steps == ()
    assert only.decision == "allowed"
    assert (only.component, only.detail) == ("service_role", "propagation")
    assert report.outcome is Outcome.CLEAR, "nothing denies it any more"


def test_a_denial_that_names_nothing_is_retried_when_all_was_read_and_allows() -> None:
    (only,) = examine(with_runs(run("Prod", "Stack", "Failed", S3_DENIED))).findings
    assert only.fix is not None
    assert only.fix.kind is FixKind.RETRY


def test_it_is_not_retried_where_something_with_a_say_was_not_read() -> None:
    snapshot = with_runs(run("Prod", "Stack", "Failed", S3_DENIED))
    snapshot["memberships"][PROD] = {"$unreadable": "AccessDenied"}
    report = examine(snapshot)
    assert report.outcome is Outcome.UNKNOWN
    assert not any(each.fix and each.fix.kind is FixKind.RETRY for each in report.findings)
    assert "organizations:" in report.unreadable[0].grant


def test_a_service_control_policy_that_was_not_read_stays_the_cause_the_message_names() -> None:
    denied = START_DENIED.replace(
        "because no identity-based policy allows the codebuild:StartBuild action",
        "with an explicit deny in a service control policy",
    )
    snapshot = with_runs(run("Build", "Build", "Failed", denied))
    snapshot["memberships"][TOOLS] = {"$unreadable": "AccessDenied"}
    first = examine(snapshot).findings[0]
    assert (first.component, first.certainty) == ("scp", "likely")
    assert first.fix is not None
    assert first.fix.steps == ()


def test_a_service_control_policy_that_was_read_is_shown_by_its_statement() -> None:
    denied = START_DENIED.replace(
        "because no identity-based policy allows the codebuild:StartBuild action",
        "with an explicit deny in a service control policy",
    )
    snapshot = with_runs(run("Build", "Build", "Failed", denied))
    snapshot["memberships"][TOOLS]["scps"][1]["policies"]["NoBuilds"] = document(
        allow("NoBuilds", "codebuild:*", "*") | {"Effect": "Deny"}
    )
    first = examine(snapshot).findings[0]
    assert (first.component, first.certainty) == ("scp", "proven")
    assert (first.evidence[0].policy, first.evidence[0].statement) == ("NoBuilds", "NoBuilds")


# --- outside of AWS ----------------------------------------------------------------------------


def test_all_green_and_a_failing_source_point_at_the_app_installation() -> None:
    text = "Could not access the GitHub repository: main"
    report = examine(with_runs(run("Source", "App", "Failed", text)))
    first = report.findings[0]
    assert (first.component, first.detail) == ("connection", "app_installation")
    assert first.resource == CONNECTION
    assert first.fix is not None
    assert "example-org/payments" in first.fix.instructions


# --- CloudTrail and the simulator --------------------------------------------------------------


def event(principal: str, name: str, message: str = "", source: str = "ec2") -> Snapshot:
    account, role = principal.split(":")[4], principal.rsplit("/", 1)[-1]
    return {
        "id": "EVENT",
        "name": name,
        "source": f"{source}.amazonaws.com",
        "at": "2026-11-24T12:03:00Z",
        "actor": f"arn:aws:sts::{account}:assumed-role/{role}/AWSCloudFormation",
        "account": account,
        "region": HOME,
        "error_code": "Client.UnauthorizedOperation",
        "error_message": message,
        "request": {},
        "resources": [],
    }


def test_a_denial_in_cloudtrail_that_still_holds_is_a_finding() -> None:
    message = (
        f"User: arn:aws:sts::{PROD}:assumed-role/PaymentsStack/AWSCloudFormation is not "
        "authorized to perform: sqs:CreateQueue on resource: "
        f"arn:aws:sqs:{HOME}:{PROD}:payments because no identity-based policy allows the "
        "sqs:CreateQueue action"
    )
    snapshot = reference()
    snapshot["events"] = [event(PROD_STACK, "CreateQueue", message, "sqs")] * 3
    report = examine(snapshot)
    found = finding(report, component="action_role", action="sqs:CreateQueue")
    assert found.principal == PROD_STACK
    assert found.detail == "cloudformation_role"
    assert "3" in found.stopped
    assert found.fix is not None
    assert found.fix.kind is FixKind.APPLY


def test_a_denial_in_cloudtrail_that_is_cured_is_not_mentioned() -> None:
    snapshot = reference()
    message = START_DENIED.removeprefix("Error calling startBuild: ")
    snapshot["events"] = [event(SERVICE, "StartBuild", message, "codebuild")]
    assert examine(snapshot).findings == ()


@pytest.mark.parametrize(
    ("decision", "words"), [("implicitDeny", "same"), ("allowed", "both are shown")]
)
def test_a_second_opinion_is_shown_whether_it_agrees_or_not(decision: str, words: str) -> None:
    snapshot = reference()
    drop(snapshot, SERVICE, "Builds", "codebuild:StartBuild")
    snapshot["opinions"] = [
        {
            "principal": SERVICE,
            "action": "codebuild:StartBuild",
            "resource": PROJECT,
            "decision": decision,
        }
    ]
    first = examine(snapshot).findings[0]
    (second,) = (each for each in first.evidence if each.layer == "simulator")
    assert second.effect == decision
    assert words in second.text


# --- what AWS keeps of a request -----------------------------------------------------------------

AUTHORIZED = (
    f"User: arn:aws:sts::{TOOLS}:assumed-role/PaymentsPipeline/1760000000000 is not authorized to "
    f"perform: codebuild:StartBuild on resource: {PROJECT}. Go to "
    "https://console.aws.amazon.com/iam/authorization-details/abc123def456 for complete details, "
    "or call the GetRequestAuthorizationDetails API with the following authorization id: "
    "abc123def456"
)
GUARD = "arn:aws:organizations::999999999999:policy/o-payments00/service_control_policy/p-guard123"


def details(check: str, effect: str, *, policy: str = "") -> str:
    """The details of one evaluation with two checks, the first of which allows.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html
    """
    matched = [{"uri": policy, "matchedStatements": [{"sid": "Stop", "evaluatedEffect": "DENY"}]}]
    return json.dumps(
        {
            "evaluations": [
                {
                    "action": "codebuild:StartBuild",
                    "resource": PROJECT,
                    "evaluatedEffect": effect,
                    "checks": [
                        {"checkType": "RESOURCE", "evaluatedEffect": "NO_IMPACT"},
                        {
                            "checkType": check,
                            "evaluatedEffect": effect,
                            "matchedPolicies": matched if policy else [],
                        },
                    ],
                }
            ]
        }
    )


def test_the_details_of_an_authorization_name_the_layer_that_the_message_does_not() -> None:
    snapshot = with_runs(run("Build", "Build", "Failed", AUTHORIZED))
    snapshot["memberships"][TOOLS] = {"$unreadable": "AccessDenied"}
    snapshot["decoded"] = {
        "abc123def456": details("SERVICE_CONTROL_POLICY", "EXPLICIT_DENY", policy=GUARD)
    }
    first = examine(snapshot).findings[0]
    assert (first.component, first.certainty, first.decision) == ("scp", "likely", "explicitDeny")
    (kept,) = (each for each in first.evidence if each.layer == "authorization")
    assert (kept.policy, kept.statement, kept.effect) == (GUARD, "Stop", "explicitDeny")
    assert "a service control policy, p-guard123, denies codebuild:StartBuild" in kept.text


def test_details_that_agree_with_the_documents_stand_beside_them() -> None:
    snapshot = with_runs(run("Build", "Build", "Failed", AUTHORIZED))
    drop(snapshot, SERVICE, "Builds", "codebuild:StartBuild")
    snapshot["decoded"] = {"abc123def456": details("PRINCIPAL", "IMPLICIT_DENY")}
    first = examine(snapshot).findings[0]
    assert (first.component, first.certainty) == ("service_role", "proven")
    assert [each.layer for each in first.evidence][-2:] == ["message", "authorization"]


def test_details_that_the_documents_contradict_are_shown_beside_what_these_say() -> None:
    """AWS says that a boundary denied; the role that was read has none, and lacks the action."""
    snapshot = with_runs(run("Build", "Build", "Failed", AUTHORIZED))
    drop(snapshot, SERVICE, "Builds", "codebuild:StartBuild")
    snapshot["decoded"] = {"abc123def456": details("PERMISSIONS_BOUNDARY", "IMPLICIT_DENY")}
    told, read = examine(snapshot).findings
    assert told.detail == "boundary"
    assert [each.layer for each in told.evidence] == ["message", "authorization"]
    assert (read.component, read.certainty, read.detail) == ("service_role", "proven", "")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"evaluations": [{"checks": 3}, 4]}'])
def test_details_that_nobody_understands_change_nothing(text: str) -> None:
    snapshot = with_runs(run("Build", "Build", "Failed", AUTHORIZED))
    drop(snapshot, SERVICE, "Builds", "codebuild:StartBuild")
    plain = examine(snapshot).findings[0]
    found = examine(snapshot | {"decoded": {"abc123def456": text}}).findings[0]
    assert replace(found, checks=()) == replace(plain, checks=())


# --- access that AWS lists and pipelines do without --------------------------------------------


def test_documented_access_is_advice_until_a_failure_points_at_it() -> None:
    snapshot = reference()
    drop(snapshot, SERVICE, "ArtifactBucket", "s3:GetBucketVersioning")
    quiet = examine(snapshot)
    assert quiet.outcome is Outcome.CLEAR
    assert "s3:GetBucketVersioning" in str([each.actions for each in quiet.advice])
    denied = (
        f"User: arn:aws:sts::{TOOLS}:assumed-role/PaymentsPipeline/1760000000000 is not authorized "
        f"to perform: s3:GetBucketVersioning on resource: {s3(BUCKET)}"
    )
    loud = examine(snapshot | {"runs": [run("Source", "App", "Failed", denied)]})
    assert loud.outcome is Outcome.BLOCKED
    assert loud.findings[0].action == "s3:GetBucketVersioning"


# --- people ------------------------------------------------------------------------------------


def test_a_person_is_told_what_they_can_and_cannot_do() -> None:
    anna = f"arn:aws:iam::{TOOLS}:user/anna"
    snapshot = reference() | {"caller": anna}
    snapshot["users"] = {
        anna: {
            "policies": {
                "look": document(allow("Look", ["codepipeline:Get*", "codepipeline:List*"], "*"))
            },
            "boundary": None,
            "tags": {},
        }
    }
    report = examine(snapshot)
    assert report.outcome is Outcome.CLEAR, "the pipeline itself runs"
    (section,) = (each for each in report.sections if each.component == "user")
    assert section.outcome is Outcome.BLOCKED
    assert any(line.startswith("see the pipeline: allowed") for line in section.details)
    assert any("codepipeline:PutApprovalResult" in line for line in section.details)


def test_a_denied_person_in_an_error_text_is_a_user_finding() -> None:
    text = (
        f"User: arn:aws:sts::{TOOLS}:assumed-role/Developers/anna is not authorized to perform: "
        f"codepipeline:StartPipelineExecution on resource: arn:aws:codepipeline:{HOME}:{TOOLS}:"
        f"{world.NAME} because no identity-based policy allows the "
        "codepipeline:StartPipelineExecution action"
    )
    report = examine(reference() | {"errors": [text]})
    first = report.findings[0]
    assert (first.component, first.principal) == (
        "user",
        f"arn:aws:iam::{TOOLS}:role/Developers",
    )
    assert first.fix is not None
    assert "codepipeline:StartPipelineExecution" in first.fix.instructions


# --- pieces that are gone ----------------------------------------------------------------------


def test_a_role_that_is_gone_is_one_finding_not_a_dozen() -> None:
    snapshot = reference()
    snapshot["roles"][BUILD] = None
    report = examine(snapshot)
    assert report.outcome is Outcome.BLOCKED
    (only,) = report.findings
    assert BUILD in (only.principal, only.resource), told(report)


def test_a_deleted_role_left_in_a_trust_policy_is_named_as_that() -> None:
    """AWS shows AROA… where a trusted role was deleted; a new role of that name is another one."""
    snapshot = reference()
    snapshot["roles"][PROD_DEPLOY]["trust"] = world.trusting(SERVICE)
    trust = snapshot["roles"][PROD_DEPLOY]["trust"]
    trust["Statement"][0]["Principal"] = {"AWS": "AROAEXAMPLEID0123456789"}
    first = examine(snapshot).findings[0]
    assert first.component == "trust"
    assert "AROAEXAMPLEID0123456789" in first.headline
    assert first.fix is not None
    assert first.fix.kind is FixKind.APPLY


def test_a_placeholder_that_nobody_filled_in_is_named() -> None:
    snapshot = reference()
    statement(snapshot, BUILD, "ArtifactKey")["Resource"] = (
        "arn:aws:kms:{{region}}:{{accountId}}:key/*"
    )
    first = examine(snapshot).findings[0]
    assert (first.component, first.principal) == ("build_role", BUILD)
    assert "{{region}}" in first.headline or "{{accountId}}" in first.headline


def test_a_key_policy_that_is_no_json_is_told_with_the_position() -> None:
    snapshot = reference()
    snapshot["keys"][KEY]["policy"] = (
        '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {oops}\n  ]\n}'
    )
    report = examine(snapshot)
    first = report.findings[0]
    assert first.component == "kms"
    assert "line 4" in first.explanation
    assert report.outcome is not Outcome.CLEAR
