"""The sections about people and roles: what they are for, and whether they have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workers.diagnosis.lookup import find_role, role_of
from workers.diagnosis.model import Check, Component, Outcome, Section
from workers.diagnosis.sections.view import DENIED, View, counts
from workers.pipeline.managed import Deprecated, ManagedPolicy, attached, managed_policies
from workers.pipeline.minimum import Comparison, compare
from workers.pipeline.requirement import Part, Requirement
from workers.policy import Decision
from workers.snapshot.model import Kind

_ACTION_PARTS = (
    Part.ACTION_ROLE,
    Part.CLOUDFORMATION_ROLE,
    Part.FUNCTION_ROLE,
    Part.INSTANCE_ROLE,
    Part.EVENT_ROLE,
    Part.RULE_ROLE,
)
# What tells of roles besides those that build: functions, services, instances, rules.
_ACTION_KINDS = frozenset(Kind) - {Kind.PROJECT, Kind.CONNECTION}


def user(view: View) -> Section:
    """What the person may do with the pipeline, by task, and AWS's own policies they have."""
    mine, found = _of(view, (Part.USER,)), view.found(Component.USER)
    if not mine and not found:
        return Section("user", Outcome.CLEAR, view.say("sections.nobody"), (), False)
    who = role_of(mine[0].requirement.principal if mine else found[0].principal)
    return view.section(
        "user",
        mine,
        found,
        nothing="nobody",
        state=view.names.party(who),
        details=(*_managed(view), *_by_purpose(view, mine)),
    )


def service_role(view: View) -> Section:
    """The service role by purpose, and beside the minimum policy that AWS publishes."""
    mine = _of(view, (Part.SERVICE_ROLE,))
    compared = _compared(view)
    details = (*_by_purpose(view, mine), *(_statement(view, each) for each in compared))
    return view.section(
        "service_role",
        mine,
        view.found(Component.SERVICE_ROLE),
        nothing="none",
        state=_minimum(view, compared),
        details=details,
    )


def action_roles(view: View) -> Section:
    mine = _of(view, _ACTION_PARTS)
    return view.section(
        "action_role",
        mine,
        view.found(Component.ACTION_ROLE),
        nothing="no_action_roles",
        details=_by_principal(view, mine),
        parts=_ACTION_KINDS,
    )


def build_roles(view: View) -> Section:
    mine = _of(view, (Part.BUILD_ROLE,))
    return view.section(
        "build_role",
        mine,
        view.found(Component.BUILD_ROLE),
        nothing="no_builds",
        details=_by_principal(view, mine),
        parts={Kind.PROJECT},
    )


# --- people ------------------------------------------------------------------------------------


def _managed(view: View) -> Iterator[str]:
    """Which of the AWS managed policies for CodePipeline the person has, deprecated ones too.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/managed-policies.html
    """
    caller = view.snapshot.caller
    if not caller:
        return
    reading = (
        view.snapshot.user(caller)
        if ":user/" in caller
        else find_role(view.snapshot, role_of(caller))
    )
    policies = reading.value.policies.value if reading.value is not None else None
    if policies is None:
        yield view.say("sections.managed_unread")
        return
    found = attached(policies)
    for each in found:
        if isinstance(each, Deprecated):
            yield view.say("sections.deprecated", name=each.name, replacement=each.replacement)
        else:
            yield view.say("sections.managed", name=each.name, summary=each.summary)
    have = {each.name for each in found if isinstance(each, ManagedPolicy)}
    rest = [each.name for each in managed_policies() if each.name not in have]
    if rest:
        yield view.say("sections.not_managed", names=view.listed(rest))


# --- the service role --------------------------------------------------------------------------


def _compared(view: View) -> tuple[Comparison, ...]:
    """The service role beside the published minimum policy, per artifact bucket and statement."""
    pipeline = view.snapshot.pipeline.value
    if pipeline is None or not pipeline.role_arn:
        return ()
    role = find_role(view.snapshot, pipeline.role_arn).value
    if role is None:
        return ()
    buckets = [store.bucket for store in pipeline.stores]
    return compare(role, buckets, pipeline.account, pipeline.partition)


def _minimum(view: View, compared: Sequence[Comparison]) -> str:
    """The comparison in one phrase; what the minimum lists is not all needed."""
    if not compared:
        return ""
    missing = dict.fromkeys(action for each in compared for action in each.missing)
    if missing:
        return view.say("minimum.short_lacking", actions=view.listed(missing, 2))
    if any(each.unknown for each in compared):
        return view.say("minimum.short_unknown")
    own = all(each.only_own_account for each in compared)
    reach = view.say("minimum.own_account") if own else ""
    return view.say("minimum.short_complete", reach=reach)


def _statement(view: View, each: Comparison) -> str:
    key = "unknown" if each.unknown else "lacking" if each.missing else "complete"
    reach = "own_account" if each.only_own_account else "any_account"
    return view.say(
        f"minimum.{key}",
        statement=each.statement.sid,
        bucket=each.bucket,
        actions=view.listed(each.missing or each.unknown, 8),
        reach=view.say(f"minimum.{reach}") if each.only_own_account is not None else "",
    )


# --- checks in lines ---------------------------------------------------------------------------


def _of(view: View, parts: Sequence[Part]) -> list[Check]:
    return [each for each in view.checks if each.requirement.part in parts]


def _by_purpose(view: View, checks: Iterable[Check]) -> tuple[str, ...]:
    groups: dict[str, list[Check]] = {}
    for check in checks:
        groups.setdefault(_purpose(view, check.requirement), []).append(check)
    return tuple(_task(view, purpose, group) for purpose, group in groups.items())


def _task(view: View, purpose: str, checks: Sequence[Check]) -> str:
    needed = [each for each in checks if counts(each)]
    missing = _actions(each for each in needed if each.verdict.decision in DENIED)
    unknown = _actions(each for each in needed if each.verdict.decision is Decision.UNKNOWN)
    key = "minimum_missing" if missing else "minimum_unknown" if unknown else "minimum_ok"
    return view.say(f"sections.{key}", purpose=purpose, actions=view.listed(missing or unknown))


def _purpose(view: View, need: Requirement) -> str:
    return view.purposes.get(need.purpose, "") or need.purpose.replace("_", " ") or need.action


def _by_principal(view: View, checks: Iterable[Check]) -> tuple[str, ...]:
    groups: dict[str, list[Check]] = {}
    for check in checks:
        groups.setdefault(role_of(check.requirement.principal), []).append(check)
    return tuple(
        view.status(
            view.names.party(principal),
            view.verdict(group, ())[1] or view.say("sections.none"),
        )
        for principal, group in groups.items()
    )


def _actions(checks: Iterable[Check]) -> list[str]:
    return list(dict.fromkeys(each.requirement.action for each in checks))
