"""What an unknown decision hangs on, and what each value would lead to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Protocol

from workers.policy.documents import Document, Unreadable, parse
from workers.policy.layers import Decision, PolicyKind
from workers.policy.policies import Level, Policies, Policy
from workers.policy.principals import principal_of
from workers.policy.requests import Request, resource_account
from workers.policy.verdicts import Dependency


class Decide(Protocol):
    """``evaluation.decide``, handed in so that neither module needs the other at import."""

    def __call__(self, request: Request, policies: Policies, *, partial: bool = False) -> Decision:
        """The decision of a request."""


def dependencies_of(
    request: Request, policies: Policies, *, partial: bool, decide: Decide
) -> tuple[Dependency, ...]:
    """Settle each unknown on its own and see what becomes of the decision.

    An unknown that no value of its own moves is left out, unless nothing moves it alone: then
    all that could are named.
    """
    found = [
        *_keys(request, policies, partial, decide),
        *_documents(request, policies, partial, decide),
    ]
    moving = [d for d in found if any(o is not Decision.UNKNOWN for o in d.outcomes.values())]
    return tuple(moving or found)


def _keys(
    request: Request, policies: Policies, partial: bool, decide: Decide
) -> Iterator[Dependency]:
    if not partial:
        return
    asked = _asked_values(policies)
    for key in sorted(request.unknown):
        if key.lower() not in asked:
            continue
        left = request.unknown - {key}
        outcomes = {
            "absent": decide(replace(request, unknown=left), policies, partial=True),
        }
        for value in (*sorted(asked[key.lower()]), _OTHER):
            known = replace(request, unknown=left, context={**request.context, key: value})
            label = "any other value" if value is _OTHER else value
            outcomes[label] = decide(known, policies, partial=True)
        yield Dependency("context", key, outcomes)
    yield from _account(request, policies, decide)


_OTHER = "a value that no policy names"


def _account(request: Request, policies: Policies, decide: Decide) -> Iterator[Dependency]:
    own = principal_of(request.principal).account
    if resource_account(request) is not None or own is None:
        return
    outcomes = {
        "the requester's account": decide(
            replace(request, resource_account=own), policies, partial=True
        ),
        "another account": decide(
            replace(request, resource_account="000000000000"), policies, partial=True
        ),
    }
    yield Dependency("account", "aws:ResourceAccount", outcomes)


def _asked_values(policies: Policies) -> dict[str, set[str]]:
    """The values that conditions compare each key with, by lower-case key."""
    asked: dict[str, set[str]] = {}
    for document in _readable(policies):
        for statement in document.statements:
            for condition in statement.conditions:
                values = asked.setdefault(condition.key.lower(), set())
                if condition.operator is not None and condition.operator.name != "Null":
                    values.update(v for v in condition.values if not set("*?$") & set(v))
            for text in (
                *statement.resources,
                *(v for c in statement.conditions for v in c.values),
            ):
                for part in text.split("${")[1:]:
                    asked.setdefault(
                        part.partition("}")[0].partition(",")[0].strip().lower(), set()
                    )
    return asked


def all_policies(policies: Policies) -> Iterator[Policy]:
    """Every document of every layer, readable or not."""
    yield from policies.identity
    if policies.resource is not None:
        yield policies.resource
    yield from policies.boundaries or ()
    yield from policies.session or ()
    yield from policies.vpce
    for level in (*policies.scps, *policies.rcps):
        yield from level.policies


def _readable(policies: Policies) -> Iterable[Document]:
    return (p for p in all_policies(policies) if isinstance(p, Document))


def _documents(
    request: Request, policies: Policies, partial: bool, decide: Decide
) -> Iterator[Dependency]:
    seen: set[tuple[str, int]] = set()
    for policy in all_policies(policies):
        if policy.unreadable is None or (policy.name, id(policy)) in seen:
            continue
        seen.add((policy.name, id(policy)))
        outcomes = {
            label: decide(request, _with(policies, policy, stand_in), partial=partial)
            for label, stand_in in _stand_ins().items()
        }
        yield Dependency("document", policy.name, outcomes)
    if isinstance(policies.grants, Unreadable):
        without = decide(request, replace(policies, grants=()), partial=partial)
        yield Dependency(
            "document",
            policies.grants.name,
            {"it allows the request": Decision.UNKNOWN, "it is silent": without},
        )
    for name in ("public_access_block", "ownership"):
        setting = getattr(policies, name)
        if isinstance(setting, Unreadable):
            changes: dict[str, Any] = {name: None}
            without = decide(request, replace(policies, **changes), partial=partial)
            outcomes = {"it stops the request": Decision.IMPLICIT_DENY, "it does not": without}
            yield Dependency("document", setting.name, outcomes)


def _stand_in(*effects: str) -> Document:
    statements = [
        {"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*"} for effect in effects
    ]
    return parse({"Statement": statements}, name="", kind=PolicyKind.RESOURCE)


@cache
def _stand_ins() -> dict[str, Document]:
    """What an unread document could say, one document each."""
    return {
        "it allows the request": _stand_in("Allow"),
        "it is silent": _stand_in(),
        "it denies the request": _stand_in("Deny"),
    }


def _with(policies: Policies, unread: Policy, stand_in: Document) -> Policies:
    def swapped(documents: Iterable[Policy]) -> tuple[Policy, ...]:
        return tuple(stand_in if document is unread else document for document in documents)

    def levels(of: tuple[Level, ...]) -> tuple[Level, ...]:
        return tuple(replace(level, policies=swapped(level.policies)) for level in of)

    return replace(
        policies,
        identity=swapped(policies.identity),
        resource=stand_in if policies.resource is unread else policies.resource,
        boundaries=None if policies.boundaries is None else swapped(policies.boundaries),
        session=None if policies.session is None else swapped(policies.session),
        vpce=swapped(policies.vpce),
        scps=levels(policies.scps),
        rcps=levels(policies.rcps),
    )
