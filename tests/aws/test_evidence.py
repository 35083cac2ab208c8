"""Second sources: CloudTrail, decoded messages, authorization ids, the simulator, the analyzer."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.aws.cloud import Cloud
from tests.aws.conftest import PIPELINES, REGION, STRANGER
from tests.aws.test_reader import BUCKET, wanted
from tests.aws.world import make_bucket, make_pipeline, make_role
from workers.aws import analyzer, opinions, trail
from workers.aws.analyzer import Remark
from workers.aws.calls import Calls, Chain, Place
from workers.aws.opinions import Question
from workers.aws.reader import read_snapshot
from workers.aws.sessions import Sessions
from workers.diagnosis.model import Check, Step, Target, TargetKind
from workers.pipeline.requirement import Part, Requirement
from workers.policy import Decision, Layer, PolicyKind, Verdict, parse
from workers.policy.verdicts import Match
from workers.settings import Settings
from workers.snapshot.model import Opinion, Snapshot, State

ROLE = f"arn:aws:iam::{PIPELINES}:role/ShopPipeline"
NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
SESSION = f"arn:aws:sts::{PIPELINES}:assumed-role/ShopPipeline/1764000000"
ENCODED = (
    "You are not authorized to perform this operation. Encoded authorization failure message: "
)
TOKEN = "aBc-123_x" * 12
HERE = Place("cloudtrail", PIPELINES, REGION)


def event(id: str, name: str, *, actor: str = ROLE, **record: Any) -> dict[str, Any]:
    """An event as LookupEvents returns one for an assumed role:
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    full = {
        "eventID": id,
        "awsRegion": REGION,
        "recipientAccountId": PIPELINES,
        "userIdentity": {
            "type": "AssumedRole",
            "arn": SESSION,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": actor}},
        },
    } | record
    return {
        "EventId": id,
        "EventName": name,
        "EventSource": "kms.amazonaws.com",
        "EventTime": NOON.timestamp(),
        "Username": "1764000000",
        "CloudTrailEvent": json.dumps(full),
    }


def failed(text: str) -> dict[str, Any]:
    """ListActionExecutions with one failure at noon.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionExecutionDetail.html
    """
    return {
        "actionExecutionDetails": [
            {
                "pipelineExecutionId": "e-1",
                "actionExecutionId": "a-1",
                "stageName": "Deploy",
                "actionName": "Stack",
                "status": "Failed",
                "startTime": NOON.timestamp() - 60,
                "lastUpdateTime": NOON.timestamp(),
                "input": {
                    "configuration": {"StackName": "#{variables.stack}"},
                    "resolvedConfiguration": {"StackName": "shop"},
                    "roleArn": ROLE,
                    "region": REGION,
                },
                "output": {
                    "executionResult": {
                        "externalExecutionId": "x-1",
                        "errorDetails": {"code": "PermissionError", "message": text},
                    }
                },
            }
        ]
    }


@pytest.fixture
def shop(cloud: Cloud) -> None:
    make_role(cloud, PIPELINES, "ShopPipeline")
    make_bucket(cloud, PIPELINES, BUCKET)
    make_pipeline(cloud, PIPELINES, "shop", role=ROLE, bucket=BUCKET)
    cloud.answer("cloudtrail", "LookupEvents", {"Events": []})


def read(settings: Settings, sessions: Sessions, *errors: str) -> Snapshot:
    return read_snapshot(
        settings, sessions, "shop", PIPELINES, REGION, wanted=wanted, errors=errors
    )[0]


# --- runs ------------------------------------------------------------


def test_a_failed_action_is_read_with_its_resolved_configuration(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: None
) -> None:
    cloud.answer("codepipeline", "ListActionExecutions", failed("Access Denied"))
    (run,) = read(settings, sessions).runs.require()

    assert (run.stage, run.action, run.status) == ("Deploy", "Stack", "Failed")
    assert (run.error_code, run.error_text) == ("PermissionError", "Access Denied")
    assert run.at == "2026-11-24T12:00:00Z"
    assert run.configuration == {"StackName": "shop"}
    assert (run.execution, run.external_id, run.role_arn) == ("e-1", "x-1", ROLE)


def test_the_state_stands_in_for_a_failure_that_the_list_no_longer_has(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: None
) -> None:
    cloud.answer(
        "codepipeline",
        "GetPipelineState",
        {
            "stageStates": [
                {
                    "stageName": "Deploy",
                    "latestExecution": {"pipelineExecutionId": "e-0", "status": "Failed"},
                    "actionStates": [
                        {
                            "actionName": "Stack",
                            "latestExecution": {
                                "status": "Failed",
                                "errorDetails": {"code": "PermissionError", "message": "No."},
                            },
                        },
                        {"actionName": "Next", "latestExecution": {"status": "Succeeded"}},
                    ],
                }
            ]
        },
    )
    (run,) = read(settings, sessions).runs.require()
    assert (run.action, run.execution, run.error_text) == ("Stack", "e-0", "No.")


