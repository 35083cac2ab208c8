"""What the principals of a pipeline must be allowed to do, as the catalogue says.

Pure: a function of the snapshot and the catalogue. What cannot be known from the snapshot (a
project's role, the roles of a task definition) yields no requirement; `references.wanted` names
the documents that would tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

from workers.pipeline.arn import account_of
from workers.pipeline.catalogue import Access, Catalogue, Subject, When
from workers.pipeline.context import Context, Contexts
from workers.pipeline.requirement import Part, Requirement, Strength
from workers.pipeline.scope import Expanded, Scope, expand
from workers.pipeline.situation import Situation, Situations, bucket_account, resource_account
from workers.snapshot.model import Rule, Snapshot, State

# Service principals that act, as the catalogue calls them.
_SERVICES = {
    "codepipeline": "codepipeline.amazonaws.com",
    "codebuild": "codebuild.amazonaws.com",
    "cloudformation": "cloudformation.amazonaws.com",
    "events": "events.amazonaws.com",
    "lambda": "lambda.amazonaws.com",
}
# The names of the scope that hold a principal's ARN, and the part which it plays.
_ROLES = {
    "service_role": ("service_role_arn", Part.SERVICE_ROLE),
    "build_role": ("project_role_arn", Part.BUILD_ROLE),
    "cloudformation_role": ("cloudformation_role_arn", Part.CLOUDFORMATION_ROLE),
    "function_role": ("function_role_arn", Part.FUNCTION_ROLE),
    "instance_role": ("instance_role_arn", Part.INSTANCE_ROLE),
    "event_role": ("event_role_arn", Part.EVENT_ROLE),
    "source_account": ("source_account", Part.SERVICE),
}


_RANK = {Strength.ALWAYS: 0, Strength.WHEN: 1, Strength.DOCUMENTED: 2}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who needs the access, in which part, and the VPC that it calls from."""

    principal: str
    part: Part
    vpc_id: str = ""


def requirements(snapshot: Snapshot, catalogue: Catalogue) -> tuple[Requirement, ...]:
    """Every request that running the pipeline will make AWS decide, in the pipeline's order.

    Empty when the snapshot holds no pipeline.
    """
    if snapshot.pipeline.state is not State.PRESENT:
        return ()
    return tuple(_Requirements(snapshot, catalogue).all())


