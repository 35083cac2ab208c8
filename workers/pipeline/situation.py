"""One action in its pipeline: who runs it where, with which artifact store, and what its
templates may name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workers.pipeline.arn import account_of, parse, region_of, service_host
from workers.pipeline.catalogue import Catalogue, Provider
from workers.pipeline.keys import resolve_key
from workers.pipeline.scope import Scope, Value, unresolved
from workers.snapshot.model import (
    EMPTY,
    Action,
    ActionType,
    Pipeline,
    Project,
    Reading,
    Rule,
    Snapshot,
    State,
    Store,
    unreadable,
)

CLONE = "CODEBUILD_CLONE_REF"
# CodePipeline cuts the names when it builds an artifact's object key; the rest is random.
PIPELINE_NAME_IN_KEY = 20
ARTIFACT_NAME_IN_KEY = 10
EXAMPLE = "0000000"


@dataclass(frozen=True, slots=True)
class Situation:
    """One action (or rule) as it runs. `configuration` is free of variables where known."""

    pipeline: Pipeline
    action: Action | Rule
    provider: Provider | None
    configuration: Mapping[str, str]
    role_arn: str  # the executing role; empty when the pipeline names none
    account: str  # of the executing role
    region: str
    store: Store | None
    key: Reading[str]  # the store's customer key; absent = aws/s3
    project: Reading[Project]
    clones: tuple[Action, ...]  # the source actions whose clone reference it makes or takes
    reads: bool  # artifacts
    writes: bool
    scope: Scope


class Situations:
    """Every action and rule of a snapshot's pipeline."""

    def __init__(self, snapshot: Snapshot, catalogue: Catalogue) -> None:
        self.snapshot = snapshot
        self.catalogue = catalogue
        self.pipeline = snapshot.pipeline.require()
        self._stores = {store.region: store for store in self.pipeline.stores}
        self._resolved = _resolved_configurations(snapshot)
        self._makers = {
            artifact: action for action in self.pipeline.actions for artifact in action.outputs
        }

    def __iter__(self) -> Iterator[Situation]:
        for stage in self.pipeline.stages:
            for action in stage.actions:
                yield self.of(action)
            for rule in stage.rules:
                yield self.of(rule)

    def of(self, action: Action | Rule) -> Situation:
        pipeline = self.pipeline
        role_arn = action.role_arn or pipeline.role_arn or ""
        account = account_of(role_arn) or pipeline.account
        region = action.region or pipeline.region
        store = self._stores.get(region) or self._stores.get(pipeline.region)
        provider = self.catalogue.provider(
            action.type.category, action.type.owner, action.type.provider
        )
        configuration = self._configuration(action)
        project = self._project(action, configuration, account, region)
        situation = Situation(
            pipeline=pipeline,
            action=action,
            provider=provider,
            configuration=configuration,
            role_arn=role_arn,
            account=account,
            region=region,
            store=store,
            key=self._store_key(store),
            project=project,
            clones=self._clones(action),
            reads=self._reads(action),
            writes=self._writes(action),
            scope=EMPTY,
        )
        return replace(situation, scope=self._scope(situation))

    def whole(self) -> Situation:
        """The pipeline as such, as if it were one action that the service role runs."""
        return self.of(Action("", "", ActionType("", "", "")))

    def maker(self, artifact: str) -> Action | None:
        """The action that puts out an artifact."""
        return self._makers.get(artifact)

    def _configuration(self, action: Action | Rule) -> Mapping[str, str]:
        configured = dict(action.configuration)
        if any("#{" in value for value in configured.values()):
            configured |= self._resolved.get((action.stage, action.name), {})
        return configured

    def _store_key(self, store: Store | None) -> Reading[str]:
        if store is None:
            return unreadable("the pipeline's artifact store is not known")
        if store.key is None:
            return Reading(State.ABSENT)
        return resolve_key(self.snapshot, store.key, self.pipeline.account, store.region)

    def _project(
        self, action: Action | Rule, configuration: Mapping[str, str], account: str, region: str
    ) -> Reading[Project]:
        name = configuration.get("ProjectName", "")
        if action.type.provider != "CodeBuild" or not name or "#{" in name:
            return unreadable("the action's project is not known")
        return self.snapshot.project(project_arn(name, account, region, self.pipeline.partition))

    def _reads(self, action: Action | Rule) -> bool:
        """Whether it takes artifacts. A report that leaves them out is judged by category."""
        if self._makers or action.inputs:
            return bool(action.inputs)
        return action.type.category in ("Build", "Test", "Deploy")

    def _writes(self, action: Action | Rule) -> bool:
        if isinstance(action, Rule):
            return False
        return bool(action.outputs) or action.type.category == "Source"

    def _clones(self, action: Action | Rule) -> tuple[Action, ...]:
        makers = [self._makers.get(artifact) for artifact in action.inputs]
        if isinstance(action, Action) and action.type.category == "Source":
            makers.append(action)
        if not action.inputs and action.type.provider == "CodeBuild":
            # A report that leaves artifacts out: any clone reference of the pipeline may be meant.
            makers += [each for each in self.pipeline.actions if not each.outputs]
        return tuple(
            maker
            for maker in makers
            if maker is not None and maker.configuration.get("OutputArtifactFormat") == CLONE
        )

    def _scope(self, situation: Situation) -> Scope:
        pipeline, action = situation.pipeline, situation.action
        scope: dict[str, tuple[Value, ...]] = {
            key: (unresolved(value) if "#{" in value else Value(value),)
            for key, value in situation.configuration.items()
            if value
        }
        texts = {
            "partition": pipeline.partition,
            "region": situation.region,
            "account": situation.account,
            "role_arn": situation.role_arn,
            "pipeline": pipeline.name,
            "pipeline_account": pipeline.account,
            "pipeline_region": pipeline.region,
            "pipeline_arn": pipeline.arn,
            "service_role_arn": pipeline.role_arn or "",
            "stage": action.stage,
            "action": action.name,
        }
        if situation.store is not None:
            texts |= {
                "bucket": situation.store.bucket,
                "store_region": situation.store.region,
                "s3_host": service_host("s3", situation.store.region, pipeline.partition),
            }
            scope["key"] = _key_values(situation.key, situation.store.key or "")
            # A build encrypts its outputs with its project's key instead (below).
            is_build = action.type.provider == "CodeBuild"
            scope["output_key"] = () if is_build else scope["key"]
            scope["input_object"] = _objects(pipeline.name, action.inputs)
            scope["output_object"] = _objects(pipeline.name, getattr(action, "outputs", ()))
        scope |= {name: (Value(text),) for name, text in texts.items() if text}
        scope |= _project_scope(self.snapshot, situation)
        scope |= _derived(situation)
        return scope


