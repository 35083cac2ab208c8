"""One statement, compiled: does it apply to a request?

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_statement.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.policy.conditions import Answer, Check, Condition, conditions_of
from workers.policy.layers import Effect, PolicyKind
from workers.policy.patterns import (
    Matcher,
    Token,
    anything,
    bound_to_segments,
    compile_glob,
    compile_tokens,
    tokens_of,
)
from workers.policy.principals import Grade, PrincipalSet, PrincipalType, principal_set
from workers.policy.reader import Source
from workers.policy.requests import Facts
from workers.policy.variables import Template, compare, has_variables, template_of


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Statement:
    """A statement of a policy, ready to be matched.

    ``actions`` and ``resources`` are the values as written; the ``not_`` flags say that the
    element was NotAction or NotResource. ``checks`` are the tests that remain once the action
    matches, cheapest first.
    """

    policy: str
    index: int
    sid: str | None
    effect: Effect
    actions: tuple[str, ...]
    not_action: bool
    resources: tuple[str, ...]
    not_resource: bool
    principals: PrincipalSet | None
    not_principal: bool
    conditions: tuple[Condition, ...]
    resource_check: Check | None
    """None where the element takes in everything."""
    principal_check: Check | None
    checks: tuple[Check, ...]
    source: Source
    raw: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Statement({self.policy!r}, {self.label!r}, {self.effect.value})"

    @property
    def label(self) -> str:
        """The Sid, or ``#2`` for the second statement where there is none."""
        return self.sid or f"#{self.index + 1}"

    @property
    def line(self) -> int:
        """1-based line of the statement in its document's text."""
        return self.source.position(("Statement", self.index))[0]

    @property
    def column(self) -> int:
        """1-based column of the statement in its document's text."""
        return self.source.position(("Statement", self.index))[1]

    def covers(self, action: str) -> bool:
        """Whether Action or NotAction takes in ``action`` (lower case)."""
        return any(match(action) for match in map(compile_action, self.actions)) is not (
            self.not_action
        )

    def applies(self, facts: Facts) -> Answer:
        """Whether the statement applies to a request whose action it covers."""
        answer: Answer = True
        for check in self.checks:
            result = check(facts)
            if result is False:
                return False
            if result is None:
                answer = None
        return answer

    def grade(self, facts: Facts) -> Grade:
        """How closely the statement names the requester; DIRECT where it names nobody."""
        if self.principals is None or self.not_principal:
            return Grade.DIRECT
        return self.principals.grade(facts.principal)


def compile_action(written: str) -> Matcher:
    """A matcher of lower-case action names.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
    """
    return compile_glob(written.lower())


def statement_of(
    raw: Mapping[str, Any],
    *,
    index: int,
    policy: str,
    kind: PolicyKind,
    version: str,
    source: Source,
) -> Statement | None:
    """Compile a statement, or None if it could not have any effect in AWS.

    That is a statement whose Effect is neither word, that has no Action, or that has no Resource
    where one is needed; each of these is reported by the document.
    """
    effect = raw.get("Effect")
    if effect not in ("Allow", "Deny"):
        return None
    actions = _strings(raw.get("NotAction", raw.get("Action")))
    if not actions:
        return None
    variables = version == VARIABLES_SINCE
    resources = _strings(raw.get("NotResource", raw.get("Resource")))
    if not resources and kind.names_principals and not {"Resource", "NotResource"} & raw.keys():
        resources = ("*",)
    if not resources:
        return None
    not_principal = "NotPrincipal" in raw
    named = raw.get("NotPrincipal") if not_principal else raw.get("Principal")
    principals = principal_set(named) if kind.names_principals else None
    conditions = conditions_of(raw.get("Condition"), variables=variables)
    not_resource = "NotResource" in raw
    on_resource = resource_check(resources, negated=not_resource, variables=variables)
    on_principal = _principal_check(principals, not_principal, Effect(effect), kind)
    checks = (on_resource, on_principal, *(condition.check for condition in conditions))
    sid = raw.get("Sid")
    return Statement(
        policy=policy,
        index=index,
        sid=sid if isinstance(sid, str) and sid else None,
        effect=Effect(effect),
        actions=actions,
        not_action="NotAction" in raw,
        resources=resources,
        not_resource=not_resource,
        principals=principals,
        not_principal=not_principal,
        conditions=conditions,
        resource_check=on_resource,
        principal_check=on_principal,
        checks=tuple(check for check in checks if check is not None),
        source=source,
        raw=raw,
    )


