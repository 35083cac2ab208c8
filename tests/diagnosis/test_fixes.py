"""Fix plans: whose change it is, how large it may be, and that its proof is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from tests.diagnosis.examine import examine, finding, known, snapshot_of
from tests.diagnosis.world import (
    BUCKET,
    BUILD,
    HOME,
    KEY,
    NAME,
    PROD,
    PROD_DEPLOY,
    SERVICE,
    SITE_KEY,
    STAGING,
    STAGING_DEPLOY,
    TOOLS,
    allow,
    document,
    reference,
    role,
    statement,
    trusting,
)
from workers.diagnosis import documents
from workers.diagnosis.changes import applied
from workers.diagnosis.checks import Checker
from workers.diagnosis.combination import CannotCombine, combined
from workers.diagnosis.model import Finding, Fix, FixKind, Outcome, Step, Target, TargetKind
from workers.diagnosis.plans import fingerprint
from workers.diagnosis.proof import prove
from workers.pipeline.requirements import requirements
from workers.settings import Settings, validate

Snapshot = dict[str, Any]


def first_of(snapshot: Snapshot, settings: Settings | None = None) -> Finding:
    return examine(snapshot, settings=settings).findings[0]


def fix_of(snapshot: Snapshot, settings: Settings | None = None) -> Fix:
    fix = first_of(snapshot, settings).fix
    assert fix is not None
    return fix


def without(holder: str, sid: str) -> Snapshot:
    snapshot = reference()
    policies = snapshot["roles"][holder]["policies"]["access"]["Statement"]
    policies[:] = [each for each in policies if each["Sid"] != sid]
    return snapshot


def added(step: Step) -> list[dict[str, Any]]:
    before = json.loads(step.before)["Statement"] if step.before else []
    return [each for each in json.loads(step.after)["Statement"] if each not in before]


# --- the smallest change -----------------------------------------------------------------------


def test_a_role_gets_one_new_inline_policy_with_the_missing_actions_only() -> None:
    (step,) = fix_of(without(SERVICE, "Builds")).steps
    assert step.target.kind is TargetKind.ROLE_POLICY
    assert (step.target.id, step.target.account) == (SERVICE, TOOLS)
    assert step.before is None
    (statement_added,) = added(step)
    assert statement_added["Action"] == ["codebuild:StartBuild", "codebuild:BatchGetBuilds"]
    assert statement_added["Resource"] == [
        f"arn:aws:codebuild:{HOME}:{TOOLS}:project/payments-build",
        f"arn:aws:codebuild:{HOME}:{TOOLS}:project/payments-test",
    ]


def test_passing_a_role_is_never_allowed_without_saying_to_whom() -> None:
    (step,) = fix_of(without(PROD_DEPLOY, "PassStackRole")).steps
    (statement_added,) = added(step)
    assert statement_added["Condition"] == {
        "StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}
    }


def test_a_service_is_trusted_for_the_account_of_the_pipeline_only() -> None:
    snapshot = reference()
    snapshot["roles"][SERVICE]["trust"] = document()
    (step,) = fix_of(snapshot).steps
    (statement_added,) = added(step)
    assert statement_added["Principal"] == {"Service": "codepipeline.amazonaws.com"}
    assert statement_added["Condition"] == {"StringEquals": {"aws:SourceAccount": TOOLS}}


def test_both_sides_across_accounts_are_one_plan_in_an_order_that_can_be_undone() -> None:
    snapshot = without(PROD_DEPLOY, "ArtifactKey")
    statement(snapshot, KEY, "Users")["Principal"] = {"AWS": f"arn:aws:iam::{STAGING}:root"}
    found = finding(examine(snapshot), action="kms:Decrypt", principal=PROD_DEPLOY)
    assert found.fix is not None
    assert [(step.target.kind, step.target.account) for step in found.fix.steps] == [
        (TargetKind.ROLE_POLICY, PROD),
        (TargetKind.KEY_POLICY, TOOLS),
    ]
    assert found.fix.proven


def test_the_names_of_policies_and_statements_are_their_own() -> None:
    names = {
        fix_of(without(SERVICE, sid)).steps[0].target.name
        for sid in ("Builds", "Approvals", "Smoke")
    }
    assert len(names) == 3
    sids = {
        added(fix_of(without(SERVICE, sid)).steps[0])[0]["Sid"] for sid in ("Builds", "Approvals")
    }
    assert len(sids) == 2
    assert all(sid.isalnum() for sid in sids), "IAM takes letters and digits only"


def test_the_document_keeps_all_that_was_in_it() -> None:
    snapshot = reference()
    policy = snapshot["buckets"][BUCKET]["policy"]
    statement(snapshot, BUCKET, "Objects")["Principal"] = {
        "AWS": [f"arn:aws:iam::{TOOLS}:root", f"arn:aws:iam::{STAGING}:root"]
    }
    (step,) = fix_of(snapshot).steps
    assert json.loads(step.after)["Statement"][: len(policy["Statement"])] == policy["Statement"]
    assert step.before == json.dumps(policy) or json.loads(step.before or "") == policy


# --- whose change it is ------------------------------------------------------------------------


def test_what_cloudformation_made_is_changed_in_its_template() -> None:
    snapshot = without(SERVICE, "Builds")
    snapshot["roles"][SERVICE]["tags"] = {
        "aws:cloudformation:stack-name": "payments-pipeline",
        "aws:cloudformation:logical-id": "PipelineRole",
    }
    fix = fix_of(snapshot)
    assert fix.kind is FixKind.INSTRUCTIONS
    assert fix.steps[0].owned_by == "CloudFormation stack payments-pipeline"
    assert fix.proven, "it is still shown that the change would cure it"
    code = dict(fix.snippets)
    assert list(code) == ["cloudformation", "cdk", "terraform"]
    template = yaml.safe_load(code["cloudformation"])
    assert template["Type"] == "AWS::IAM::RolePolicy"
    assert template["Properties"]["PolicyDocument"]["Statement"] == added(fix.steps[0])
    assert "PolicyStatement.fromJson" in code["cdk"]
    assert 'resource "aws_iam_role_policy"' in code["terraform"]


def test_the_cdk_is_known_by_its_logical_ids() -> None:
    snapshot = without(SERVICE, "Builds")
    snapshot["roles"][SERVICE]["tags"] = {
        "aws:cloudformation:stack-name": "Payments",
        "aws:cloudformation:logical-id": "PipelineRoleD68726F7",
    }
    assert fix_of(snapshot).steps[0].owned_by == "CDK (stack Payments)"


def test_tags_of_other_tools_are_configured() -> None:
    snapshot = without(SERVICE, "Builds")
    snapshot["roles"][SERVICE]["tags"] = {"managed-by": "terraform"}
    assert fix_of(snapshot).kind is FixKind.APPLY
    settings = validate({"ownership": {"tags": {"managed-by": "terraform"}}}, "test")
    fix = fix_of(snapshot, settings)
    assert fix.kind is FixKind.INSTRUCTIONS
    assert "managed-by=terraform" in fix.steps[0].owned_by


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        (
            role(TOOLS, "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Deploy_0123456789abcdef"),
            "permission set",
        ),
        (
            role(TOOLS, "aws-service-role/codepipeline.amazonaws.com/AWSServiceRoleForX"),
            "service-linked",
        ),
    ],
    ids=["Identity Center", "service-linked"],
)
def test_roles_that_others_maintain_are_left_to_them(arn: str, words: str) -> None:
    text = (
        f"User: {arn} is not authorized to perform: codepipeline:StartPipelineExecution on "
        f"resource: arn:aws:codepipeline:{HOME}:{TOOLS}:payments-deploy because no "
        "identity-based policy allows the codepipeline:StartPipelineExecution action"
    )
    snapshot = reference() | {"errors": [text]}
    snapshot["roles"][arn] = {"policies": {}, "boundary": None, "tags": {}, "trust": document()}
    fix = fix_of(snapshot)
    assert fix.kind is FixKind.INSTRUCTIONS
    assert fix.steps == ()
    assert words in fix.instructions
    assert "codepipeline:StartPipelineExecution" in fix.instructions


def test_a_key_of_aws_is_never_edited() -> None:
    snapshot = reference()
    statement(snapshot, KEY, "Users")["Principal"] = {"AWS": f"arn:aws:iam::{STAGING}:root"}
    snapshot["keys"][KEY]["manager"] = "AWS"
    report = examine(snapshot)
    assert report.outcome is Outcome.BLOCKED
    for found in report.findings:
        assert found.fix is not None
        assert TargetKind.KEY_POLICY not in {step.target.kind for step in found.fix.steps}


# --- limits ------------------------------------------------------------------------------------


def test_inline_policies_that_would_grow_too_long_go_into_a_managed_policy() -> None:
    snapshot = without(SERVICE, "Builds")
    filler = [
        allow(f"Filler{number}", "s3:GetObject", f"arn:aws:s3:::{'b' * 60}{number}/*")
        for number in range(80)
    ]
    snapshot["roles"][SERVICE]["policies"]["filler"] = document(*filler)
    fix = fix_of(snapshot)
    assert fix.kind is FixKind.INSTRUCTIONS
    assert fix.steps == ()
    assert "10,240" in fix.instructions
    assert "codebuild:StartBuild" in fix.instructions
    create, attach = fix.instructions.splitlines()[-2:]
    name = create.removeprefix("aws iam create-policy --policy-name ").partition(" ")[0]
    role = SERVICE.rpartition("/")[2]
    assert attach == (
        f"aws iam attach-role-policy --role-name {role} "
        f"--policy-arn arn:aws:iam::{TOOLS}:policy/{name}"
    )


def _full_bucket(size: int) -> Snapshot:
    snapshot = reference()
    policy = snapshot["buckets"][BUCKET]["policy"]
    statement(snapshot, BUCKET, "Objects")["Principal"] = {
        "AWS": [f"arn:aws:iam::{TOOLS}:root", f"arn:aws:iam::{STAGING}:root"]
    }
    while len(json.dumps(policy, separators=(",", ":"))) < size:
        policy["Statement"].append(
            allow(f"Filler{len(policy['Statement'])}", "s3:GetObject", f"arn:aws:s3:::{BUCKET}/x/*",
                  Principal={"AWS": f"arn:aws:iam::{TOOLS}:root"})
        )  # fmt: skip
    return snapshot


def test_a_bucket_policy_near_its_limit_is_written_without_white_space() -> None:
    (step,) = fix_of(_full_bucket(18_000)).steps
    assert "\n" not in step.after
    assert len(step.after.encode()) <= 20_480


def test_a_bucket_policy_that_is_full_is_not_written() -> None:
    fix = fix_of(_full_bucket(20_400))
    assert fix.steps == ()
    assert "20,480" in fix.instructions


def test_a_key_policy_that_is_full_is_left_alone_and_a_grant_proposed() -> None:
    snapshot = reference()
    policy = snapshot["keys"][KEY]["policy"]
    statement(snapshot, KEY, "Users")["Principal"] = {"AWS": f"arn:aws:iam::{TOOLS}:root"}
    own = {"AWS": f"arn:aws:iam::{TOOLS}:role/{'x' * 60}"}
    while len(json.dumps(policy, separators=(",", ":"))) < 32_700:
        policy["Statement"].append(
            allow(f"F{len(policy['Statement'])}", "kms:GetKeyPolicy", "*", Principal=own)
        )
    found = finding(examine(snapshot), component="kms")
    assert found.fix is not None
    assert found.fix.steps == ()
    words, command = found.fix.instructions.splitlines()
    assert "32,768" in words
    assert command.startswith(f"aws kms create-grant --region eu-west-1 --key-id {KEY} ")
    assert f"--grantee-principal {found.principal} --operations " in command
    assert set(command.partition("--operations ")[2].split()) == {
        action.removeprefix("kms:") for action in found.actions
    }


def test_a_document_that_was_not_read_is_not_shown_as_a_difference() -> None:
    snapshot = without(PROD_DEPLOY, "ArtifactKey")
    snapshot["keys"][KEY]["policy"] = {"$unreadable": "AccessDenied"}
    for found in examine(snapshot).findings:
        for step in found.fix.steps if found.fix else ():
            assert step.target.kind is not TargetKind.KEY_POLICY


# --- the proof ---------------------------------------------------------------------------------


def _step(text: str, before: str | None, target: Target) -> Step:
    return Step(target, before, text, documents.diff(before, text, "policy"))


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": f"arn:aws:iam::{PROD}:root"},
        {"AWS": "arn:aws:iam::000000000000:root"},
    ],
    ids=str,
)
def test_a_change_that_opens_more_than_was_asked_for_is_caught(principal: Any) -> None:
    """The wanted role is let in, and with it whoever the statement names besides."""
    snapshot = reference()
    snapshot["roles"][role(PROD, "Bystander")] = {
        "policies": {"all": document(allow("All", "*", "*"))},
        "boundary": None,
        "tags": {},
        "trust": document(),
    }
    statement(snapshot, KEY, "Users")["Principal"] = {"AWS": f"arn:aws:iam::{STAGING}:root"}
    loaded = snapshot_of(snapshot)
    needs = requirements(loaded, known())
    wanted = [
        need for need in needs
        if need.principal == PROD_DEPLOY and need.action == "kms:Decrypt" and need.resource == KEY
    ][:1]  # fmt: skip
    before = loaded.key(KEY).require().policy.require()
    careless = allow("Careless", "kms:Decrypt", "*", Principal=principal)
    after = documents.with_statements(before, [careless])
    step = _step(after, before, Target(TargetKind.KEY_POLICY, KEY, TOOLS))
    proof = prove([step], wanted, needs, Checker(loaded))
    assert proof.opens
    assert not proof.holds


def test_a_change_that_does_not_cure_is_caught() -> None:
    loaded = snapshot_of(without(SERVICE, "Builds"))
    needs = requirements(loaded, known())
    wanted = [need for need in needs if need.action == "codebuild:StartBuild"]
    text = documents.with_statements(
        None, [allow("Wrong", "codebuild:StartBuild", "arn:aws:codebuild:*:*:project/other")]
    )
    step = _step(text, None, Target(TargetKind.ROLE_POLICY, SERVICE, TOOLS, name="wrong"))
    proof = prove([step], wanted, needs, Checker(loaded))
    assert not proof.holds
    assert proof.worst == "implicitDeny"


def test_a_deny_behind_a_missing_permission_is_told_and_the_change_is_not_applied() -> None:
    snapshot = without(SERVICE, "Builds")
    snapshot["memberships"][TOOLS]["scps"][0]["policies"]["No"] = document(
        allow("NoBuilds", "codebuild:StartBuild", "*") | {"Effect": "Deny"}
    )
    report = examine(snapshot)
    assert {each.component for each in report.findings} == {"scp", "service_role"}
    missing = finding(report, component="service_role")
    assert missing.fix is not None
    assert missing.fix.kind is FixKind.INSTRUCTIONS
    assert not missing.fix.proven


# --- one fix of several ------------------------------------------------------------------------


def _two_at_once() -> Snapshot:
    snapshot = reference()
    statement(snapshot, KEY, "Users")["Principal"] = {"AWS": f"arn:aws:iam::{TOOLS}:root"}
    return snapshot


def test_two_findings_on_one_document_become_one_step() -> None:
    snapshot = snapshot_of(_two_at_once())
    fixes = [found.fix for found in examine(snapshot).findings if found.fix]
    assert len(fixes) > 1
    whole = combined(fixes)
    (step,) = whole.steps
    assert step.before == fixes[0].steps[0].before
    named = json.dumps(added(step))
    assert PROD_DEPLOY in named
    assert STAGING_DEPLOY in named
    assert whole.fingerprint not in {fix.fingerprint for fix in fixes}
    assert examine(applied(snapshot, whole.steps)).outcome is Outcome.CLEAR


def test_what_is_nothing_to_apply_cannot_be_combined() -> None:
    with pytest.raises(ValueError, match="applied"):
        combined([Fix(FixKind.INSTRUCTIONS, instructions="ask")])
    with pytest.raises(ValueError, match="applied"):
        combined([])


def test_two_values_for_one_thing_cannot_be_combined() -> None:
    target = Target(TargetKind.PROJECT_KEY, "project", TOOLS)
    one = Fix(FixKind.APPLY, steps=(Step(target, None, KEY, ""),))
    other = Fix(FixKind.APPLY, steps=(Step(target, None, SITE_KEY, ""),))
    with pytest.raises(CannotCombine, match="project"):
        combined([one, other])


# --- the fingerprint ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda step: replace(step, after=step.after + " "),
        lambda step: replace(step, before="{}"),
        lambda step: replace(step, target=replace(step.target, id=BUILD)),
        lambda step: replace(step, target=replace(step.target, name="another")),
    ],
    ids=["after", "before", "target", "name"],
)
def test_the_fingerprint_changes_with_every_byte(change: Callable[[Step], Step]) -> None:
    steps = fix_of(without(SERVICE, "Builds")).steps
    assert fingerprint(steps) == fix_of(without(SERVICE, "Builds")).fingerprint
    assert fingerprint(tuple(map(change, steps))) != fingerprint(steps)


# --- what is no policy -------------------------------------------------------------------------


def test_a_store_without_a_key_gets_the_key_that_is_there() -> None:
    snapshot = reference()
    for store in snapshot["pipeline"]["artifactStores"].values():
        if store["location"] == BUCKET:
            del store["encryptionKey"]
    del snapshot["keys"][SITE_KEY]
    statements = snapshot["roles"][SERVICE]["policies"]["access"]["Statement"]
    statements[:] = [each for each in statements if each["Sid"] != "SiteKey"]
    found = finding(examine(snapshot), component="config", action="codepipeline:UpdatePipeline")
    assert found.fix is not None
    (step,) = found.fix.steps
    assert step.target.kind is TargetKind.ARTIFACT_STORE
    stores = json.loads(step.after)["artifactStores"]
    assert stores[HOME]["encryptionKey"] == {"id": KEY, "type": "KMS"}


def test_a_store_that_gets_a_key_opens_the_key_to_its_roles_first() -> None:
    """The key exists, but nobody of the pipeline may use it: one plan, the key policy first."""
    snapshot = reference()
    for store in snapshot["pipeline"]["artifactStores"].values():
        if store["location"] == BUCKET:
            del store["encryptionKey"]
    del snapshot["keys"][SITE_KEY]
    statements = snapshot["roles"][SERVICE]["policies"]["access"]["Statement"]
    statements[:] = [each for each in statements if each["Sid"] != "SiteKey"]
    statement(snapshot, KEY, "Users")["Principal"] = {"AWS": f"arn:aws:iam::{TOOLS}:root"}
    found = finding(examine(snapshot), component="config", action="codepipeline:UpdatePipeline")
    assert found.fix is not None
    assert found.fix.kind is FixKind.APPLY
    assert found.fix.proven
    first, last = found.fix.steps
    assert (first.target.kind, first.target.id) == (TargetKind.KEY_POLICY, KEY)
    added = json.loads(first.after)["Statement"][2:]
    named = {each["Principal"]["AWS"] for each in added}
    assert {PROD_DEPLOY, STAGING_DEPLOY} <= named
    assert all(each.split(":")[4] != TOOLS for each in named), "its own account is delegated to"
    assert last.target.kind is TargetKind.ARTIFACT_STORE
    assert "PaymentsDeploy" in found.fix.access


def test_a_store_whose_key_somebody_else_has_to_open_is_told_not_applied() -> None:
    snapshot = reference()
    for store in snapshot["pipeline"]["artifactStores"].values():
        if store["location"] == BUCKET:
            del store["encryptionKey"]
    del snapshot["keys"][SITE_KEY]
    statements = snapshot["roles"][SERVICE]["policies"]["access"]["Statement"]
    statements[:] = [each for each in statements if each["Sid"] != "SiteKey"]
    statement(snapshot, KEY, "Users")["Principal"] = {"AWS": f"arn:aws:iam::{TOOLS}:root"}
    snapshot["keys"][KEY]["tags"] = {"aws:cloudformation:stack-name": "artifacts"}
    found = finding(examine(snapshot), component="config", action="codepipeline:UpdatePipeline")
    assert found.fix is not None
    assert found.fix.kind is FixKind.INSTRUCTIONS
    assert not found.fix.proven
    assert [step.target.kind for step in found.fix.steps][-1] is TargetKind.ARTIFACT_STORE
    assert "CloudFormation stack artifacts" in found.fix.instructions


def test_a_persons_permissions_are_given_as_a_statement_for_whoever_manages_them() -> None:
    developers = f"arn:aws:iam::{TOOLS}:role/Developers"
    text = (
        f"User: {developers.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/anna is "
        "not authorized to perform: codepipeline:StartPipelineExecution on resource: "
        f"arn:aws:codepipeline:{HOME}:{TOOLS}:{NAME} because no identity-based policy allows the "
        "codepipeline:StartPipelineExecution action"
    )
    first = examine(reference() | {"errors": [text]}).findings[0]
    assert first.fix is not None
    assert first.fix.kind is FixKind.INSTRUCTIONS
    assert first.fix.steps == ()
    words, _, statement_text = first.fix.instructions.partition("\n")
    assert "Developers" in words
    given = json.loads(statement_text)
    assert given["Effect"] == "Allow"
    assert given["Action"] == "codepipeline:StartPipelineExecution"
    assert given["Resource"] == f"arn:aws:codepipeline:{HOME}:{TOOLS}:{NAME}"


def test_what_a_person_lacks_is_told_by_task_with_the_statements_to_ask_for() -> None:
    """It stops no pipeline, so it is advice; but whoever asks about themselves gets the cure."""
    readers = f"arn:aws:iam::{TOOLS}:role/Readers"
    snapshot = reference() | {"caller": readers}
    snapshot["roles"][readers] = {
        "trust": trusting("ec2.amazonaws.com"),
        "policies": {
            "look": document(allow("Look", ["codepipeline:Get*", "codepipeline:List*"], "*"))
        },
        "boundary": None,
        "tags": {},
    }
    mine = [each for each in examine(snapshot).advice if each.component == "user"]
    approve = next(each for each in mine if each.action == "codepipeline:PutApprovalResult")
    assert "action Approve in stage Verify of payments-deploy" in approve.headline
    edit = next(each for each in mine if each.action == "codepipeline:UpdatePipeline")
    for each in mine:
        assert each.fix is not None
        assert each.fix.kind is FixKind.INSTRUCTIONS
        assert each.fix.steps == ()
    assert edit.fix is not None
    words, _, text = edit.fix.instructions.partition("\n")
    assert words.startswith("Role Readers acts for a person")
    passing = next(each for each in json.loads(text) if each["Action"] == "iam:PassRole")
    assert passing["Resource"] == SERVICE
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "codepipeline.amazonaws.com"}
    }


def test_a_project_without_a_key_gets_the_one_of_the_store() -> None:
    snapshot = reference()
    arn = f"arn:aws:codebuild:{HOME}:{TOOLS}:project/payments-build"
    snapshot["projects"][arn]["encryption_key"] = None
    (step,) = fix_of(snapshot).steps
    assert (step.target.kind, step.before, step.after) == (TargetKind.PROJECT_KEY, None, KEY)