def project_arn(name: str, account: str, region: str, partition: str) -> str:
    """The ARN of a CodeBuild project; ProjectName may already be one."""
    if name.startswith("arn:"):
        return name
    return f"arn:{partition}:codebuild:{region}:{account}:project/{name}"


def _resolved_configurations(snapshot: Snapshot) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """The configuration of the newest run of each action, by stage and action."""
    resolved: dict[tuple[str, str], Mapping[str, str]] = {}
    if snapshot.runs.state is State.PRESENT:
        for run in snapshot.runs.require():
            if run.configuration:
                resolved.setdefault((run.stage, run.action), run.configuration)
    return resolved


def _objects(pipeline: str, artifacts: Iterable[str]) -> tuple[Value, ...]:
    """An example object of each artifact; all of them are one to a policy (`*`)."""
    folder = pipeline[:PIPELINE_NAME_IN_KEY] or EXAMPLE
    names = list(artifacts) or [EXAMPLE]
    return tuple(Value(f"{folder}/{name[:ARTIFACT_NAME_IN_KEY]}/{EXAMPLE}", "*") for name in names)


def _key_values(key: Reading[str], configured: str) -> tuple[Value, ...]:
    if key.state is State.PRESENT:
        return (Value(key.require()),)
    if key.state is State.ABSENT and not configured:
        return ()
    return (unresolved(configured or "the artifact store's key"),)


def _project_scope(snapshot: Snapshot, situation: Situation) -> Scope:
    if situation.project.state is not State.PRESENT:
        return {}
    project = situation.project.require()
    scope: dict[str, tuple[Value, ...]] = {
        "project": (Value(project.arn),),
        "project_name": (Value(project.name),),
        "project_log_group": (Value(project.log_group or f"/aws/codebuild/{project.name}"),),
    }
    if project.encryption_key and not project.encryption_key.endswith("alias/aws/s3"):
        account, region = account_of(project.arn), region_of(project.arn)
        key = resolve_key(snapshot, project.encryption_key, account, region)
        scope["output_key"] = _key_values(key, project.encryption_key)
    secrets = [name for name in project.secrets if ":ssm:" not in name]
    parameters = [name for name in project.secrets if ":ssm:" in name]
    scope["project_secret"] = tuple(Value(name) for name in secrets)
    scope["project_parameter"] = tuple(Value(name) for name in parameters)
    if project.service_role:
        scope["project_role_arn"] = (Value(project.service_role),)
    if project.vpc_id:
        scope["vpc_id"] = (Value(project.vpc_id),)
    return scope


def _derived(situation: Situation) -> Scope:
    """Values that several configuration keys, or documents that they point at, make up."""
    scope: dict[str, tuple[Value, ...]] = {}
    connections = [
        source.configuration["ConnectionArn"]
        for source in situation.clones
        if "ConnectionArn" in source.configuration
    ]
    scope["clone_connection"] = tuple(Value(arn) for arn in dict.fromkeys(connections))
    return scope


def json_of(text: str) -> Any:
    """A configuration value that holds JSON; None when it does not."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None


def bucket_account(snapshot: Snapshot, name: str, pipeline: Pipeline) -> str:
    """Who owns a bucket. A store's bucket counts as the pipeline's own unless somebody says."""
    reading = snapshot.bucket(name)
    if reading.state is State.PRESENT and reading.require().account:
        return reading.require().account
    if any(store.bucket == name for store in pipeline.stores):
        return pipeline.account
    return ""


def resource_account(snapshot: Snapshot, resource: str, principal: str, pipeline: Pipeline) -> str:
    """The account that owns a resource; the caller's own for `*`; empty when nobody knows."""
    arn = parse(resource)
    if arn is None:
        return account_of(principal)
    if arn.service == "s3":
        return bucket_account(snapshot, arn.resource.partition("/")[0], pipeline)
    return arn.account if arn.account != "*" else ""
