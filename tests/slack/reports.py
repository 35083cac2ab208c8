"""Reports as a diagnosis gives them, written by hand, for what is shown in Slack."""

from __future__ import annotations

from workers.diagnosis.model import (
    Certainty,
    Checked,
    Component,
    Evidence,
    Finding,
    Fix,
    FixKind,
    Outcome,
    Report,
    Section,
    Step,
    Target,
    TargetKind,
    UnreadDocument,
)

ACCOUNT = "111111111111"
REGION = "eu-west-1"
BUILD_ROLE = f"arn:aws:iam::{ACCOUNT}:role/payments-build"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
STATEMENT = """{
  "Sid": "UseOfTheKey",
  "Effect": "Allow",
  "Principal": {"AWS": "arn:aws:iam::111111111111:role/payments-service"},
  "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
  "Resource": "*"
}"""
BEFORE = '{"Version":"2012-10-17","Statement":[]}'
AFTER = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}'
DIFF = """--- policy/payments-build
+++ policy/payments-build
@@ -1,3 +1,9 @@
+    {
+      "Sid": "PipelineAccessDecrypt",
+      "Effect": "Allow",
+      "Action": "kms:Decrypt",
+      "Resource": "arn:aws:kms:eu-west-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"
+    }
"""

FIX = Fix(
    kind=FixKind.APPLY,
    access="payments-build will be able to decrypt with the artifact key",
    steps=(
        Step(
            target=Target(TargetKind.KEY_POLICY, KEY, ACCOUNT, REGION),
            before=BEFORE,
            after=AFTER,
            diff=DIFF,
        ),
    ),
    fingerprint="a" * 64,
    proven=True,
)

DENIED_KEY = Finding(
    id="kms-decrypt",
    component=Component.KMS,
    certainty=Certainty.PROVEN,
    headline="payments-build may not decrypt with the artifact key",
    explanation="The key policy names the service role only. The build role is not delegated to.",
    principal=BUILD_ROLE,
    action="kms:Decrypt",
    resource=KEY,
    decision="implicitDeny",
    stage="Build",
    pipeline_action="Compile",
    actions=("kms:Decrypt", "kms:DescribeKey"),
    evidence=(Evidence("resource", KEY, "UseOfTheKey", "none", 3, STATEMENT),),
    fix=FIX,
    documentation="https://docs.aws.amazon.com/codepipeline/latest/userguide/S3-artifact-encryption.html",
    stopped="execution 3f2a at 12:04 UTC",
)

DENIED_BY_SCP = Finding(
    id="scp-deny",
    component=Component.SCP,
    certainty=Certainty.LIKELY,
    headline="A service control policy denies codebuild:StartBuild",
    explanation="The organisation denies it outside of eu-central-1.",
    principal=f"arn:aws:iam::{ACCOUNT}:role/payments-service",
    action="codebuild:StartBuild",
    resource=f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/payments",
    decision="explicitDeny",
    stage="Build",
    evidence=(Evidence("scp", "deny-regions", "DenyOutside", "Deny"),),
    fix=Fix(FixKind.INSTRUCTIONS, instructions="Ask the owner of the policy deny-regions."),
)

BLOCKED = Report(
    name="payments-deploy",
    account=ACCOUNT,
    region=REGION,
    arn=f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:payments-deploy",
    alias="prod",
    outcome=Outcome.BLOCKED,
    findings=(DENIED_KEY, DENIED_BY_SCP),
    sections=(
        Section("service_role", Outcome.CLEAR, "all 12 checks allowed"),
        Section("kms", Outcome.BLOCKED, "1 of 3 checks denied"),
    ),
    unreadable=(
        UnreadDocument(
            "resource control policies",
            "AccessDenied: organizations:ListPoliciesForTarget",
            "whether s3:GetObject is allowed",
            "organizations:ListPoliciesForTarget to pipeline-access-read",
        ),
    ),
    checked=Checked(41, 38, 2, 1, 57, 1.42),
    taken_at="2026-10-01T12:10:00Z",
)

CLEAR = Report(
    name="website",
    account=ACCOUNT,
    region=REGION,
    arn=f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:website",
    alias="prod",
    outcome=Outcome.CLEAR,
    checked=Checked(23, 23, 0, 0, 31, 0.8),
)

UNKNOWN = Report(
    name="ledger",
    account="222222222222",
    region=REGION,
    arn=f"arn:aws:codepipeline:{REGION}:222222222222:ledger",
    outcome=Outcome.UNKNOWN,
    unreadable=(
        UnreadDocument(
            "account 222222222222",
            "the role pipeline-access-read cannot be assumed",
            "everything",
            "sts:AssumeRole on pipeline-access-read to the worker",
        ),
    ),
    checked=Checked(9, 0, 0, 9, 2, 0.2),
)
