"""What cannot cross from one account, or one region, to another.

https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-cross-account.html
https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-create-cross-region.html
"""

from __future__ import annotations

from collections.abc import Iterator

from workers.pipeline.arn import account_of, parse
from workers.pipeline.derived import json_of
from workers.pipeline.faults.fault import Fault, named, of_action
from workers.pipeline.situation import Situation, Situations
from workers.snapshot.model import Action, Snapshot, State

# Operators that fail when the key is absent (negated ones and IfExists do not).
_NEEDS_THE_KEY = frozenset({"stringequals", "stringlike", "stringequalsignorecase"})


def find(snapshot: Snapshot, situations: Situations) -> Iterator[Fault]:
    for situation in situations:
        yield from _place(situations, situation)
        yield from _artifacts(situations, situation)
        yield from _passed_role(situation)
        yield from _state_machine(situation)
        yield from _build_outputs(situations, situation)
        yield from _external_id(snapshot, situation)


def _place(situations: Situations, situation: Situation) -> Iterator[Fault]:
    """Where an action may run: its region needs a store, and some providers stay at home."""
    pipeline, provider = situations.pipeline, situation.provider
    regions = {store.region for store in pipeline.stores}
    if regions and situation.region not in regions and (situation.reads or situation.writes):
        yield of_action(
            situation,
            "store_missing_in_region",
            "config",
            action="codepipeline:UpdatePipeline",
            resource="artifactStores",
            region=situation.region,
        )
    if provider is None:
        return
    name = situation.action.type.provider
    if situation.account != pipeline.account and not provider.cross_account:
        yield of_action(
            situation,
            "provider_not_across_accounts",
            "config",
            provider=name,
            account=situation.account,
        )
    if situation.region != pipeline.region and not provider.cross_region:
        yield of_action(
            situation,
            "provider_not_across_regions",
            "config",
            provider=name,
            region=situation.region,
        )


def _artifacts(situations: Situations, situation: Situation) -> Iterator[Fault]:
    """An artifact made in account B can be read in B and in the pipeline's account only."""
    home = situations.pipeline.account
    for artifact in situation.action.inputs:
        maker = situations.maker(artifact)
        if maker is None:
            continue
        made_in = account_of(maker.role_arn) or home
        if home not in (made_in, situation.account) and made_in != situation.account:
            yield of_action(
                situation,
                "artifact_of_other_account",
                "config",
                action="s3:GetObject",
                resource=artifact,
                artifact=artifact,
                made_in=made_in,
                account=situation.account,
                maker=f"{maker.stage}/{maker.name}",
            )


def _passed_role(situation: Situation) -> Iterator[Fault]:
    """CloudFormation's role must be of the executing role's account: PassRole never crosses."""
    for key, mode in (("RoleArn", "CHANGE_SET_EXECUTE"), ("AdministrationRoleArn", "")):
        role = situation.configuration.get(key, "")
        unused = situation.configuration.get("ActionMode", "") == mode and mode
        provider = situation.action.type.provider
        if not provider.startswith("CloudFormation") or parse(role) is None or unused:
            continue
        if account_of(role) != situation.account:
            yield of_action(
                situation,
                "cloudformation_role_of_other_account",
                "config",
                action="iam:PassRole",
                resource=role,
                account=account_of(role),
                executing=situation.account,
            )


def _state_machine(situation: Situation) -> Iterator[Fault]:
    """A state machine has no resource-based policy that could let another account in.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-access-cross-acct-resources.html
    """
    arn = parse(situation.configuration.get("StateMachineArn"))
    if situation.action.type.provider != "StepFunctions" or arn is None:
        return
    if arn.account != situation.account:
        yield of_action(
            situation,
            "state_machine_of_other_account",
            "config",
            action="states:StartExecution",
            resource=str(arn),
            account=arn.account,
            executing=situation.account,
        )


def _build_outputs(situations: Situations, situation: Situation) -> Iterator[Fault]:
    """A build encrypts with its project's key; aws/s3 of one account opens in no other.

    A build in another account cannot put out artifacts at all:
    https://github.com/aws/aws-cdk/issues/4169
    """
    project, action = situation.project.value, situation.action
    if action.type.provider != "CodeBuild" or not isinstance(action, Action):
        return
    if action.outputs and situation.account != situations.pipeline.account:
        yield of_action(
            situation,
            "build_output_of_other_account",
            "config",
            action="codebuild:StartBuild",
            resource=", ".join(action.outputs),
            account=situation.account,
        )
    if project is None:
        return
    if project.encryption_key and "alias/aws/" not in project.encryption_key:
        return
    for artifact in action.outputs:
        readers = [
            reader
            for reader in situations
            if artifact in reader.action.inputs and reader.account != situation.account
        ]
        if readers:
            yield of_action(
                situation,
                "build_output_with_default_key",
                "config",
                action="codebuild:UpdateProject",
                resource=project.arn,
                artifact=artifact,
                account=readers[0].account,
                users=named(readers),
            )


def _external_id(snapshot: Snapshot, situation: Situation) -> Iterator[Fault]:
    """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html"""
    arn, service_role = situation.action.role_arn, situation.pipeline.role_arn
    role = snapshot.role(arn).value if arn is not None and arn != service_role else None
    if role is None or role.trust.state is not State.PRESENT:
        return
    if _always_wants_external_id(role.trust.require()):
        yield of_action(
            situation,
            "external_id_is_never_sent",
            "trust",
            principal=service_role or "",
            action="sts:AssumeRole",
            resource=role.arn,
        )


def _always_wants_external_id(trust: str) -> bool:
    """Whether every statement that lets accounts or roles in asks for an external id."""
    document = json_of(trust)
    statements = document.get("Statement") if isinstance(document, dict) else None
    allowing = [
        each
        for each in (statements if isinstance(statements, list) else [statements])
        if isinstance(each, dict)
        and each.get("Effect") == "Allow"
        and _names_accounts(each.get("Principal"))
    ]
    return bool(allowing) and all(_wants_external_id(each.get("Condition")) for each in allowing)


def _names_accounts(principal: object) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "AWS" in principal)


def _wants_external_id(condition: object) -> bool:
    if not isinstance(condition, dict):
        return False
    return any(
        key.lower() == "sts:externalid"
        for operator, keys in condition.items()
        if isinstance(keys, dict) and operator.lower() in _NEEDS_THE_KEY
        for key in keys
    )
