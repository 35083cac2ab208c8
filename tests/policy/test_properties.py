"""What holds for every case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.policy.build import ALLOWED, EXPLICIT, IMPLICIT, OTHER, ROOT, UNKNOWN
from tests.policy.worlds import (
    ALL_ACTIONS,
    KEYS,
    as_document,
    documents,
    policies,
    principals,
    requests,
    statements,
)
from workers.policy import (
    Document,
    Level,
    Policies,
    PolicyKind,
    Request,
    Stance,
    Unreadable,
    enough,
    evaluate,
    explain,
    with_additions,
)
from workers.policy.documents import raw_statements

EXAMPLES = os.environ.get("POLICY_EXAMPLES")
"""Set to a number for a longer, random run; the usual one is short and always the same."""

many = settings(
    max_examples=int(EXAMPLES or 100),
    derandomize=EXAMPLES is None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def with_statement(all_of: Policies, layer: str, statement: dict[str, Any], at: int) -> Policies:
    """One more statement in a document that is there already (or in a new identity policy)."""

    def extended(document: Document) -> Document:
        made = list(raw_statements(document.raw))
        made.insert(at % (len(made) + 1), statement)
        return as_document(made, document.kind)

    if layer == "identity":
        bare = {key: value for key, value in statement.items() if key != "Principal"}
        return replace(
            all_of, identity=(*all_of.identity, as_document([bare], PolicyKind.IDENTITY))
        )
    if layer == "resource":
        if not isinstance(all_of.resource, Document):
            return replace(all_of, resource=as_document([statement], PolicyKind.RESOURCE))
        return replace(all_of, resource=extended(all_of.resource))
    if layer == "scps":
        return replace(
            all_of,
            scps=tuple(
                Level(
                    level.target,
                    tuple(extended(p) for p in level.policies if isinstance(p, Document)),
                )
                for level in all_of.scps
            ),
        )
    held = getattr(all_of, layer)
    changed: dict[str, Any] = {layer: tuple(map(extended, held))} if held else {}
    return replace(all_of, **changed)


layers = st.sampled_from(("identity", "resource", "boundaries", "session", "vpce", "scps"))
places = st.integers(0, 4)


@many
@given(requests(), policies(), layers, statements(named=True, effects=("Allow",)), places)
def test_adding_an_allow_never_turns_allowed_into_denied(
    request: Request, before: Policies, layer: str, statement: dict[str, Any], at: int
) -> None:
    after = with_statement(before, layer, statement, at)
    if evaluate(request, before).decision is ALLOWED:
        assert evaluate(request, after).decision is ALLOWED


@many
@given(requests(), policies(), layers, statements(named=True, effects=("Deny",)), places)
def test_adding_a_deny_never_turns_denied_into_allowed(
    request: Request, before: Policies, layer: str, statement: dict[str, Any], at: int
) -> None:
    after = with_statement(before, layer, statement, at)
    first, second = evaluate(request, before).decision, evaluate(request, after).decision
    if first is not ALLOWED:
        assert second is not ALLOWED
    if first is EXPLICIT:
        assert second is EXPLICIT


@many
@given(requests(), policies(), st.randoms(use_true_random=False))
def test_order_does_not_matter(request: Request, ordered: Policies, random: Any) -> None:
    def shuffled(items: Any) -> tuple[Any, ...]:
        mixed = list(items)
        random.shuffle(mixed)
        return tuple(mixed)

    def mixed(document: Any) -> Any:
        return as_document(list(shuffled(raw_statements(document.raw))), document.kind)

    other = replace(
        ordered,
        identity=shuffled(map(mixed, ordered.identity)),
        resource=None if ordered.resource is None else mixed(ordered.resource),
        scps=shuffled(ordered.scps),
        rcps=shuffled(ordered.rcps),
    )
    one, two = evaluate(request, ordered), evaluate(request, other)
    assert (one.decision, one.blocked_by) == (two.decision, two.blocked_by)


@many
@given(requests(), policies(), st.sampled_from((str.upper, str.lower, str.swapcase)))
def test_the_case_of_actions_does_not_matter(request: Request, held: Policies, change: Any) -> None:
    def changed(document: Any) -> Any:
        made = [
            {
                key: [change(action) for action in value] if key.endswith("Action") else value
                for key, value in statement.items()
            }
            for statement in raw_statements(document.raw)
        ]
        return as_document(made, document.kind)

    other = replace(
        held,
        identity=tuple(map(changed, held.identity)),
        resource=None if held.resource is None else changed(held.resource),
    )
    shouted = replace(request, action=change(request.action))
    assert evaluate(request, held).decision is evaluate(shouted, other).decision


def completions(request: Request, unknown: tuple[str, ...]) -> Iterator[Request]:
    """Every way to settle the unknown keys, among values that policies name and one they do not."""
    choices = [(None, *KEYS[key], "something else") for key in unknown]
    for values in product(*choices):
        settled = {
            key: value for key, value in zip(unknown, values, strict=True) if value is not None
        }
        yield replace(request, unknown=frozenset(), context={**request.context, **settled})


@many
@given(requests(), policies(), st.sets(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2))
def test_unknown_keys_are_consistent_with_every_completion(
    request: Request, held: Policies, unknown: set[str]
) -> None:
    bare = {key: value for key, value in request.context.items() if key not in unknown}
    unsure = replace(request, context=bare, unknown=frozenset(unknown))
    decision = evaluate(unsure, held, partial=True).decision
    outcomes = {evaluate(r, held).decision for r in completions(unsure, tuple(sorted(unknown)))}
    if decision is ALLOWED:
        assert outcomes == {ALLOWED}
    elif decision is EXPLICIT:
        assert outcomes == {EXPLICIT}
    elif decision is IMPLICIT:
        assert ALLOWED not in outcomes


UNREAD = Unreadable("unread", "no access")


@many
@given(requests(), policies(), st.data())
def test_unreadable_documents_are_consistent_with_whatever_they_say(
    request: Request, held: Policies, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from((PolicyKind.IDENTITY, PolicyKind.RESOURCE, PolicyKind.SCP)))
    said = data.draw(documents(kind))

    def having(document: Any) -> Policies:
        if kind is PolicyKind.IDENTITY:
            return replace(held, identity=(*held.identity, document))
        if kind is PolicyKind.RESOURCE:
            return replace(held, resource=document)
        return replace(held, scps=(*held.scps, Level("unread", (document,))))

    decision = evaluate(request, having(UNREAD)).decision
    outcome = evaluate(request, having(said)).decision
    if decision is IMPLICIT:
        assert outcome is not ALLOWED
    elif decision is not UNKNOWN:
        assert outcome is decision


@many
@given(requests(), policies(), st.sets(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2))
def test_what_a_key_would_lead_to_is_what_it_leads_to(
    request: Request, held: Policies, unknown: set[str]
) -> None:
    bare = {key: value for key, value in request.context.items() if key not in unknown}
    unsure = replace(request, context=bare, unknown=frozenset(unknown))
    verdict = evaluate(unsure, held, partial=True)
    assert bool(verdict.depends_on) is (verdict.decision is UNKNOWN)
    for dependency in verdict.depends_on:
        left = unsure.unknown - {dependency.name}
        absent = replace(unsure, unknown=left)
        assert dependency.outcomes["absent"] is evaluate(absent, held, partial=True).decision


@many
@given(requests(), policies())
def test_what_is_said_to_be_enough_is_enough_and_no_more(request: Request, held: Policies) -> None:
    verdict = evaluate(request, held)
    # The root user assumes no role, whoever lets it.
    assume(not (request.principal == ROOT and request.action == "sts:AssumeRole"))
    assume(verdict.decision is IMPLICIT)
    remedy = enough(request, held)
    assert remedy.obstacle is None
    assert remedy.after is ALLOWED
    assert evaluate(request, remedy.policies).decision is ALLOWED
    # Each addition is needed: without any one of them the request stays denied.
    for left_out in remedy.additions:
        rest = tuple(a for a in remedy.additions if a is not left_out)
        assert evaluate(request, with_additions(request, held, rest)).decision is not ALLOWED


@many
@given(requests(), policies(), st.sampled_from(ALL_ACTIONS), requests())
def test_nothing_outside_the_requested_access_flips(
    request: Request, held: Policies, action: str, elsewhere: Request
) -> None:
    assume(evaluate(request, held).decision is IMPLICIT)
    after = enough(request, held).policies
    # Another resource has a resource policy of its own, which nobody changed.
    others = [
        (replace(request, action=action), after),
        (replace(elsewhere, principal=request.principal), replace(after, resource=held.resource)),
    ]
    for other, changed in others:
        if other.action == request.action and other.resource == request.resource:
            continue
        if evaluate(other, held).decision is not ALLOWED:
            assert evaluate(other, changed).decision is not ALLOWED


@many
@given(requests(), policies(), principals)
def test_what_a_resource_is_told_to_allow_reaches_nobody_else(
    request: Request, held: Policies, stranger: str
) -> None:
    assume(evaluate(request, held).decision is IMPLICIT)
    assume(request.principal != "*")
    after = enough(request, held).policies
    same = stranger.rpartition("/")[2] == request.principal.rpartition("/")[2]
    pipeline = "pipeline" in stranger and "pipeline" in request.principal
    root = request.principal.endswith(":root")
    assume(not (same or pipeline or root))
    asked = replace(request, principal=stranger, resource_account=request.resource_account)
    only_resource = Policies(resource=held.resource), Policies(resource=after.resource)
    before = evaluate(asked, only_resource[0]).decision
    if before is not ALLOWED:
        assert evaluate(asked, only_resource[1]).decision is not ALLOWED


@many
@given(requests(), policies())
def test_an_explanation_tells_the_same_as_the_verdict(request: Request, held: Policies) -> None:
    explanation = explain(request, held)
    verdict = evaluate(request, held)
    assert explanation.verdict == verdict
    denies = any(layer.stance is Stance.DENIES for layer in explanation.layers)
    assert denies is (verdict.decision is EXPLICIT)
    shown = {
        (m.layer, m.policy, m.statement) for layer in explanation.layers for m in layer.matched
    }
    assert {(m.layer, m.policy, m.statement) for m in verdict.matched} <= shown
    if verdict.decision is ALLOWED:
        assert verdict.blocked_by == ()
        assert verdict.matched or request.principal.endswith(":root")


@many
@given(requests(), policies())
def test_an_account_that_is_unknown_is_consistent_with_both(
    request: Request, held: Policies
) -> None:
    unsure = replace(request, resource="arn:aws:s3:::artifacts/app.zip", resource_account=None)
    decision = evaluate(unsure, held, partial=True).decision
    own = evaluate(replace(unsure, resource_account="111122223333"), held).decision
    foreign = evaluate(replace(unsure, resource_account=OTHER), held).decision
    if decision is not UNKNOWN:
        assert {own, foreign} == {decision}