class _Requirements:
    def __init__(self, snapshot: Snapshot, catalogue: Catalogue) -> None:
        self._snapshot = snapshot
        self._catalogue = catalogue
        self._contexts = Contexts(snapshot)
        self._situations = Situations(snapshot, catalogue)

    def all(self) -> Iterator[Requirement]:
        yield from self._whole(self._situations.whole(), "pipeline")
        for situation in self._situations:
            yield from self._of(situation)

    def _whole(self, situation: Situation, name: str) -> Iterator[Requirement]:
        for access in self._catalogue.sets[name].access:
            yield from self._access(access, situation)

    def _of(self, situation: Situation) -> Iterable[Requirement]:
        """One action's requirements, each once: the stronger of two that ask the same.

        A request that is known to leave a condition key out is another one than that with it.
        """
        found: dict[tuple[str, str, str, tuple[str, ...]], Requirement] = {}
        for access, each in self._each(situation):
            identity = (each.principal, each.action, each.resource, access.absent)
            if identity not in found or _RANK[each.strength] < _RANK[found[identity].strength]:
                found[identity] = each
        return found.values()

    def _each(self, situation: Situation) -> Iterator[tuple[Access, Requirement]]:
        for access in self._all_entries(situation):
            for each in self._access(access, situation):
                yield access, each

    def _all_entries(self, situation: Situation) -> Iterator[Access]:
        if situation.action.role_arn not in (None, situation.pipeline.role_arn):
            yield from self._catalogue.sets["action_role"].access
        yield from self._catalogue.sets["user_action"].access
        yield from self._entries(situation)

    def _entries(self, situation: Situation) -> Iterable[Access]:
        if situation.provider is not None:
            yield from self._catalogue.access(situation.provider)
        yield from self._catalogue.sets["artifact_store"].access

    def _access(self, access: Access, situation: Situation) -> Iterator[Requirement]:
        for actor in self._actors(access.subject, situation):
            if not self._holds(access.when, situation, actor):
                continue
            for template in access.resources:
                for resource in expand(template, situation.scope):
                    yield from self._requirement(access, situation, actor, resource)

    def _requirement(
        self, access: Access, situation: Situation, actor: Actor, resource: Expanded
    ) -> Iterator[Requirement]:
        owner = resource_account(self._snapshot, resource.text, actor.principal, situation.pipeline)
        sent = _sent(access, situation.scope)
        unknown_keys = [
            key.text for name in access.unknown for key in expand(name, situation.scope)
        ]
        for action in access.actions:
            context, unknown = self._contexts.of(
                principal=actor.principal,
                resource=resource.text,
                resource_account=owner,
                region=situation.region,
                sent=sent,
                unknown=unknown_keys,
                absent=access.absent,
                supported=self._catalogue.condition_keys(action),
                inside_vpc=bool(actor.vpc_id),
            )
            yield Requirement(
                principal=actor.principal,
                part=actor.part,
                action=action,
                resource=resource.text,
                resource_account=owner,
                region=situation.region,
                context=MappingProxyType(context),
                unknown=unknown,
                strength=access.weight,
                purpose=access.purpose,
                documentation=access.documentation or _page(situation),
                stage=situation.action.stage,
                pipeline_action=situation.action.name,
                provider=situation.action.type.provider,
                vpc_id=actor.vpc_id,
                alternative=access.alternative,
                pattern=resource.pattern if resource.pattern != resource.text else "",
                unresolved=resource.unresolved,
                narrow=MappingProxyType(_narrow(access, situation.scope)),
            )

    def _actors(self, subject: Subject, situation: Situation) -> Iterator[Actor]:
        if subject in ("reader", "writer"):
            yield from self._artifact_actors(subject == "reader", situation)
        elif subject == "executing_role":
            if situation.role_arn:
                yield Actor(situation.role_arn, _part(situation))
        elif subject == "user":
            if self._snapshot.caller:
                yield Actor(self._snapshot.caller, Part.USER)
        elif subject in _SERVICES:
            yield Actor(_SERVICES[subject], Part.SERVICE)
        else:
            name, part = _ROLES[subject]
            vpc = situation.scope.get("vpc_id", ()) if part is Part.BUILD_ROLE else ()
            for value in situation.scope.get(name, ()):
                yield Actor(value.text, part, vpc[0].text if vpc else "")

    def _artifact_actors(self, reads: bool, situation: Situation) -> Iterator[Actor]:
        provider = situation.provider
        subject: Subject | None = "executing_role"  # of a provider that nobody knows
        if provider is not None:
            subject = provider.reader if reads else provider.writer
        if subject is not None and (situation.reads if reads else situation.writes):
            yield from self._actors(subject, situation)

    def _holds(self, when: When, situation: Situation, actor: Actor) -> bool:
        configuration, scope = situation.configuration, situation.scope
        return (
            all(
                configuration.get(key, "").lower() in {value.lower() for value in values}
                for key, values in when.configuration.items()
            )
            and not any(
                configuration.get(key, "").lower() in {value.lower() for value in values}
                for key, values in when.unless.items()
            )
            and all(text in configuration.get(key, "") for key, text in when.mentions.items())
            and all(scope.get(name) for name in when.configured)
            and not any(scope.get(name) for name in when.unconfigured)
            and when.inputs in (None, situation.reads)
            and when.outputs in (None, situation.writes)
            and when.clone in (None, bool(situation.clones))
            and when.cross_account in (None, self._cross_account(situation, actor))
            and when.cross_region in (None, situation.region != situation.pipeline.region)
            and when.vpc in (None, bool(scope.get("vpc_id")))
        )

    def _cross_account(self, situation: Situation, actor: Actor) -> bool:
        if situation.store is None:
            return False
        owner = bucket_account(self._snapshot, situation.store.bucket, situation.pipeline)
        return account_of(actor.principal) != owner


def _part(situation: Situation) -> Part:
    if situation.role_arn == situation.pipeline.role_arn:
        return Part.SERVICE_ROLE
    return Part.RULE_ROLE if isinstance(situation.action, Rule) else Part.ACTION_ROLE


def _page(situation: Situation) -> str:
    return situation.provider.documentation if situation.provider is not None else ""


def _sent(access: Access, scope: Scope) -> Context:
    """The keys of the entry whose values are known; a template without values is not sent.

    Of several values a request carries one: the first stands for them.
    """
    sent: Context = {}
    for key, templates in access.context.items():
        for template in templates:
            for name, value in zip(expand(key, scope), expand(template, scope)[:1], strict=False):
                if not value.unresolved:
                    sent.setdefault(name.text, value.text)
    return sent


def _narrow(access: Access, scope: Scope) -> dict[str, tuple[str, ...]]:
    """The keys that a statement must carry, with all the values that requests may carry."""
    return {
        name.text: tuple(
            value.pattern
            for template in access.context[key]
            for value in expand(template, scope)
            if not value.unresolved
        )
        for key in access.narrow
        for name in expand(key, scope)
    }
