"""One approved step: the narrowed session, compare before write, the way back, bad luck."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.aws.cloud import Cloud
from tests.aws.conftest import PIPELINES, REGION, STRANGER
from tests.aws.world import ALLOW_ARTIFACTS, make_bucket, make_key, make_pipeline, make_role
from workers.aws.calls import Calls, Chain
from workers.aws.changes import CannotChange, Change, Problem, Standing, retry_stage
from workers.aws.mandate import Mandate
from workers.aws.pipelines import read_pipeline
from workers.aws.sessions import CannotAssume, Sessions
from workers.diagnosis.model import Step, Target, TargetKind
from workers.pipeline.structure import pipeline_to_api

MANDATE = Mandate("R-42", "U0DEV", ("U0LEAD", "U0OPS"))
ROLE = f"arn:aws:iam::{PIPELINES}:role/ShopPipeline"
PROJECT = f"arn:aws:codebuild:{REGION}:{PIPELINES}:project/build"
BUCKET = "artifacts-of-shop"
AFTER = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}
        ],
    }
)
BUCKET_AFTER = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": ROLE},
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{BUCKET}/*",
            }
        ],
    }
)


def role_policy(before: str | None, after: str = AFTER, name: str = "pipeline-access-1") -> Step:
    return Step(Target(TargetKind.ROLE_POLICY, ROLE, PIPELINES, name=name), before, after, "")


@pytest.fixture
def role(cloud: Cloud) -> str:
    return make_role(
        cloud, PIPELINES, "ShopPipeline", inline={"artifacts": json.dumps(ALLOW_ARTIFACTS)}
    )


def refusal(change: Change) -> CannotChange:
    with pytest.raises(CannotChange) as caught:
        change.apply()
    return caught.value


# --- the session ------------------------------------------------------------


def test_the_session_can_do_one_thing_to_one_resource_in_the_names_of_the_people(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    Change(sessions, role_policy(None), MANDATE)

    (call,) = cloud.made("sts", "AssumeRole")
    sent = parse_qs(call.body)
    assert sent["RoleArn"] == [f"arn:aws:iam::{PIPELINES}:role/pipeline-access-fix"]
    assert sent["ExternalId"] == ["our-external-id"]
    assert sent["SourceIdentity"] == ["U0OPS"]
    tags = {
        sent[f"Tags.member.{number}.Key"][0]: sent[f"Tags.member.{number}.Value"][0]
        for number in (1, 2, 3)
    }
    assert tags == {
        "pipeline-access-request": "R-42",
        "pipeline-access-requester": "U0DEV",
        "pipeline-access-approvers": "U0LEAD U0OPS",
    }
    assert json.loads(sent["Policy"][0])["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy"],
            "Resource": [ROLE],
        }
    ]


@pytest.mark.parametrize(
    ("target", "actions", "resource"),
    [
        (
            Target(TargetKind.TRUST_POLICY, ROLE, PIPELINES),
            ["iam:GetRole", "iam:UpdateAssumeRolePolicy"],
            ROLE,
        ),
        (
            Target(TargetKind.BUCKET_POLICY, BUCKET, PIPELINES, REGION),
            ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
            f"arn:aws:s3:::{BUCKET}",
        ),
        (
            Target(TargetKind.BUCKET_OWNERSHIP, BUCKET, PIPELINES, REGION),
            ["s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls"],
            f"arn:aws:s3:::{BUCKET}",
        ),
        (
            Target(TargetKind.KEY_POLICY, f"arn:aws:kms:{REGION}:{PIPELINES}:key/k", PIPELINES),
            ["kms:GetKeyPolicy", "kms:PutKeyPolicy"],
            f"arn:aws:kms:{REGION}:{PIPELINES}:key/k",
        ),
        (
            Target(
                TargetKind.PROJECT_KEY,
                PROJECT,
                PIPELINES,
            ),
            ["codebuild:BatchGetProjects", "codebuild:UpdateProject"],
            PROJECT,
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Target) else "",
)
def test_each_kind_has_its_own_narrow_session(
    cloud: Cloud, sessions: Sessions, target: Target, actions: list[str], resource: str
) -> None:
    Change(sessions, Step(target, None, "{}", ""), MANDATE)
    (call,) = cloud.made("sts", "AssumeRole")
    (statement,) = json.loads(parse_qs(call.body)["Policy"][0])["Statement"]
    assert statement == {"Effect": "Allow", "Action": actions, "Resource": [resource]}


@pytest.mark.parametrize(
    ("who", "identity"),
    [("Jürgen <b@x>", "J-rgen--b@x-"), ("x" * 80, "x" * 64), ("U", "U-"), ("a@b.c", "a@b.c")],
)
def test_names_become_source_identities_that_sts_takes(who: str, identity: str) -> None:
    assert Mandate("R", "U0DEV", (who,)).source_identity == identity


def test_an_account_that_is_not_configured_is_not_changed(sessions: Sessions) -> None:
    target = Target(TargetKind.BUCKET_POLICY, BUCKET, STRANGER)
    with pytest.raises(CannotAssume, match="not in the configuration"):
        Change(sessions, Step(target, None, "{}", ""), MANDATE)


def test_a_fix_role_that_is_not_there_names_its_template(cloud: Cloud, sessions: Sessions) -> None:
    cloud.refuse("sts", "AssumeRole")
    with pytest.raises(CannotAssume, match=r"deploy/aws/fix-role\.yaml in account 111111111111"):
        Change(sessions, role_policy(None), MANDATE)


# --- policies of roles ------------------------------------------------------------


def test_a_new_inline_policy_is_written_and_taken_away_again(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    iam = cloud.client("iam", PIPELINES)
    change = Change(sessions, role_policy(None), MANDATE)
    assert change.standing() is Standing.BEFORE

    applied = change.apply()
    assert applied.request_id
    assert applied.document == AFTER
    assert change.standing() is Standing.AFTER
    assert iam.list_role_policies(RoleName="ShopPipeline")["PolicyNames"] == [
        "artifacts",
        "pipeline-access-1",
    ]

    change.undo(applied)
    assert change.read() is None
    assert iam.list_role_policies(RoleName="ShopPipeline")["PolicyNames"] == ["artifacts"]


def test_an_amended_policy_gets_its_old_text_back_to_the_byte(
    cloud: Cloud, sessions: Sessions
) -> None:
    before = json.dumps(ALLOW_ARTIFACTS, indent=3)
    make_role(cloud, PIPELINES, "ShopPipeline", inline={"artifacts": before})
    change = Change(sessions, role_policy(before, name="artifacts"), MANDATE)
    change.undo(change.apply())
    assert change.read() == before


def test_one_byte_of_difference_is_stale_and_nothing_is_written(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    before = json.dumps(ALLOW_ARTIFACTS) + " "
    refused = refusal(Change(sessions, role_policy(before, name="artifacts"), MANDATE))
    assert refused.problem is Problem.STALE
    assert "is no longer what the diff shows" in str(refused)
    assert cloud.made("iam", "PutRolePolicy") == []


def test_a_policy_that_appeared_meanwhile_is_stale(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    assert refusal(Change(sessions, role_policy(None, name="artifacts"), MANDATE)).problem is (
        Problem.STALE
    )


def test_what_others_changed_since_is_not_undone(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    change = Change(sessions, role_policy(None), MANDATE)
    applied = change.apply()
    cloud.client("iam", PIPELINES).put_role_policy(
        RoleName="ShopPipeline",
        PolicyName="pipeline-access-1",
        PolicyDocument=json.dumps(ALLOW_ARTIFACTS),
    )
    with pytest.raises(CannotChange, match="Nothing was undone") as caught:
        change.undo(applied)
    assert caught.value.problem is Problem.STALE
    assert change.standing() is Standing.OTHER


def test_applying_twice_leaves_what_applying_once_leaves(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    """After a crash between the write and its record the next worker looks before it writes."""
    Change(sessions, role_policy(None), MANDATE).apply()
    again = Change(sessions, role_policy(None), MANDATE)
    assert again.standing() is Standing.AFTER
    assert refusal(again).problem is Problem.STALE


def test_a_role_that_is_gone_says_so(cloud: Cloud, sessions: Sessions) -> None:
    refused = refusal(Change(sessions, role_policy(None), MANDATE))
    assert refused.problem is Problem.GONE
    assert "does not exist any more" in str(refused)


def test_a_document_beyond_the_limit_is_not_sent(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    after = json.dumps(ALLOW_ARTIFACTS | {"Id": "x" * 10_240})
    refused = refusal(Change(sessions, role_policy(None, after), MANDATE))
    assert refused.problem is Problem.TOO_LARGE
    assert "the limit is 10240" in str(refused)
    assert cloud.made("iam") == []


def test_white_space_counts_for_nothing_in_iam(cloud: Cloud, sessions: Sessions, role: str) -> None:
    after = json.dumps(ALLOW_ARTIFACTS) + " " * 11_000
    Change(sessions, role_policy(None, after), MANDATE).apply()


@pytest.mark.parametrize(
    ("code", "status", "problem"),
    [
        ("AccessDenied", 403, Problem.REFUSED),
        ("MalformedPolicyDocument", 400, Problem.INVALID),
        ("LimitExceeded", 409, Problem.TOO_LARGE),
        ("Throttling", 400, Problem.LATER),
        ("ExpiredToken", 403, Problem.LATER),
        ("ServiceFailure", 500, Problem.UNKNOWN),
    ],
)
def test_every_refusal_of_a_write_has_its_words(
    cloud: Cloud, sessions: Sessions, role: str, code: str, status: int, problem: Problem
) -> None:
    cloud.refuse("iam", "PutRolePolicy", code=code, status=status, message="Because.")
    refused = refusal(Change(sessions, role_policy(None), MANDATE))
    assert refused.problem is problem
    assert f"role policy pipeline-access-1 of {ROLE}" in str(refused)


# --- trust, buckets, keys ------------------------------------------------------------


def test_a_trust_policy_is_replaced_and_put_back(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    target = Target(TargetKind.TRUST_POLICY, role, PIPELINES)
    before = Change(sessions, Step(target, None, "{}", ""), MANDATE).read()
    assert before is not None
    after = before.replace("codepipeline", "codebuild")
    change = Change(sessions, Step(target, before, after, ""), MANDATE)
    applied = change.apply()
    assert change.read() == after
    change.undo(applied)
    assert change.read() == before


def test_a_bucket_policy_is_written_for_its_owner_only(cloud: Cloud, sessions: Sessions) -> None:
    make_bucket(cloud, PIPELINES, BUCKET)
    target = Target(TargetKind.BUCKET_POLICY, BUCKET, PIPELINES, REGION)
    change = Change(sessions, Step(target, None, BUCKET_AFTER, ""), MANDATE)
    applied = change.apply()
    assert json.loads(change.read() or "") == json.loads(BUCKET_AFTER)
    change.undo(applied)
    assert change.read() is None
    owners = {call.headers.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER") for call in cloud.made("s3")}
    assert owners == {PIPELINES}


def test_a_bucket_policy_that_would_be_public_is_said_so(cloud: Cloud, sessions: Sessions) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"""
    make_bucket(cloud, PIPELINES, BUCKET)
    cloud.refuse(
        "s3",
        "PutBucketPolicy",
        message="User: x is not authorized to perform: s3:PutBucketPolicy on resource: y because "
        "public policies are blocked by the BlockPublicPolicy block public access setting.",
    )
    target = Target(TargetKind.BUCKET_POLICY, BUCKET, PIPELINES, REGION)
    refused = refusal(Change(sessions, Step(target, None, BUCKET_AFTER, ""), MANDATE))
    assert refused.problem is Problem.INVALID
    assert "Block Public Access is on" in str(refused)


