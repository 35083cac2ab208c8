"""One action in its pipeline: who runs it where, with which artifact store, and what its
templates may name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from workers.pipeline import derived, resources
from workers.pipeline.arn import account_of, parse
from workers.pipeline.catalogue import Catalogue, Provider
from workers.pipeline.resources import VARIABLE, Place
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
    place: Place  # of the action, in the account of the executing role
    store: Store | None
    project: Reading[Project]
    clones: tuple[Action, ...]  # the source actions whose clone reference it makes or takes
    reads: bool  # artifacts
    writes: bool
    scope: Scope

    @property
    def account(self) -> str:
        return self.place.account

    @property
    def region(self) -> str:
        return self.place.region


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
        return iter(self._all)

    @cached_property
    def _all(self) -> tuple[Situation, ...]:
        found: list[Situation] = []
        for stage in self.pipeline.stages:
            found += [self.of(action) for action in stage.actions]
            found += [self.of(rule) for rule in stage.rules]
        return tuple(found)

    def of(self, action: Action | Rule) -> Situation:
        pipeline = self.pipeline
        place = self._place(action)
        store = self._stores.get(place.region) or self._stores.get(pipeline.region)
        provider = self.catalogue.provider(
            action.type.category, action.type.owner, action.type.provider
        )
        configuration = self._configuration(action)
        situation = Situation(
            pipeline=pipeline,
            action=action,
            provider=provider,
            configuration=configuration,
            role_arn=action.role_arn or pipeline.role_arn or "",
            place=place,
            store=store,
            project=self._project(action, configuration, place),
            clones=self._clones(action),
            reads=self._reads(action),
            writes=self._writes(action),
            scope=EMPTY,
        )
        return replace(situation, scope=self._scope(situation))

    def whole(self) -> Situation:
        """The pipeline as such, as if it were one action that the service role runs."""
        situation = self.of(Action("", "", ActionType("", "", "")))
        events = derived.of_pipeline(self.snapshot, self.pipeline.arn)
        return replace(situation, scope={**situation.scope, **events})

    def maker(self, artifact: str) -> Action | None:
        """The action that puts out an artifact."""
        return self._makers.get(artifact)

    def _configuration(self, action: Action | Rule) -> Mapping[str, str]:
        configured = dict(action.configuration)
        if any("#{" in value for value in configured.values()):
            configured |= self._resolved.get((action.stage, action.name), {})
        return configured

    def _project(
        self, action: Action | Rule, configuration: Mapping[str, str], place: Place
    ) -> Reading[Project]:
        arn = resources.project(place, configuration)
        if action.type.provider != "CodeBuild" or arn is None:
            return unreadable("the action's project is not known")
        return self.snapshot.project(arn)

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
        pipeline, action, place = situation.pipeline, situation.action, situation.place
        scope: dict[str, tuple[Value, ...]] = {
            key: (unresolved(value) if VARIABLE in value else Value(value),)
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
            "pipeline_arn": pipeline.arn,
            "service_role_arn": pipeline.role_arn or "",
            "stage": action.stage,
            "action": action.name,
        }
        scope |= {name: (Value(text),) for name, text in texts.items() if text}
        scope["action_s3_host"] = derived.host("s3", situation.region, pipeline.partition)
        scope["any"] = (Value(EXAMPLE, "*"),)
        scope |= self._artifacts(situation)
        clones = [(source, self._place(source)) for source in situation.clones]
        scope |= derived.of_clones(clones)
        scope |= derived.of_configuration(self.snapshot, action, situation.configuration, place)
        scope |= derived.of_environment(action, situation.configuration)
        scope |= self._source_account(situation)
        if situation.project.value is not None:
            scope |= derived.of_project(
                self.snapshot, situation.project.value, situation.configuration
            )
        return scope

    def _source_account(self, situation: Situation) -> Scope:
        """The account whose events tell of changes, where it is another than the pipeline's."""
        polls = situation.configuration.get("PollForSourceChanges", "").lower() == "true"
        home, place = self.pipeline.account, situation.place
        if situation.action.type.category != "Source" or polls or place.account == home:
            return {}
        return {"source_account": (Value(f"arn:{place.partition}:iam::{place.account}:root"),)}

    def _artifacts(self, situation: Situation) -> Scope:
        pipeline, action, store = situation.pipeline, situation.action, situation.store
        if store is None:
            return {}
        home = self._stores.get(pipeline.region)
        outputs = action.outputs if isinstance(action, Action) else ()
        scope = {
            "bucket": (Value(store.bucket),),
            "s3_host": derived.host("s3", store.region, pipeline.partition),
            "key": self._key_of(store),
            "input_object": _objects(pipeline.name, action.inputs),
            "output_object": _objects(pipeline.name, outputs),
            "input_key": self._input_keys(situation),
            "input_context": self._contexts(situation, store, action.inputs),
            "output_context": self._contexts(situation, store, outputs),
            # A build encrypts with its project's key instead (`derived.of_project`).
            "output_key": () if action.type.provider == "CodeBuild" else self._key_of(store),
        }
        if home is not None:
            scope |= {
                "home_bucket": (Value(home.bucket),),
                "home_key": self._key_of(home),
                "home_s3_host": derived.host("s3", home.region, pipeline.partition),
                "home_context": self._contexts(situation, home, action.inputs),
            }
        return scope

    def _contexts(
        self, situation: Situation, store: Store, artifacts: Iterable[str]
    ) -> tuple[Value, ...]:
        return tuple(
            value
            for artifact in _objects(self.pipeline.name, artifacts)
            for value in derived.encryption_context(
                self.snapshot, situation.place, store.bucket, f"{store.bucket}/{artifact.text}"
            )
        )

    def _key_of(self, store: Store) -> tuple[Value, ...]:
        if store.key is None:
            return ()
        return derived.customer_key(self.snapshot, store.key, self.pipeline.account, store.region)

    def _input_keys(self, situation: Situation) -> tuple[Value, ...]:
        """The keys of the artifacts it reads: the store's, or that of the project that built one.

        In another region an action reads the copy, which has the key of that region's store.
        """
        store = situation.store
        if store is None:
            return ()
        keys: list[Value] = []
        copied = store.region != self.pipeline.region
        for artifact in situation.action.inputs or ("",):
            maker = self._makers.get(artifact)
            project = self._project_of(maker) if maker is not None and not copied else None
            if project is not None:
                keys += derived.project_key(self.snapshot, project)
            else:
                keys += self._key_of(store)
        return tuple(dict.fromkeys(keys))

    def _project_of(self, action: Action) -> Project | None:
        return self._project(action, self._configuration(action), self._place(action)).value

    def _place(self, action: Action | Rule) -> Place:
        role_arn = action.role_arn or self.pipeline.role_arn or ""
        return Place(
            self.pipeline.partition,
            action.region or self.pipeline.region,
            account_of(role_arn) or self.pipeline.account,
        )


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


def bucket_account(snapshot: Snapshot, name: str, pipeline: Pipeline) -> str:
    """Who owns a bucket. A store's bucket counts as the pipeline's own unless somebody says."""
    reading = snapshot.bucket(name)
    if reading.state is State.PRESENT and reading.require().account:
        return reading.require().account
    if any(store.bucket == name for store in pipeline.stores):
        return pipeline.account
    return ""


def resource_account(snapshot: Snapshot, resource: str, principal: str, pipeline: Pipeline) -> str:
    """The account that owns a resource; empty when nobody knows.

    The caller's own for `*`, and for what AWS owns and shares with everybody (an ARN without an
    account, such as that of a document of Systems Manager): no policy of another account decides.
    """
    arn = parse(resource)
    if arn is not None and arn.service == "s3":
        return bucket_account(snapshot, arn.resource.partition("/")[0], pipeline)
    if arn is None or not arn.account:
        return account_of(principal) or pipeline.account
    return arn.account
