"""The sections about what limits: organisation, permissions boundaries, network, configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workers.diagnosis.lookup import find_role, role_of
from workers.diagnosis.model import Certainty, Component, Finding, Outcome, Section
from workers.diagnosis.sections.view import View
from workers.snapshot.model import Reading, State


def organisation(view: View) -> Section:
    """The service and resource control policies above each account."""
    found = (*view.found(Component.SCP), *view.found(Component.RCP))
    details, unread, members = [], 0, 0
    for account, reading in sorted(view.snapshot.memberships.items()):
        called = view.names.account(account)
        if reading.state is State.ABSENT:
            details.append(view.say("sections.not_member", account=called))
            continue
        members += 1
        value = reading.value
        for name in ("scps", "rcps"):
            levels: Reading[Any] = getattr(value, name) if value is not None else reading
            unread += levels.state is State.UNREADABLE
            shown = (
                view.reading(levels)
                if levels.value is None
                else view.say(
                    "sections.levels",
                    count=len(levels.value),
                    policies=sum(len(level.policies.value or ()) for level in levels.value),
                )
            )
            details.append(view.status(f"{name[:3].upper()} {called}", shown))
    nothing = "" if members or not view.snapshot.memberships else "no_organisation"
    missing = unread or not view.snapshot.memberships
    return _simple(view, "organisation", found, missing, details, nothing)


def boundaries(view: View) -> Section:
    """Which role has a permissions boundary, and which."""
    found = [each for each in view.findings if each.detail == "boundary"]
    details, unread = [], 0
    for principal in dict.fromkeys(role_of(each.requirement.principal) for each in view.checks):
        if ":role/" not in principal:
            continue
        role = find_role(view.snapshot, principal)
        if role.value is None or role.value.boundary.state is State.UNREADABLE:
            unread += role.state is not State.ABSENT
        elif role.value.boundary.value is not None:
            boundary = role.value.boundary.value
            name = view.names.policy(boundary.arn or boundary.name)
            details.append(view.status(view.names.party(principal), name))
    nothing = "" if details else "no_boundary"
    return _simple(view, "boundary", found, unread, details, nothing)


def network(view: View) -> Section:
    """The VPC endpoints that a build or an action passes."""
    found = [each for each in view.findings if each.detail == "vpc_endpoint"]
    vpcs = [vpc for vpc in dict.fromkeys(each.requirement.vpc_id for each in view.checks) if vpc]
    details, unread = [], 0
    for vpc in vpcs:
        reading = view.snapshot.description(vpc)
        unread += reading.state is State.UNREADABLE
        endpoints = (reading.value or {}).get("VpcEndpoints", ())
        shown = (
            view.reading(reading)
            if reading.value is None
            else view.say("sections.endpoints", count=len(endpoints))
        )
        details.append(view.status(vpc, shown))
    return _simple(view, "network", found, unread, details, "" if vpcs else "no_vpc")


def configuration(view: View) -> Section:
    """Faults that no policy cures."""
    found = [
        each
        for each in view.found(Component.CONFIG)
        if each.detail not in ("vpc_endpoint", "boundary")
    ]
    return _simple(view, "config", found, 0, [each.headline for each in found], "")


def _simple(
    view: View,
    name: str,
    findings: Sequence[Finding],
    unread: int | bool,
    details: Sequence[str],
    nothing: str,
) -> Section:
    """A section without checks of its own; `nothing` says why there is nothing to look at."""
    if any(each.certainty is not Certainty.UNKNOWN for each in findings):
        return Section(name, Outcome.BLOCKED, findings[0].headline, tuple(details))
    if findings:
        return Section(name, Outcome.UNKNOWN, findings[0].headline, tuple(details))
    if view.snapshot.pipeline.value is None:
        return Section(name, Outcome.UNKNOWN, view.say("sections.pipeline_unread"), tuple(details))
    if unread:
        return Section(name, Outcome.UNKNOWN, view.say("sections.partly_unread"), tuple(details))
    if nothing:
        return Section(name, Outcome.CLEAR, view.say(f"sections.{nothing}"), tuple(details), False)
    return Section(name, Outcome.CLEAR, view.say("sections.nothing_denies"), tuple(details))