def test_object_ownership_is_changed_and_put_back(cloud: Cloud, sessions: Sessions) -> None:
    make_bucket(cloud, PIPELINES, BUCKET)
    cloud.client("s3", PIPELINES).put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    target = Target(TargetKind.BUCKET_OWNERSHIP, BUCKET, PIPELINES, REGION)
    step = Step(target, "ObjectWriter", "BucketOwnerEnforced", "")
    change = Change(sessions, step, MANDATE)
    applied = change.apply()
    assert change.read() == "BucketOwnerEnforced"
    change.undo(applied)
    assert change.read() == "ObjectWriter"


def test_a_key_policy_is_written_with_the_lockout_check_on(
    cloud: Cloud, sessions: Sessions
) -> None:
    key = make_key(cloud, PIPELINES)
    target = Target(TargetKind.KEY_POLICY, key, PIPELINES, REGION)
    before = Change(sessions, Step(target, None, "{}", ""), MANDATE).read()
    assert before is not None
    document = json.loads(before)
    document["Id"] = "amended"
    change = Change(sessions, Step(target, before, json.dumps(document), ""), MANDATE)
    applied = change.apply()
    assert json.loads(change.read() or "")["Id"] == "amended"
    change.undo(applied)
    assert json.loads(change.read() or "") == json.loads(before)
    for call in cloud.made("kms", "PutKeyPolicy"):
        assert "BypassPolicyLockoutSafetyCheck" not in call.body


