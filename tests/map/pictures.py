"""Diagnoses made by hand, small, medium and large, for the map to draw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from workers.diagnosis.model import (
    Certainty,
    Check,
    Checked,
    Component,
    Finding,
    Outcome,
    Report,
)
from workers.pipeline.requirement import Part, Requirement
from workers.policy import Decision, Verdict
from workers.snapshot.model import (
    Action,
    ActionType,
    Bucket,
    Connection,
    Key,
    Pipeline,
    Snapshot,
    Stage,
    Store,
    present,
    unreadable,
)

A, B, C = "111111111111", "222222222222", "333333333333"
REGION = "eu-west-1"
BUCKET = "arn:aws:s3:::payments-artifacts-eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{A}:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
CONNECTION = f"arn:aws:codeconnections:{REGION}:{A}:connection/aaaa1111-2222-3333-4444-555555555555"


def role(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def service_of(account: str) -> str:
    return f"arn:aws:ecs:{REGION}:{account}:service/platform"


def action(
    stage: str, name: str, provider: str, role_arn: str | None = None, order: int = 1
) -> Action:
    kind = ActionType("Deploy", "AWS", provider)
    return Action(stage, name, kind, role_arn=role_arn, run_order=order)


def check(
    principal: str,
    does: str,
    resource: str,
    decision: Decision,
    where: tuple[str, str] = ("", ""),
    part: Part = Part.ACTION_ROLE,
    owner: str = "",
) -> Check:
    requirement = Requirement(
        principal=principal,
        part=part,
        action=does,
        resource=resource,
        resource_account=owner,
        stage=where[0],
        pipeline_action=where[1],
    )
    return Check(requirement, Verdict(decision))


def finding(number: int, component: Component, checks: Iterable[Check]) -> Finding:
    checks = tuple(checks)
    first = checks[0].requirement
    unknown = checks[0].verdict.decision is Decision.UNKNOWN
    return Finding(
        id=f"f{number}",
        component=component,
        certainty=Certainty.UNKNOWN if unknown else Certainty.PROVEN,
        headline=f"{first.principal} may not {first.action}",
        explanation="",
        principal=first.principal,
        action=first.action,
        resource=first.resource,
        decision=str(checks[0].verdict.decision),
        stage=first.stage,
        pipeline_action=first.pipeline_action,
        actions=tuple(dict.fromkeys(each.requirement.action for each in checks)),
        checks=checks,
    )


def report(
    name: str, findings: Iterable[Finding], allowed: Iterable[Check], alias: str = ""
) -> Report:
    findings, allowed = tuple(findings), tuple(allowed)
    refused = [each for found in findings for each in found.checks]
    denied = sum(each.verdict.decision is not Decision.UNKNOWN for each in refused)
    unknown = len(refused) - denied
    outcome = Outcome.BLOCKED if denied else Outcome.UNKNOWN if unknown else Outcome.CLEAR
    if findings and not refused:
        outcome = Outcome.BLOCKED
    return Report(
        name=name,
        account=A,
        region=REGION,
        arn=f"arn:aws:codepipeline:{REGION}:{A}:{name}",
        outcome=outcome,
        findings=findings,
        checked=Checked(
            requirements=len(refused) + len(allowed),
            allowed=len(allowed),
            denied=denied,
            unknown=unknown,
        ),
        alias=alias,
        checks=(*refused, *allowed),
    )


def snapshot(stages: dict[str, list[Action]], name: str, service: str) -> Snapshot:
    pipeline = Pipeline(
        name=name,
        account=A,
        region=REGION,
        role_arn=service,
        stores=(Store(REGION, BUCKET.rsplit(":", 1)[-1], KEY),),
        stages=tuple(Stage(stage, tuple(actions)) for stage, actions in stages.items()),
    )
    return Snapshot(
        pipeline=present(pipeline),
        buckets={BUCKET.rsplit(":", 1)[-1]: present(Bucket(BUCKET.rsplit(":", 1)[-1], account=A))},
        keys={KEY: present(Key(KEY, account=A, aliases=present(("alias/payments-artifacts",))))},
        connections={CONNECTION: present(Connection(CONNECTION, name="github-payments"))},
        aliases={A: "tools", B: "payments-staging", C: "payments-prod"},
    )


# --- small: one account, three stages ------------------------------------------------------------

KEY_USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
)
ALLOWED, DENIED, UNKNOWN = Decision.ALLOWED, Decision.IMPLICIT_DENY, Decision.UNKNOWN


def small() -> tuple[Report, Snapshot]:
    """A build role that may not use the key; everything else is allowed."""
    service, build = role(A, "PaymentsPipelineRole"), role(A, "PaymentsBuildRole")
    place = ("Build", "Compile")
    refused = finding(
        1,
        Component.KMS,
        [
            check(build, does, KEY, DENIED, place, Part.BUILD_ROLE)
            for does in ("kms:Decrypt", "kms:GenerateDataKey")
        ],
    )
    source, deploy, own = ("Source", "GitHub"), ("Deploy", "Service"), Part.SERVICE_ROLE
    allowed = [
        check(service, "s3:PutObject", f"{BUCKET}/*", ALLOWED, source, own),
        check(service, "kms:Decrypt", KEY, ALLOWED, source, own),
        check(service, "codeconnections:UseConnection", CONNECTION, ALLOWED, source, own),
        check(build, "s3:GetObject", f"{BUCKET}/*", ALLOWED, place, Part.BUILD_ROLE),
        check(service, "s3:GetObject", f"{BUCKET}/*", ALLOWED, deploy, own),
    ]
    stages = {
        "Source": [action("Source", "GitHub", "CodeStarSourceConnection")],
        "Build": [action("Build", "Compile", "CodeBuild")],
        "Deploy": [action("Deploy", "Service", "ECS")],
    }
    return (
        report("payments-deploy", [refused], allowed, "tools"),
        snapshot(stages, "payments-deploy", service),
    )


def healthy() -> tuple[Report, Snapshot]:
    """The small pipeline with nothing refused."""
    found, taken = small()
    allowed = [replace(each, verdict=Verdict(ALLOWED)) for each in found.checks]
    return report("payments-deploy", [], allowed, "tools"), taken


# --- medium: three accounts, 14 actions ----------------------------------------------------------


def medium() -> tuple[Report, Snapshot]:
    """Cross-account: key and bucket refused, a role not trusted, an organisation not readable."""
    service = role(A, "service-role/AWSCodePipelineServiceRole-eu-west-1-payments-platform-release")
    build = role(A, "payments-platform-build-project-role")
    staging, prod = role(B, "CrossAccountDeployRole"), role(C, "CrossAccountDeployRole")
    stack = role(B, "cdk-hnb659fds-cfn-exec-role-222222222222-eu-west-1")
    stages = {
        "Source": [action("Source", "Application", "CodeStarSourceConnection"),
                   action("Source", "Infrastructure", "CodeStarSourceConnection")],
        "Build": [action("Build", "Synth", "CodeBuild"), action("Build", "UnitTests", "CodeBuild"),
                  action("Build", "ContainerImage", "CodeBuild")],
        "Staging": [action("Staging", "PrepareChangeSet", "CloudFormation", staging),
                    action("Staging", "ExecuteChangeSet", "CloudFormation", staging, 2),
                    action("Staging", "IntegrationTests", "CodeBuild", None, 3),
                    action("Staging", "SmokeTest", "Lambda", staging, 3)],
        "Approval": [action("Approval", "ReleaseManager", "Manual")],
        "Production": [action("Production", "PrepareChangeSet", "CloudFormation", prod),
                       action("Production", "ExecuteChangeSet", "CloudFormation", prod, 2),
                       action("Production", "ShiftTraffic", "CodeDeploy", prod, 3),
                       action("Production", "Notify", "Lambda", None, 4)],
    }  # fmt: skip
    at = ("Staging", "PrepareChangeSet")
    prod_at = ("Production", "PrepareChangeSet")
    findings = [
        finding(1, Component.KMS, [
            check(staging, does, KEY, DENIED, at, owner=A)
            for does in KEY_USE
        ]),
        finding(2, Component.BUCKET, [
            check(staging, "s3:PutObject", f"{BUCKET}/*", Decision.EXPLICIT_DENY, at, owner=A)
        ]),
        finding(3, Component.CONFIG, [
            check(staging, "cloudformation:DescribeStacks",
                  f"arn:aws:cloudformation:{REGION}:{B}:stack/payments-platform/*", DENIED, at)
        ]),
        finding(4, Component.TRUST, [
            check(service, "sts:AssumeRole", prod, DENIED, prod_at, Part.SERVICE_ROLE)
        ]),
        finding(5, Component.SCP, [
            check(prod, "codedeploy:GetDeploymentConfig",
                  f"arn:aws:codedeploy:{REGION}:{C}:deploymentconfig:CodeDeployDefault.AllAtOnce",
                  UNKNOWN, ("Production", "ShiftTraffic")),
            check(prod, "codedeploy:CreateDeployment",
                  f"arn:aws:codedeploy:{REGION}:{C}:deploymentgroup:payments/blue-green", UNKNOWN,
                  ("Production", "ShiftTraffic")),
        ]),
    ]  # fmt: skip
    allowed: list[Check] = []
    for stage, actions in stages.items():
        for each in actions:
            runs = each.role_arn or service
            where = (stage, each.name)
            if each.name in ("PrepareChangeSet", "ShiftTraffic") or each.type.provider == "Manual":
                continue
            allowed.append(check(runs, "s3:GetObject", f"{BUCKET}/*", ALLOWED, where, owner=A))
            if runs != staging:
                allowed.append(check(runs, "kms:Decrypt", KEY, ALLOWED, where, owner=A))
            if each.type.provider == "CodeBuild":
                allowed.append(
                    check(build, "s3:GetObject", f"{BUCKET}/*", ALLOWED, where, Part.BUILD_ROLE)
                )
                allowed.append(check(build, "kms:Decrypt", KEY, ALLOWED, where, Part.BUILD_ROLE))
    allowed.append(
        check(stack, "cloudformation:CreateStack", "*", ALLOWED, at, Part.CLOUDFORMATION_ROLE)
    )
    allowed.append(check(service, "codeconnections:UseConnection", CONNECTION, ALLOWED,
                         ("Source", "Application"), Part.SERVICE_ROLE))  # fmt: skip
    return (
        report("payments-platform-release", findings, allowed, "tools"),
        snapshot(stages, "payments-platform-release", service),
    )


# --- large: 40 stages, 300 actions, 30 roles ------------------------------------------------------


def large() -> tuple[Report, Snapshot]:
    """As much as CodePipeline allows; trouble in a few places."""
    service = role(A, "PlatformPipelineRole")
    stages: dict[str, list[Action]] = {}
    allowed: list[Check] = []
    refused: list[Finding] = []
    accounts = [A, B, C, "444444444444", "555555555555"]
    for number in range(40):
        stage = f"Wave{number:02}-rollout"
        actions: list[Action] = []
        for each in range(8 if number < 20 else 7):
            account = accounts[(number + each) % 5]
            runs = role(account, f"RolloutRole{each}")
            actions.append(action(stage, f"deploy-service-{each}", "ECS", runs, each + 1))
            where = (stage, f"deploy-service-{each}")
            if number % 13 == 5 and each in (2, 5):
                refused.append(
                    finding(number * 10 + each, Component.ACTION_ROLE, [
                        check(runs, does, f"{service_of(account)}/svc-{each}", DENIED, where)
                        for does in ("ecs:UpdateService", "ecs:DescribeServices")
                    ])
                )  # fmt: skip
            else:
                allowed.append(check(runs, "s3:GetObject", f"{BUCKET}/*", ALLOWED, where, owner=A))
                allowed.append(check(runs, "kms:Decrypt", KEY, ALLOWED, where, owner=A))
        stages[stage] = actions
    return (
        report("platform-rollout-all-services", refused, allowed, "tools"),
        snapshot(stages, "platform-rollout-all-services", service),
    )


# --- odd ones ------------------------------------------------------------------------------------


def pending() -> tuple[Report, Snapshot]:
    """A fault of a resource itself: no request is refused, the connection was never finished."""
    _, taken = small()
    fault = Finding(
        id="c1",
        component=Component.CONNECTION,
        certainty=Certainty.PROVEN,
        headline="The connection github-payments is PENDING",
        explanation="",
        principal="",
        action="",
        resource=CONNECTION,
        decision="",
        stage="Source",
        pipeline_action="GitHub",
    )
    return report("payments-deploy", [fault], [], "tools"), taken


def unread() -> tuple[Report, Snapshot]:
    """Nothing could be read."""
    return (
        Report("payments-deploy", A, REGION, "", Outcome.UNKNOWN),
        Snapshot(pipeline=unreadable("AccessDenied")),
    )
