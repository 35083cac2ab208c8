"""A requirement: what one principal must be allowed to do for a pipeline to run, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workers.snapshot.model import empty


class Part(StrEnum):
    """The part a principal plays in the pipeline; decides the component of a finding."""

    SERVICE_ROLE = "service_role"
    ACTION_ROLE = "action_role"
    BUILD_ROLE = "build_role"
    CLOUDFORMATION_ROLE = "cloudformation_role"
    FUNCTION_ROLE = "function_role"
    INSTANCE_ROLE = "instance_role"
    EVENT_ROLE = "event_role"
    RULE_ROLE = "rule_role"
    USER = "user"
    SERVICE = "service"  # a service principal: codepipeline.amazonaws.com


class Strength(StrEnum):
    ALWAYS = "always"
    WHEN = "when"  # the condition that makes it needed is met
    DOCUMENTED = "documented"  # AWS lists it, pipelines that run daily do without


@dataclass(frozen=True, slots=True)
class Requirement:
    """One request that AWS will decide when the pipeline runs.

    `context` is what is known to be sent; `unknown` names keys that may or may not be sent.
    `resource_account` is empty when nobody knows who owns the resource.
    """

    principal: str
    part: Part
    action: str
    resource: str
    resource_account: str = ""
    region: str = ""
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=empty)
    unknown: frozenset[str] = frozenset()
    strength: Strength = Strength.ALWAYS
    purpose: str = ""  # an id of purposes.toml: what the access is for, in words
    documentation: str = ""
    stage: str = ""
    pipeline_action: str = ""
    provider: str = ""
    # The VPC whose endpoints the request may pass, when the principal works inside one.
    vpc_id: str = ""
    # Alternatives of one need share this name: one of them allowed is enough (both prefixes).
    alternative: str = ""
    # The resource as a policy names it (`…/*`), where `resource` is one example of it, such as
    # one artifact's object. Findings and fixes show this one; see `shown`.
    pattern: str = ""
    # Parts of `resource` that nobody could resolve (a `#{variable}`, a key's alias) and that
    # stand there as `*`: a verdict other than *allowed* is then *unknown*.
    unresolved: tuple[str, ...] = ()
    # Condition keys, with their values, without which nobody should be given the access.
    narrow: Mapping[str, tuple[str, ...]] = field(default_factory=empty)

    @property
    def shown(self) -> str:
        """The resource for people and for policies."""
        return self.pattern or self.resource