def test_a_key_policy_that_locks_everybody_out_is_said_so(cloud: Cloud, sessions: Sessions) -> None:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html"""
    key = make_key(cloud, PIPELINES)
    cloud.refuse(
        "kms",
        "PutKeyPolicy",
        code="MalformedPolicyDocumentException",
        status=400,
        message="The new key policy will not allow you to update the key policy in the future.",
    )
    target = Target(TargetKind.KEY_POLICY, key, PIPELINES, REGION)
    before = Change(sessions, Step(target, None, "{}", ""), MANDATE).read()
    refused = refusal(Change(sessions, Step(target, before, AFTER, ""), MANDATE))
    assert "nobody could change the key any more" in str(refused)


def test_a_connection_that_breaks_leaves_the_outcome_open(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    impatient = Sessions(sessions.settings, request_id="R-42", attempts=1, read_seconds=0.2)
    change = Change(impatient, role_policy(None), MANDATE)
    cloud.slow["iam", "PutRolePolicy"] = 0.6
    refused = refusal(change)
    assert refused.problem is Problem.UNKNOWN
    assert "Read it again before anything else" in str(refused)
    assert change.standing() in (Standing.BEFORE, Standing.AFTER)


# --- pipelines and projects ------------------------------------------------------------


def _structure(sessions: Sessions, key: str | None = None) -> str:
    """The structure as a snapshot has it, with another key in the store."""
    with Calls(sessions) as calls:
        pipeline = read_pipeline(Chain(calls), "shop", PIPELINES, REGION).require()
    structure: dict[str, Any] = pipeline_to_api(pipeline)
    if key:
        store = structure.get("artifactStore") or structure["artifactStores"][REGION]
        store["encryptionKey"] = {"id": key, "type": "KMS"}
    return json.dumps(structure, indent=2)


def _store_step(before: str, after: str) -> Step:
    arn = f"arn:aws:codepipeline:{REGION}:{PIPELINES}:shop"
    path = f"artifactStores.{REGION}.encryptionKey"
    target = Target(TargetKind.ARTIFACT_STORE, arn, PIPELINES, REGION, path=path)
    return Step(target, before, after, "")


def test_the_key_of_an_artifact_store_is_changed_and_nothing_else(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    make_pipeline(cloud, PIPELINES, "shop", role=role, bucket=BUCKET)
    client = cloud.client("codepipeline", PIPELINES)
    live = client.get_pipeline(name="shop")["pipeline"]
    key = f"arn:aws:kms:{REGION}:{PIPELINES}:key/k"
    step = _store_step(_structure(sessions), _structure(sessions, key))
    change = Change(sessions, step, MANDATE)
    applied = change.apply()

    now = client.get_pipeline(name="shop")["pipeline"]
    assert now["artifactStore"] == live["artifactStore"] | {
        "encryptionKey": {"id": key, "type": "KMS"}
    }
    assert now["stages"] == live["stages"]
    assumed = [call for call in cloud.made("sts", "AssumeRole") if "Policy" in parse_qs(call.body)]
    statements = json.loads(parse_qs(assumed[-1].body)["Policy"][0])["Statement"]
    assert statements[1] == {
        "Effect": "Allow",
        "Action": ["iam:PassRole"],
        "Resource": [role],
        "Condition": {"StringEquals": {"iam:PassedToService": "codepipeline.amazonaws.com"}},
    }

    change.undo(applied)
    undone = client.get_pipeline(name="shop")["pipeline"]
    assert undone["artifactStore"] == live["artifactStore"]


def test_a_diff_that_changes_more_than_one_store_is_not_written(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    make_pipeline(cloud, PIPELINES, "shop", role=role, bucket=BUCKET)
    before = _structure(sessions)
    after = before.replace("CREATE_UPDATE", "DELETE_ONLY")
    refused = refusal(Change(sessions, _store_step(before, after), MANDATE))
    assert refused.problem is Problem.INVALID
    assert cloud.made("codepipeline", "UpdatePipeline") == []


def test_a_pipeline_with_a_masked_token_is_not_written_back(
    cloud: Cloud, sessions: Sessions, role: str
) -> None:
    token = {
        "actionTypeId": {
            "category": "Source",
            "owner": "ThirdParty",
            "provider": "GitHub",
            "version": "1",
        },
        "configuration": {"Owner": "acme", "Repo": "shop", "Branch": "main", "OAuthToken": "****"},
    }
    make_pipeline(cloud, PIPELINES, "shop", role=role, bucket=BUCKET, deploy=token)
    before = _structure(sessions)
    assert "OAuthToken" not in before
    after = _structure(sessions, f"arn:aws:kms:{REGION}:{PIPELINES}:key/k")
    refused = refusal(Change(sessions, _store_step(before, after), MANDATE))
    assert "whose token CodePipeline shows only masked" in str(refused)
    assert cloud.made("codepipeline", "UpdatePipeline") == []


def test_a_projects_key_is_changed_and_put_back_to_the_managed_one(
    cloud: Cloud, sessions: Sessions
) -> None:
    keys = ["the-managed-one"]

    def update(call: Any) -> dict[str, Any]:
        keys.append(json.loads(call.body)["encryptionKey"])
        return {"project": {"name": "build"}}

    cloud.answer("codebuild", "UpdateProject", update)
    cloud.answer(
        "codebuild",
        "BatchGetProjects",
        lambda call: {"projects": [{"name": "build", "arn": PROJECT, "encryptionKey": keys[-1]}]},
    )
    key = f"arn:aws:kms:{REGION}:{PIPELINES}:key/k"
    target = Target(TargetKind.PROJECT_KEY, PROJECT, PIPELINES, REGION)
    change = Change(sessions, Step(target, "the-managed-one", key, ""), MANDATE)
    applied = change.apply()
    assert keys[-1] == key
    change.undo(applied)
    assert keys[-1] == "the-managed-one"


# --- retry ------------------------------------------------------------


PIPELINE = f"arn:aws:codepipeline:{REGION}:{PIPELINES}:shop"


def test_a_stage_is_retried_under_a_session_for_that_stage(
    cloud: Cloud, sessions: Sessions
) -> None:
    cloud.answer("codepipeline", "RetryStageExecution", {"pipelineExecutionId": "e-1"})
    assert retry_stage(sessions, PIPELINE, "Deploy", "e-1", MANDATE) == "simulated-1"

    (call,) = cloud.made("codepipeline", "RetryStageExecution")
    assert json.loads(call.body) == {
        "pipelineName": "shop",
        "stageName": "Deploy",
        "pipelineExecutionId": "e-1",
        "retryMode": "FAILED_ACTIONS",
    }
    (assumed,) = cloud.made("sts", "AssumeRole")
    (statement,) = json.loads(parse_qs(assumed.body)["Policy"][0])["Statement"]
    assert statement["Resource"] == [f"{PIPELINE}/Deploy"]


@pytest.mark.parametrize(
    ("code", "problem", "words"),
    [
        ("NotLatestPipelineExecutionException", Problem.STALE, "a newer execution of shop"),
        ("StageNotRetryableException", Problem.STALE, "stage Deploy of shop cannot be retried"),
        ("AccessDeniedException", Problem.REFUSED, "deploy/aws/fix-role.yaml"),
    ],
)
def test_a_stage_that_cannot_be_retried_says_why(
    cloud: Cloud, sessions: Sessions, code: str, problem: Problem, words: str
) -> None:
    cloud.refuse("codepipeline", "RetryStageExecution", code=code, status=400)
    with pytest.raises(CannotChange, match=words) as caught:
        retry_stage(sessions, PIPELINE, "Deploy", "e-1", MANDATE)
    assert caught.value.problem is problem