# --- CloudTrail ------------------------------------------------------------


def test_the_denied_session_is_looked_up_by_its_name(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: None
) -> None:
    text = f"User: {SESSION} is not authorized to perform: kms:Decrypt"
    cloud.answer("codepipeline", "ListActionExecutions", failed(text))
    denied = event(
        "1",
        "Decrypt",
        errorCode="AccessDenied",
        errorMessage=text,
        requestParameters={"keyId": "the-key", "encryptionContext": {"secret": "not kept"}},
        resources=[{"ARN": "arn:aws:kms:eu-west-1:111111111111:key/k", "type": "AWS::KMS::Key"}],
    )
    cloud.answer("cloudtrail", "LookupEvents", {"Events": [denied, event("2", "Encrypt")]})
    (found,) = read(settings, sessions).events.require()

    assert (found.name, found.source, found.actor) == ("Decrypt", "kms.amazonaws.com", ROLE)
    assert (found.error_code, found.error_message) == ("AccessDenied", text)
    assert found.request == {"keyId": "the-key"}
    assert found.resources == ("arn:aws:kms:eu-west-1:111111111111:key/k",)
    assert found.at == "2026-11-24T12:00:00Z"
    (call,) = cloud.made("cloudtrail")
    sent = json.loads(call.body)
    assert sent["LookupAttributes"] == [
        {"AttributeKey": "Username", "AttributeValue": "1764000000"}
    ]
    assert sent["StartTime"] < NOON.timestamp() < sent["EndTime"]


def test_at_most_two_lookups_are_made_in_a_place(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: None
) -> None:
    text = f"User: {SESSION} is not authorized to perform: kms:Decrypt"
    cloud.answer("codepipeline", "ListActionExecutions", failed(text))
    stranger = f"arn:aws:iam::{PIPELINES}:role/SomebodyElse"
    others = [event("1", "Decrypt", actor=stranger, errorCode="AccessDenied"), event("2", "X")]
    cloud.answer(
        "cloudtrail",
        "LookupEvents",
        lambda call: {"Events": [] if "Username" in call.body else others, "NextToken": "more"},
    )
    assert read(settings, sessions).events.require() == ()
    assert len(cloud.made("cloudtrail")) == 2


def test_a_limited_trail_is_not_asked_again_and_takes_nothing_away(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: None
) -> None:
    cloud.answer("codepipeline", "ListActionExecutions", failed("Access Denied"))
    cloud.refuse("cloudtrail", "LookupEvents", code="ThrottlingException", status=400)
    snapshot = read(settings, sessions)

    assert snapshot.events.state is State.UNREADABLE
    assert snapshot.role(ROLE).state is State.PRESENT
    assert len(cloud.made("cloudtrail")) == 1


def test_where_nothing_failed_the_trail_is_not_asked(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: None
) -> None:
    assert read(settings, sessions).events.why.startswith("nothing failed lately")
    assert cloud.made("cloudtrail") == []


@pytest.mark.parametrize("record", ["", "no JSON", "{}", '{"userIdentity": null}'])
def test_an_event_with_a_broken_record_keeps_what_stands_beside_it(record: str) -> None:
    item = {"EventId": "1", "EventName": "Decrypt", "Username": "me", "CloudTrailEvent": record}
    found = trail.parse_event(item, PIPELINES, REGION)
    assert (found.name, found.actor, found.account) == ("Decrypt", "me", PIPELINES)


# --- messages and ids ------------------------------------------------------------


def test_an_encoded_message_is_decoded_in_the_principals_account(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: None
) -> None:
    answer = json.dumps({"allowed": False, "explicitDeny": True})
    cloud.answer(
        "sts",
        "DecodeAuthorizationMessage",
        "<DecodeAuthorizationMessageResponse><DecodeAuthorizationMessageResult>"
        f"<DecodedMessage>{answer}</DecodedMessage>"
        "</DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>",
    )
    snapshot = read(settings, sessions, f"{ENCODED}{TOKEN}")
    assert json.loads(snapshot.decoded[TOKEN]) == {"allowed": False, "explicitDeny": True}


