"""The reference pipeline with one thing broken by hand: that thing, and nothing else, is found.

Each row says in words what somebody did. Expected values follow from AWS's evaluation logic
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html) and
from the pages on cross-account pipelines.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.diagnosis import world
from tests.diagnosis.examine import examine, snapshot_of, told
from tests.diagnosis.world import (
    AWAY_KEY,
    BUCKET,
    BUILD,
    CONNECTION,
    HOME,
    KEY,
    PROD,
    PROD_DEPLOY,
    PROD_STACK,
    SERVICE,
    SITE_KEY,
    SMOKE,
    SOURCE_BUCKET,
    STAGING,
    STAGING_DEPLOY,
    STAGING_STACK,
    STAGING_TASK,
    TEST,
    TOOLS,
    allow,
    document,
    reference,
    s3,
    statement,
    trusting,
)
from workers.diagnosis.changes import applied
from workers.diagnosis.combination import combined
from workers.diagnosis.model import FixKind, Outcome

Snapshot = dict[str, Any]
Break = Callable[[Snapshot], None]
NOBODY = "arn:aws:iam::999999999999:role/Nobody"


@dataclass(frozen=True)
class Row:
    done: str
    how: Break
    component: str
    principal: str
    action: str
    fix: str = "apply"
    steps: tuple[str, ...] = field(default=())
    detail: str = ""


def drop(holder: str, sid: str, *actions: str) -> Break:
    """The statement without those actions; without any action it goes as a whole."""

    def change(snapshot: Snapshot) -> None:
        found = statement(snapshot, holder, sid)
        listed = [found["Action"]] if isinstance(found["Action"], str) else found["Action"]
        kept = [each for each in listed if each not in actions]
        if actions and kept:
            found["Action"] = kept
        else:
            _document(snapshot, holder)["Statement"].remove(found)

    return change


def edit(holder: str, sid: str, **elements: Any) -> Break:
    return lambda snapshot: statement(snapshot, holder, sid).update(elements)


def add(holder: str, *statements: dict[str, Any]) -> Break:
    return lambda snapshot: _document(snapshot, holder)["Statement"].extend(statements)


def deny(sid: str, action: str, resource: str = "*", **rest: Any) -> dict[str, Any]:
    return allow(sid, action, resource, **rest) | {"Effect": "Deny"}


def two(*changes: Break) -> Break:
    def change(snapshot: Snapshot) -> None:
        for each in changes:
            each(snapshot)

    return change


def trust(holder: str, *principals: str) -> Break:
    return lambda snapshot: snapshot["roles"][holder].update(trust=trusting(*principals))


def boundary(holder: str, *statements: dict[str, Any]) -> Break:
    return lambda snapshot: snapshot["roles"][holder].update(
        boundary={"TeamBoundary": document(*statements)}
    )


def scp(account: str, level: int, *statements: dict[str, Any], instead: bool = False) -> Break:
    def change(snapshot: Snapshot) -> None:
        policies = snapshot["memberships"][account]["scps"][level]["policies"]
        if instead:
            policies.clear()
        policies["Guardrail"] = document(*statements)

    return change


def rcp(account: str, *statements: dict[str, Any]) -> Break:
    def change(snapshot: Snapshot) -> None:
        snapshot["memberships"][account]["rcps"][1]["policies"]["DataPerimeter"] = document(
            *statements
        )

    return change


def _document(snapshot: Snapshot, holder: str) -> dict[str, Any]:
    if holder in snapshot["roles"]:
        return dict.__getitem__(snapshot["roles"][holder]["policies"], "access")
    where = "buckets" if holder in snapshot["buckets"] else "keys"
    return dict.__getitem__(snapshot[where][holder], "policy")


def only(account: str) -> dict[str, Any]:
    return {"AWS": [f"arn:aws:iam::{account}:root"]}


ROLE, BOTH = ("role_policy",), ("role_policy", "bucket_policy")
EVERYTHING = allow("All", "*", "*")

ROWS = [
    # --- identity-based policies ---
    Row("the service role lost PutObjectAcl", drop(SERVICE, "Artifacts", "s3:PutObjectAcl"),
        "service_role", SERVICE, "s3:PutObjectAcl", steps=ROLE),
    Row("the service role lost the connection", drop(SERVICE, "Connection"),
        "service_role", SERVICE, "codestar-connections:UseConnection", steps=ROLE),
    Row("the service role may not start builds", drop(SERVICE, "Builds", "codebuild:StartBuild"),
        "service_role", SERVICE, "codebuild:StartBuild", steps=ROLE),
    Row("the service role may start another project only",
        edit(SERVICE, "Builds", Resource=f"arn:aws:codebuild:{HOME}:{TOOLS}:project/other"),
        "service_role", SERVICE, "codebuild:StartBuild", steps=ROLE),
    Row("the service role may start builds in another region only",
        edit(SERVICE, "Builds", Resource=f"arn:aws:codebuild:us-west-2:{TOOLS}:project/*"),
        "service_role", SERVICE, "codebuild:StartBuild", steps=ROLE),
    Row("the service role may not assume one action role",
        edit(SERVICE, "AssumeActionRoles", Resource=STAGING_DEPLOY),
        "service_role", SERVICE, "sts:AssumeRole", steps=ROLE),
    Row("the service role lost the source object", drop(SERVICE, "SourceObject"),
        "service_role", SERVICE, "s3:GetObject", steps=ROLE),
    Row("the source object's key was renamed",
        edit(SERVICE, "SourceObject", Resource=s3(SOURCE_BUCKET, "/settings.zip")),
        "service_role", SERVICE, "s3:GetObject", steps=ROLE),
    Row("the service role may not invoke the function", drop(SERVICE, "Smoke"),
        "service_role", SERVICE, "lambda:InvokeFunction", steps=ROLE),
    Row("the service role may not watch the state machine's executions",
        drop(SERVICE, "FlowExecutions"),
        "service_role", SERVICE, "states:DescribeExecution", steps=ROLE),
    Row("the executions are asked for in another account",
        edit(SERVICE, "FlowExecutions",
             Resource=f"arn:aws:states:{HOME}:{STAGING}:execution:payments-verify:*"),
        "service_role", SERVICE, "states:DescribeExecution", steps=ROLE),
    Row("the service role may not publish approvals", drop(SERVICE, "Approvals"),
        "service_role", SERVICE, "sns:Publish", steps=ROLE),
    Row("the service role may not write the site", drop(SERVICE, "Site", "s3:PutObject"),
        "service_role", SERVICE, "s3:PutObject", steps=ROLE),
    Row("the service role may not use the site's key", drop(SERVICE, "SiteKey"),
        "service_role", SERVICE, "kms:GenerateDataKey", steps=ROLE),
    Row("the build role lost the artifacts", drop(BUILD, "Artifacts", "s3:GetObject"),
        "build_role", BUILD, "s3:GetObject", steps=ROLE),
    Row("the build role may not encrypt its output",
        edit(BUILD, "ArtifactKey", Action=["kms:Decrypt", "kms:DescribeKey"]),
        "build_role", BUILD, "kms:GenerateDataKey", steps=ROLE),
    Row("the build role may use another key only", edit(BUILD, "ArtifactKey", Resource=AWAY_KEY),
        "build_role", BUILD, "kms:Decrypt", steps=ROLE),
    Row("the test role may not write logs", drop(TEST, "Logs"),
        "build_role", TEST, "logs:CreateLogStream", steps=ROLE),
    Row("the function may not report its result", drop(SMOKE, "Result"),
        "action_role", SMOKE, "codepipeline:PutJobSuccessResult", steps=ROLE),
    Row("the function reports its result on the pipeline instead of *",
        edit(SMOKE, "Result", Resource=f"arn:aws:codepipeline:{HOME}:{TOOLS}:{world.NAME}"),
        "action_role", SMOKE, "codepipeline:PutJobSuccessResult", steps=ROLE),
    Row("the deploy role may not look at stacks",
        drop(PROD_DEPLOY, "Stack", "cloudformation:DescribeStacks"),
        "action_role", PROD_DEPLOY, "cloudformation:DescribeStacks", steps=ROLE),
    Row("the stack's name does not fit any more",
        edit(PROD_DEPLOY, "Stack",
             Resource=f"arn:aws:cloudformation:{HOME}:{PROD}:stack/billing*/*"),
        "action_role", PROD_DEPLOY, "cloudformation:DescribeStacks", steps=ROLE),
    Row("the deploy role may not pass the stack's role", drop(PROD_DEPLOY, "PassStackRole"),
        "action_role", PROD_DEPLOY, "iam:PassRole", steps=ROLE),
    Row("the stack's role may be passed to Lambda only",
        edit(PROD_DEPLOY, "PassStackRole",
             Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
        "action_role", PROD_DEPLOY, "iam:PassRole", steps=ROLE),
    Row("the deploy role may not pass the task's roles", drop(STAGING_DEPLOY, "PassTaskRoles"),
        "action_role", STAGING_DEPLOY, "iam:PassRole", steps=ROLE),
    Row("one of the task's roles is not named",
        edit(STAGING_DEPLOY, "PassTaskRoles", Resource=STAGING_TASK),
        "action_role", STAGING_DEPLOY, "iam:PassRole", steps=ROLE),
    Row("the deploy role may not update the service",
        drop(STAGING_DEPLOY, "Service", "ecs:UpdateService"),
        "action_role", STAGING_DEPLOY, "ecs:UpdateService", steps=ROLE),
    Row("the deploy role may not register task definitions",
        drop(STAGING_DEPLOY, "TaskDefinitions", "ecs:RegisterTaskDefinition"),
        "action_role", STAGING_DEPLOY, "ecs:RegisterTaskDefinition", steps=ROLE),
    Row("the deploy role may not create deployments",
        drop(PROD_DEPLOY, "DeploymentGroup", "codedeploy:CreateDeployment"),
        "action_role", PROD_DEPLOY, "codedeploy:CreateDeployment", steps=ROLE),
    Row("the deploy role may not register the revision",
        drop(PROD_DEPLOY, "Application", "codedeploy:RegisterApplicationRevision"),
        "action_role", PROD_DEPLOY, "codedeploy:RegisterApplicationRevision", steps=ROLE),
    Row("the deploy role lost the artifacts of the other region",
        drop(STAGING_DEPLOY, "ArtifactsUs"),
        "action_role", STAGING_DEPLOY, "s3:GetObject", steps=ROLE),
    Row("the deploy role names the key of its own account",
        edit(PROD_DEPLOY, "ArtifactKey", Resource=KEY.replace(TOOLS, PROD)),
        "action_role", PROD_DEPLOY, "kms:Decrypt", steps=ROLE),
    # --- explicit denies ---
    Row("somebody denied the build role the key", add(BUILD, deny("NoKey", "kms:Decrypt", KEY)),
        "build_role", BUILD, "kms:Decrypt", fix="instructions"),
    Row("somebody denied everything outside the account",
        add(SERVICE, deny("OwnAccountOnly", "s3:*", "*", Condition={
            "StringNotEquals": {"aws:ResourceAccount": "999999999999"}})),
        "service_role", SERVICE, "s3:GetObject", fix="instructions"),
    Row("the bucket denies uploads that name no KMS key",
        add(BUCKET, deny("OnlyOtherKey", "s3:PutObject", s3(BUCKET, "/*"), Principal="*",
                         Condition={"StringEquals": {
                             "s3:x-amz-server-side-encryption": "aws:kms"}})),
        "bucket", SERVICE, "s3:PutObject", fix="instructions"),
    Row("the bucket denies everybody but one account",
        add(BUCKET, deny("OnlyOne", "s3:GetObject", s3(BUCKET, "/*"), Principal="*",
                         Condition={"StringNotEquals": {
                             "aws:PrincipalAccount": [TOOLS, STAGING]}})),
        "bucket", PROD_DEPLOY, "s3:GetObject", fix="instructions"),
    Row("the key denies one role",
        add(KEY, deny("NotBuild", "kms:*", "*", Principal={"AWS": BUILD})),
        "kms", BUILD, "kms:Decrypt", fix="instructions"),
    # --- the other side ---
    Row("the bucket policy forgot one account", edit(BUCKET, "Objects", Principal={
        "AWS": [f"arn:aws:iam::{TOOLS}:root", f"arn:aws:iam::{STAGING}:root"]}),
        "bucket", PROD_DEPLOY, "s3:GetObject", steps=("bucket_policy",)),
    Row("the bucket policy names a role of the same name elsewhere",
        edit(BUCKET, "Objects", Principal={"AWS": [
            f"arn:aws:iam::{TOOLS}:root", f"arn:aws:iam::{STAGING}:root",
            "arn:aws:iam::999999999999:role/PaymentsDeploy", PROD_STACK]}),
        "bucket", PROD_DEPLOY, "s3:GetObject", steps=("bucket_policy",)),
    Row("the bucket has no policy at all any more",
        lambda snapshot: snapshot["buckets"][BUCKET].update(policy=None),
        "bucket", STAGING_DEPLOY, "s3:GetObject", steps=("bucket_policy",)),
    Row("the key policy forgot one account", edit(KEY, "Users", Principal={
        "AWS": [f"arn:aws:iam::{TOOLS}:root", f"arn:aws:iam::{STAGING}:root"]}),
        "kms", PROD_DEPLOY, "kms:Decrypt", steps=("key_policy",)),
    Row("the key's root statement only administrates", two(
        edit(SITE_KEY, "Owner", Action="kms:Put*"), drop(SITE_KEY, "Users")),
        "kms", SERVICE, "kms:GenerateDataKey", steps=("key_policy",)),
    Row("the key's users may decrypt only", edit(KEY, "Users", Action="kms:Decrypt",
                                                   Principal=only(STAGING)),
        "kms", PROD_DEPLOY, "kms:Decrypt", steps=("key_policy",)),
    Row("the key wants another service in between",
        edit(KEY, "Users", Condition={"StringEquals": {
            "kms:ViaService": f"ec2.{HOME}.amazonaws.com"}}),
        "kms", STAGING_DEPLOY, "kms:Decrypt", steps=("key_policy",)),
    # --- trust ---
    Row("the action role trusts CodeBuild instead", trust(PROD_DEPLOY, "codebuild.amazonaws.com"),
        "trust", SERVICE, "sts:AssumeRole", steps=("trust_policy",)),
    Row("the action role trusts another role", trust(STAGING_DEPLOY, NOBODY),
        "trust", SERVICE, "sts:AssumeRole", steps=("trust_policy",)),
    Row("the service role trusts CodeBuild instead", trust(SERVICE, "codebuild.amazonaws.com"),
        "trust", "codepipeline.amazonaws.com", "sts:AssumeRole", steps=("trust_policy",)),
    Row("the build role trusts CodePipeline instead", trust(BUILD, "codepipeline.amazonaws.com"),
        "trust", "codebuild.amazonaws.com", "sts:AssumeRole", steps=("trust_policy",)),
    Row("the stack's role trusts nobody but Lambda", trust(STAGING_STACK, "lambda.amazonaws.com"),
        "trust", "cloudformation.amazonaws.com", "sts:AssumeRole", steps=("trust_policy",)),
    # --- boundaries and the organisation ---
    Row("a boundary leaves KMS out",
        boundary(BUILD, allow("Most", ["s3:*", "logs:*", "codebuild:*"], "*")),
        "build_role", BUILD, "kms:Decrypt", fix="instructions", detail="boundary"),
    Row("a boundary denies passing roles",
        boundary(PROD_DEPLOY, EVERYTHING, deny("NoPass", "iam:PassRole")),
        "action_role", PROD_DEPLOY, "iam:PassRole", fix="instructions", detail="boundary"),
    Row("an SCP of the root denies KMS to the account",
        scp(PROD, 0, deny("NoDecrypt", "kms:Decrypt")),
        "scp", PROD_DEPLOY, "kms:Decrypt", fix="instructions"),
    Row("an SCP of the unit allows a list without CodeDeploy",
        scp(PROD, 2, allow("List", ["s3:*", "kms:*", "cloudformation:*", "iam:*", "sts:*"], "*"),
            instead=True),
        "scp", PROD_DEPLOY, "codedeploy:CreateDeployment", fix="instructions"),
    Row("an SCP denies the other region",
        scp(STAGING, 1, deny("HomeOnly", "cloudformation:*", "*", Condition={
            "StringNotEquals": {"aws:RequestedRegion": HOME}})),
        "scp", STAGING_DEPLOY, "cloudformation:DescribeStacks", fix="instructions"),
    Row("an RCP keeps other accounts from the key",
        rcp(TOOLS, deny("OwnOnly", "kms:*", "*", Principal="*", Condition={
            "StringNotEquals": {"aws:PrincipalAccount": [TOOLS, STAGING]}})),
        "rcp", PROD_DEPLOY, "kms:Decrypt", fix="instructions"),
    Row("an RCP wants a header that uploads do not carry",
        rcp(TOOLS, deny("Header", "s3:PutObject", "*", Principal="*", Condition={
            "StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}})),
        "rcp", SERVICE, "s3:PutObject", fix="instructions"),
    # --- what is no policy ---
    Row("the connection waits for its handshake",
        lambda snapshot: snapshot["connections"][CONNECTION].update(status="PENDING"),
        "connection", SERVICE, "(handshake)", fix="instructions"),
    Row("the key is disabled", lambda snapshot: snapshot["keys"][KEY].update(state="Disabled"),
        "kms", SERVICE, "kms:Decrypt", fix="instructions"),
    Row("the stack's role is of another account",
        lambda snapshot: _configuration(snapshot, "Prod", "Stack").update(RoleArn=STAGING_STACK),
        "config", PROD_DEPLOY, "iam:PassRole", fix="instructions"),
    Row("the build encrypts with its account's own key",
        lambda snapshot: _project(snapshot, "payments-build").update(encryption_key=None),
        "config", SERVICE, "codebuild:UpdateProject", steps=("project_key",)),
]  # fmt: skip


def _configuration(snapshot: Snapshot, stage: str, name: str) -> dict[str, Any]:
    for each in snapshot["pipeline"]["stages"]:
        for action in each["actions"]:
            if (each["name"], action["name"]) == (stage, name):
                return dict.__getitem__(action, "configuration")
    raise KeyError(name)


def _project(snapshot: Snapshot, name: str) -> dict[str, Any]:
    return next(each for arn, each in snapshot["projects"].items() if arn.endswith(name))


def broken(row: Row) -> Snapshot:
    snapshot = reference()
    row.how(snapshot)
    return snapshot


def test_the_reference_pipeline_is_clear() -> None:
    report = examine(reference())
    assert report.outcome is Outcome.CLEAR, told(report)
    assert report.findings == ()
    assert report.unreadable == ()
    assert all(section.outcome is Outcome.CLEAR for section in report.sections)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.done)
def test_the_broken_thing_is_found_and_named(row: Row) -> None:
    report = examine(broken(row))
    assert report.outcome is Outcome.BLOCKED
    first = report.findings[0]
    assert first.component == row.component, told(report)
    assert row.action in (first.action, *first.actions), told(report)
    assert first.fix is not None
    assert first.fix.kind == row.fix
    assert tuple(step.target.kind for step in first.fix.steps) == row.steps
    if row.detail:
        assert first.detail == row.detail
    principals = {each.principal for each in report.findings}
    assert row.principal in principals, told(report)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.fix == "apply"], ids=lambda row: row.done
)
def test_the_proposed_changes_cure_it_and_open_nothing_else(row: Row) -> None:
    snapshot = snapshot_of(broken(row))
    report = examine(snapshot)
    fixes = [found.fix for found in report.findings if found.fix is not None]
    for fix in fixes:
        assert fix.kind is FixKind.APPLY
        assert fix.proven
        assert fix.opens == ()
    snapshot = applied(snapshot, combined(fixes).steps)
    cured = examine(snapshot)
    assert cured.outcome is Outcome.CLEAR, told(cured)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.fix == "instructions"], ids=lambda row: row.done
)
def test_what_is_not_ours_to_change_is_left_alone(row: Row) -> None:
    first = examine(broken(row)).findings[0]
    assert first.fix is not None
    assert first.fix.steps == ()
    assert len(first.fix.instructions) > 40


@pytest.mark.parametrize(
    ("row", "sid"),
    [
        (row, sid)
        for row in ROWS
        for sid in ("NoKey", "OwnAccountOnly", "OnlyOtherKey", "OnlyOne", "NotBuild", "NoPass",
                    "NoDecrypt", "HomeOnly", "OwnOnly", "Header")
        if sid in json.dumps(broken(row))
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_explicit_deny_is_shown_by_its_statement(row: Row, sid: str) -> None:
    first = examine(broken(row)).findings[0]
    assert first.decision == "explicitDeny"
    assert first.evidence[0].statement == sid
    assert first.evidence[0].effect == "Deny"
    assert json.loads(first.evidence[0].text)["Sid"] == sid


def test_the_plan_never_asks_for_more_than_what_is_missing() -> None:
    for row in ROWS:
        for found in examine(broken(row)).findings:
            for step in found.fix.steps if found.fix is not None else ():
                if step.target.kind in ("project_key", "artifact_store", "bucket_ownership"):
                    continue
                before = json.loads(step.before)["Statement"] if step.before else []
                for added in json.loads(step.after)["Statement"][len(before) :]:
                    actions = added["Action"]
                    for action in [actions] if isinstance(actions, str) else actions:
                        assert "*" not in action
                    if step.target.kind == "role_policy" and added["Resource"] == "*":
                        assert found.resource == "*"
                    if added["Action"] == "iam:PassRole":
                        assert "iam:PassedToService" in json.dumps(added["Condition"])
