"""The structure of a pipeline as CodePipeline's API words it, and as the value that is diagnosed.

Follows PipelineDeclaration of GetPipeline:
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineDeclaration.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from workers.pipeline.arn import partition_of
from workers.snapshot.model import (
    EMPTY,
    Action,
    ActionType,
    Pipeline,
    Reading,
    Rule,
    Stage,
    Store,
    unreadable,
)


class Declared(BaseModel):
    """Fields that AWS adds in future, and those that no diagnosis needs, are left aside."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, coerce_numbers_to_str=True)


def _arn_of_role(value: str) -> str:
    if not value.startswith("arn:"):
        raise ValueError(f"should be the ARN of a role (arn:aws:iam::…:role/…), not {value[:60]!r}")
    return value


RoleArn = Annotated[str, AfterValidator(_arn_of_role)]


class TypeId(Declared):
    category: str = ""
    owner: str = "AWS"
    provider: str
    version: str = "1"


class Artifact(Declared):
    name: str


class ActionDeclaration(Declared):
    name: str
    type: TypeId = Field(alias="actionTypeId")
    run_order: int = Field(1, alias="runOrder")
    configuration: dict[str, str] = Field(default_factory=dict)
    commands: list[str] = Field(default_factory=list)
    inputs: list[Artifact] = Field(default_factory=list, alias="inputArtifacts")
    outputs: list[Artifact] = Field(default_factory=list, alias="outputArtifacts")
    role_arn: RoleArn | None = Field(None, alias="roleArn")
    region: str | None = None
    namespace: str | None = None
    environment: list[dict[str, str]] = Field(default_factory=list, alias="environmentVariables")


class RuleDeclaration(Declared):
    name: str
    type: TypeId = Field(alias="ruleTypeId")
    configuration: dict[str, str] = Field(default_factory=dict)
    commands: list[str] = Field(default_factory=list)
    inputs: list[Artifact] = Field(default_factory=list, alias="inputArtifacts")
    role_arn: RoleArn | None = Field(None, alias="roleArn")
    region: str | None = None


class Condition(Declared):
    rules: list[RuleDeclaration] = Field(default_factory=list)


class Conditions(Declared):
    conditions: list[Condition] = Field(default_factory=list)


class StageDeclaration(Declared):
    name: str
    actions: list[ActionDeclaration] = Field(default_factory=list)
    before_entry: Conditions | None = Field(None, alias="beforeEntry")
    on_success: Conditions | None = Field(None, alias="onSuccess")
    on_failure: Conditions | None = Field(None, alias="onFailure")


class EncryptionKey(Declared):
    id: str
    type: str = "KMS"


class ArtifactStore(Declared):
    type: str = "S3"
    location: str
    key: EncryptionKey | None = Field(None, alias="encryptionKey")


class PipelineHead(Declared):
    """A pipeline without its stages."""

    name: str = ""
    role_arn: RoleArn | None = Field(None, alias="roleArn")
    store: ArtifactStore | None = Field(None, alias="artifactStore")
    stores: dict[str, ArtifactStore] | None = Field(None, alias="artifactStores")
    version: int | None = None
    type: str = Field("V1", alias="pipelineType")
    triggers: list[dict[str, Any]] = Field(default_factory=list)
    variables: list[dict[str, Any]] = Field(default_factory=list)


class PipelineDeclaration(PipelineHead):
    stages: list[StageDeclaration] = Field(default_factory=list)


def pipeline_from_api(response: Mapping[str, Any], account: str, region: str) -> Pipeline:
    """The pipeline in GetPipeline's answer (or in its `pipeline` member alone).

    Raises pydantic.ValidationError when the answer is no pipeline structure. Tags are not part
    of that answer: they stay *unreadable* until somebody sets them.
    """
    declared = PipelineDeclaration.model_validate(response.get("pipeline", response))
    return assemble(declared, declared.stages, account, region, unreadable())


def assemble(
    declared: PipelineHead,
    stages: Iterable[StageDeclaration],
    account: str,
    region: str,
    tags: Reading[Mapping[str, str]],
) -> Pipeline:
    """The value of a declaration that pydantic has read."""
    return Pipeline(
        name=declared.name,
        account=account,
        region=region,
        role_arn=declared.role_arn,
        type=declared.type,
        stores=_stores(declared, region),
        stages=tuple(_stage(stage) for stage in stages),
        triggers=tuple(declared.triggers),
        variables=tuple(declared.variables),
        tags=tags,
        version=declared.version,
        partition=partition_of(region, declared.role_arn),
    )