def test_a_message_that_may_not_be_decoded_stays_as_it_is(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: None
) -> None:
    cloud.refuse("sts", "DecodeAuthorizationMessage")
    snapshot = read(settings, sessions, f"{ENCODED}{TOKEN}")
    assert snapshot.decoded == {}
    assert snapshot.role(ROLE).state is State.PRESENT


def test_an_authorization_id_leads_to_the_checks_that_denied(
    cloud: Cloud, settings: Settings, sessions: Sessions, shop: None
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html"""
    check = {"checkType": "SERVICE_CONTROL_POLICY", "evaluatedEffect": "EXPLICIT_DENY"}
    cloud.answer(
        "iam",
        "GET /authorization-details/abc123def456",
        {"evaluations": [{"action": "iam:GetRole", "checks": [check]}]},
    )
    text = (
        f"User: {SESSION} is not authorized to perform: iam:GetRole on resource: {ROLE}. Go to "
        "https://console.aws.amazon.com/iam/authorization-details/abc123def456 for complete "
        "details, or call the GetRequestAuthorizationDetails API with the following "
        "authorization id: abc123def456"
    )
    snapshot = read(settings, sessions, text)
    answer = json.loads(snapshot.decoded["abc123def456"])
    assert answer == {"evaluations": [{"action": "iam:GetRole", "checks": [check]}]}


# --- the simulator ------------------------------------------------------------


def _simulated(*decisions: tuple[str, str, bool]) -> str:
    members = "".join(
        f"<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision>"
        f"<MissingContextValues>{'<member>aws:SourceIp</member>' if missing else ''}"
        "</MissingContextValues></member>"
        for action, decision, missing in decisions
    )
    return (
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false"
        f"</IsTruncated><EvaluationResults>{members}</EvaluationResults>"
        "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )


def test_the_simulator_is_asked_once_for_many_actions_and_guesses_are_no_opinions(
    cloud: Cloud, sessions: Sessions
) -> None:
    cloud.answer(
        "iam",
        "SimulatePrincipalPolicy",
        _simulated(
            ("s3:GetObject", "allowed", False),
            ("s3:PutObject", "implicitDeny", False),
            ("s3:GetBucketAcl", "implicitDeny", True),
        ),
    )
    questions = [
        Question(ROLE, action, "*")
        for action in ("s3:GetObject", "s3:PutObject", "s3:GetBucketAcl")
    ]
    with Calls(sessions) as calls:
        found = opinions.ask(Chain(calls), questions, REGION)
    assert found == (
        Opinion(ROLE, "s3:GetObject", "*", "allowed"),
        Opinion(ROLE, "s3:PutObject", "*", "implicitDeny"),
    )
    assert len(cloud.made("iam")) == 1


def _check(decision: Decision, *layers: Layer, blocked: tuple[Layer, ...] = ()) -> Check:
    context = {"iam:PassedToService": "x.amazonaws.com"}
    need = Requirement(ROLE, Part.SERVICE_ROLE, "iam:PassRole", "*", context=context)
    denial = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    (statement,) = parse({"Statement": denial}, name="no", kind=PolicyKind.IDENTITY).statements
    matched = tuple(Match(layer, statement) for layer in layers)
    return Check(need, Verdict(decision, blocked, matched))


@pytest.mark.parametrize(
    ("check", "asked"),
    [
        (_check(Decision.EXPLICIT_DENY, Layer.IDENTITY), True),
        (_check(Decision.EXPLICIT_DENY, Layer.SCP), True),
        (_check(Decision.EXPLICIT_DENY, Layer.RESOURCE), False),
        (_check(Decision.EXPLICIT_DENY, Layer.RCP), False),
        (_check(Decision.IMPLICIT_DENY), True),
        (_check(Decision.IMPLICIT_DENY, blocked=(Layer.BOUNDARY,)), True),
        (_check(Decision.IMPLICIT_DENY, blocked=(Layer.RESOURCE,)), False),
        (_check(Decision.ALLOWED), False),
        (_check(Decision.UNKNOWN), False),
    ],
)
def test_the_simulator_is_asked_only_where_layers_decide_that_it_knows(
    check: Check, asked: bool
) -> None:
    expected = Question(ROLE, "iam:PassRole", "*", (("iam:PassedToService", ("x.amazonaws.com",)),))
    assert opinions.questions([check, check]) == ((expected,) if asked else ())


def test_the_keys_of_the_request_are_handed_to_the_simulator(
    cloud: Cloud, sessions: Sessions
) -> None:
    cloud.answer("iam", "SimulatePrincipalPolicy", _simulated(("iam:PassRole", "allowed", False)))
    question = Question(ROLE, "iam:PassRole", "*", (("aws:TagKeys", ("a", "b")),))
    with Calls(sessions) as calls:
        opinions.ask(Chain(calls), [question], REGION)
    (call,) = cloud.made("iam")
    sent = parse_qs(call.body)
    assert sent["ContextEntries.member.1.ContextKeyName"] == ["aws:TagKeys"]
    assert sent["ContextEntries.member.1.ContextKeyType"] == ["stringList"]
    assert sent["ContextEntries.member.1.ContextKeyValues.member.2"] == ["b"]


def test_a_simulator_that_may_not_be_asked_has_no_opinion(cloud: Cloud, sessions: Sessions) -> None:
    cloud.refuse("iam", "SimulatePrincipalPolicy")
    foreign = f"arn:aws:iam::{STRANGER}:role/R"
    with Calls(sessions) as calls:
        questions = [Question(ROLE, "s3:GetObject", "*"), Question(foreign, "s3:GetObject", "*")]
        assert opinions.ask(Chain(calls), questions, REGION) == ()


# --- the analyzer ------------------------------------------------------------


def test_the_analyzer_remarks_on_a_document(cloud: Cloud, sessions: Sessions) -> None:
    remark = {
        "findingType": "SECURITY_WARNING",
        "issueCode": "PASS_ROLE_WITH_STAR_IN_RESOURCE",
        "findingDetails": "Using a wildcard in the resource can be overly permissive.",
        "learnMoreLink": "https://docs.aws.amazon.com/IAM/latest/UserGuide/x.html",
        "locations": [],
    }
    cloud.answer("access-analyzer", "POST /policy/validation", {"findings": [remark]})
    with Calls(sessions) as calls:
        found = analyzer.validate(Chain(calls), PIPELINES, REGION, "{}", "IDENTITY_POLICY")
    assert found.require() == (
        Remark(
            "SECURITY_WARNING",
            "PASS_ROLE_WITH_STAR_IN_RESOURCE",
            "Using a wildcard in the resource can be overly permissive.",
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/x.html",
        ),
    )


@pytest.mark.parametrize(
    ("answer", "statements"),
    [
        ({"result": "PASS"}, ()),
        (
            {
                "result": "FAIL",
                "reasons": [
                    {"statementIndex": 0, "statementId": "Added"},
                    {"statementIndex": 3},
                ],
            },
            ("Added", "#4"),
        ),
        ({"result": "FAIL"}, ("?",)),
    ],
)
def test_the_analyzer_names_the_statements_with_new_access(
    cloud: Cloud, sessions: Sessions, answer: dict[str, object], statements: tuple[str, ...]
) -> None:
    """https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_CheckNoNewAccess.html"""
    cloud.answer("access-analyzer", "POST /policy/check-no-new-access", answer)
    with Calls(sessions) as calls:
        found = analyzer.new_access(Chain(calls), PIPELINES, REGION, "{}", "{}", "RESOURCE_POLICY")
    assert found.require() == statements


def test_a_proposed_policy_is_reviewed_where_the_analyzer_may_be_asked(
    cloud: Cloud, sessions: Sessions
) -> None:
    style = {"findingType": "SUGGESTION", "issueCode": "EMPTY_ARRAY", "findingDetails": "Empty."}
    fault = {"findingType": "ERROR", "issueCode": "INVALID_ACTION", "findingDetails": "None such."}
    cloud.answer("access-analyzer", "POST /policy/validation", {"findings": [style, fault]})
    cloud.refuse("access-analyzer", "POST /policy/check-no-new-access")
    mine = Step(Target(TargetKind.KEY_POLICY, "key", PIPELINES), "{}", '{"Statement": []}', "")
    foreign = Step(Target(TargetKind.BUCKET_POLICY, "bucket", STRANGER), "{}", "{}", "")
    setting = Step(Target(TargetKind.BUCKET_OWNERSHIP, "bucket", PIPELINES), None, "x", "")
    with Calls(sessions) as calls:
        (only,) = analyzer.review(Chain(calls), [mine, foreign, setting], REGION)
    assert only.document == hashlib.sha256(b'{"Statement": []}').hexdigest()
    assert only.remarks == ("ERROR INVALID_ACTION: None such.",)
    assert only.opens is None


def test_without_permission_nothing_is_reviewed(cloud: Cloud, sessions: Sessions) -> None:
    cloud.refuse("access-analyzer", "POST /policy/validation")
    cloud.refuse("access-analyzer", "POST /policy/check-no-new-access")
    step = Step(Target(TargetKind.KEY_POLICY, "key", PIPELINES), "{}", "{}", "")
    with Calls(sessions) as calls:
        assert analyzer.review(Chain(calls), [step], REGION) == ()