VARIABLES_SINCE = "2012-10-17"
"""The version of the policy language that has variables.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
"""


def _strings(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(item for item in value if isinstance(item, str))
    return ()


def resource_check(resources: tuple[str, ...], *, negated: bool, variables: bool) -> Check | None:
    """The test of a Resource or NotResource element; None if it holds for every request."""
    templates = [
        template_of(text, wildcards=True) for text in resources if variables and has_variables(text)
    ]
    fixed = [text for text in resources if not (variables and has_variables(text))]
    exact = frozenset(text for text in fixed if "*" not in text and "?" not in text)
    globs = [
        compile_tokens(bound_to_segments(tokens_of(text))) for text in fixed if text not in exact
    ]
    if any(glob is anything for glob in globs):
        return None if not negated else _never
    if templates:
        return _template_resources(exact, globs, templates, negated)
    if not globs:
        return _exact_resources(exact, negated)
    if not exact and len(globs) == 1:
        only = globs[0]
        return lambda facts: only(facts.resource) is not negated

    def check(facts: Facts) -> Answer:
        resource = facts.resource
        return (resource in exact or any(glob(resource) for glob in globs)) is not negated

    return check


def _never(_: Facts) -> Answer:
    return False


def _exact_resources(exact: frozenset[str], negated: bool) -> Check:
    if len(exact) == 1 and not negated:
        (only,) = exact
        return lambda facts: facts.resource == only
    return lambda facts: (facts.resource in exact) is not negated


def _template_resources(
    exact: frozenset[str], globs: list[Matcher], templates: list[Template], negated: bool
) -> Check:
    def compiled(tokens: list[Token]) -> Matcher:
        return compile_tokens(bound_to_segments(tokens))

    def check(facts: Facts) -> Answer:
        resource = facts.resource
        if resource in exact or any(glob(resource) for glob in globs):
            return not negated
        return compare(resource, templates, facts.context, facts.unknown, compiled, negated=negated)

    return check


def _principal_check(
    principals: PrincipalSet | None, negated: bool, effect: Effect, kind: PolicyKind
) -> Check | None:
    if principals is None or kind is PolicyKind.RCP:
        return None
    if negated:
        return _not_principal_check(principals, effect)
    return None if principals.everyone else _named_principal_check(principals)


def _named_principal_check(principals: PrincipalSet) -> Check:
    def check(facts: Facts) -> Answer:
        if principals.grade(facts.principal) is not Grade.NONE:
            return True
        if facts.partial and principals.names_a_session_of(facts.principal):
            return None
        return False

    return check


def _not_principal_check(principals: PrincipalSet, effect: Effect) -> Check:
    """NotPrincipal with Deny takes in everybody who is not listed.

    It also takes in every principal with a permissions boundary, whatever the list says.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
    """
    overreaches = effect is Effect.DENY

    def check(facts: Facts) -> Answer:
        if overreaches and facts.bounded and facts.principal.is_iam_entity:
            return True
        principal = facts.principal
        if principal.type is PrincipalType.ROLE and facts.partial:
            # Which session of the role will ask is not known, and each would have to be listed.
            unsure = principals.excepts(principal) or principals.names_a_session_of(principal)
            return None if unsure else True
        return not principals.excepts(principal)

    return check