def pipeline_to_api(pipeline: Pipeline) -> dict[str, Any]:
    """The pipeline in the words of GetPipeline: the inverse of `pipeline_from_api`.

    Rules that stood in several conditions of one kind stand in one, which no diagnosis notices.
    """
    structure: dict[str, Any] = {"name": pipeline.name}
    if pipeline.role_arn is not None:
        structure["roleArn"] = pipeline.role_arn
    if len(pipeline.stores) == 1 and pipeline.stores[0].region == pipeline.region:
        structure["artifactStore"] = _store_to_api(pipeline.stores[0])
    elif pipeline.stores:
        structure["artifactStores"] = {
            store.region: _store_to_api(store) for store in pipeline.stores
        }
    structure["stages"] = [_stage_to_api(stage) for stage in pipeline.stages]
    if pipeline.version is not None:
        structure["version"] = pipeline.version
    structure["pipelineType"] = pipeline.type
    if pipeline.triggers:
        structure["triggers"] = [dict(trigger) for trigger in pipeline.triggers]
    if pipeline.variables:
        structure["variables"] = [dict(variable) for variable in pipeline.variables]
    return structure


def _stores(declared: PipelineHead, region: str) -> tuple[Store, ...]:
    stores = dict(declared.stores or {})
    if declared.store is not None:
        stores.setdefault(region, declared.store)
    return tuple(
        Store(of, store.location, store.key.id if store.key else None)
        for of, store in stores.items()
    )


def _stage(declared: StageDeclaration) -> Stage:
    conditions = (
        ("beforeEntry", declared.before_entry),
        ("onSuccess", declared.on_success),
        ("onFailure", declared.on_failure),
    )
    return Stage(
        declared.name,
        tuple(_action(declared.name, action) for action in declared.actions),
        tuple(
            _rule(declared.name, when, rule)
            for when, group in conditions
            if group is not None
            for condition in group.conditions
            for rule in condition.rules
        ),
    )


def _type(declared: TypeId) -> ActionType:
    return ActionType(declared.category, declared.owner, declared.provider, declared.version)


def _frozen(values: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(values)) if values else EMPTY


def _action(stage: str, declared: ActionDeclaration) -> Action:
    return Action(
        stage=stage,
        name=declared.name,
        type=_type(declared.type),
        configuration=_frozen(declared.configuration),
        role_arn=declared.role_arn,
        region=declared.region,
        inputs=tuple(artifact.name for artifact in declared.inputs),
        outputs=tuple(artifact.name for artifact in declared.outputs),
        run_order=declared.run_order,
        namespace=declared.namespace,
        commands=tuple(declared.commands),
        environment=tuple(_frozen(variable) for variable in declared.environment),
    )


def _rule(stage: str, when: str, declared: RuleDeclaration) -> Rule:
    return Rule(
        stage=stage,
        when=when,
        name=declared.name,
        type=_type(declared.type),
        configuration=_frozen(declared.configuration),
        role_arn=declared.role_arn,
        region=declared.region,
        inputs=tuple(artifact.name for artifact in declared.inputs),
        commands=tuple(declared.commands),
    )


def _store_to_api(store: Store) -> dict[str, Any]:
    structure: dict[str, Any] = {"type": "S3", "location": store.bucket}
    if store.key is not None:
        structure["encryptionKey"] = {"id": store.key, "type": "KMS"}
    return structure


def _stage_to_api(stage: Stage) -> dict[str, Any]:
    structure: dict[str, Any] = {
        "name": stage.name,
        "actions": [_action_to_api(action) for action in stage.actions],
    }
    for when in ("beforeEntry", "onSuccess", "onFailure"):
        rules = [_rule_to_api(rule) for rule in stage.rules if rule.when == when]
        if rules:
            structure[when] = {"conditions": [{"rules": rules}]}
    return structure


def _common_to_api(declared: Action | Rule) -> dict[str, Any]:
    structure: dict[str, Any] = {}
    if declared.configuration:
        structure["configuration"] = dict(declared.configuration)
    if declared.commands:
        structure["commands"] = list(declared.commands)
    if declared.inputs:
        structure["inputArtifacts"] = [{"name": name} for name in declared.inputs]
    if declared.role_arn is not None:
        structure["roleArn"] = declared.role_arn
    if declared.region is not None:
        structure["region"] = declared.region
    return structure


def _type_to_api(type: ActionType) -> dict[str, str]:
    return {
        "category": type.category,
        "owner": type.owner,
        "provider": type.provider,
        "version": type.version,
    }


def _action_to_api(action: Action) -> dict[str, Any]:
    structure: dict[str, Any] = {"name": action.name, "actionTypeId": _type_to_api(action.type)}
    structure |= _common_to_api(action)
    if action.outputs:
        structure["outputArtifacts"] = [{"name": name} for name in action.outputs]
    if action.run_order != 1:
        structure["runOrder"] = action.run_order
    if action.namespace is not None:
        structure["namespace"] = action.namespace
    if action.environment:
        structure["environmentVariables"] = [dict(variable) for variable in action.environment]
    return structure


def _rule_to_api(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "ruleTypeId": _type_to_api(rule.type),
        **_common_to_api(rule),
    }
