"""Every component of a pipeline's access with its state: the table at the end of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.diagnosis.lookup import find_role, role_of
from workers.diagnosis.model import Certainty, Check, Component, Finding, Outcome, Section
from workers.diagnosis.naming import Names
from workers.diagnosis.texts import Texts
from workers.pipeline.managed import Deprecated, attached
from workers.pipeline.minimum import compare
from workers.pipeline.requirement import Part, Requirement, Strength
from workers.policy import Decision
from workers.snapshot.model import Reading, Snapshot, State

_DENIED = (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY)


@dataclass(frozen=True, slots=True)
class Sections:
    """Writes the sections of one report."""

    snapshot: Snapshot
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    purposes: Mapping[str, str]
    names: Names

    @property
    def texts(self) -> Texts:
        return self.names.texts

    def all(self) -> tuple[Section, ...]:
        """The sections, in the order of the article."""
        return (
            self._user(),
            self._service_role(),
            self._of_parts("action_role", Component.ACTION_ROLE, _ACTION_PARTS),
            self._of_parts("build_role", Component.BUILD_ROLE, (Part.BUILD_ROLE,)),
            self._of_service("bucket", Component.BUCKET, ("s3",), self._buckets),
            self._of_service("kms", Component.KMS, ("kms",), self._keys),
            self._of_service(
                "connection",
                Component.CONNECTION,
                ("codestar-connections", "codeconnections"),
                self._connections,
            ),
            self._of_service("trust", Component.TRUST, ("sts",), tuple),
            self._organisation(),
            self._boundaries(),
            self._network(),
            self._configuration(),
        )

    def _user(self) -> Section:
        mine = [each for each in self.checks if each.requirement.part is Part.USER]
        found = self._found(Component.USER)
        if not mine and not found:
            return Section("user", Outcome.CLEAR, self.texts.say("sections.nobody"))
        return self._section("user", mine, found, (*self._managed(), *self._by_purpose(mine)))

    def _service_role(self) -> Section:
        mine = [each for each in self.checks if each.requirement.part is Part.SERVICE_ROLE]
        details = (*self._by_purpose(mine), *self._compared())
        return self._section("service_role", mine, self._found(Component.SERVICE_ROLE), details)

    def _of_parts(self, name: str, component: Component, parts: Sequence[Part]) -> Section:
        mine = [each for each in self.checks if each.requirement.part in parts]
        return self._section(name, mine, self._found(component), self._by_principal(mine))

    def _compared(self) -> Iterator[str]:
        """The service role against the published minimum policy, per statement and bucket."""
        pipeline = self.snapshot.pipeline.value
        if pipeline is None or not pipeline.role_arn:
            return
        role = find_role(self.snapshot, pipeline.role_arn).value
        if role is None:
            return
        buckets = [store.bucket for store in pipeline.stores]
        for each in compare(role, buckets, pipeline.account, pipeline.partition):
            key = "unknown" if each.unknown else "lacking" if each.missing else "complete"
            own = "own_account" if each.only_own_account else "any_account"
            yield self.texts.say(
                f"minimum.{key}",
                statement=each.statement.sid,
                bucket=each.bucket,
                actions=self.texts.listed(each.missing or each.unknown, 8),
                reach=self.texts.say(f"minimum.{own}") if key == "complete" else "",
            )

    def _managed(self) -> Iterator[str]:
        """The AWS managed policies for CodePipeline that the person has, deprecated ones too."""
        caller = self.snapshot.caller
        if not caller:
            return
        reading = (
            self.snapshot.user(caller)
            if ":user/" in caller
            else find_role(self.snapshot, role_of(caller))
        )
        policies = reading.value.policies.value if reading.value is not None else None
        for each in attached(policies or ()):
            if isinstance(each, Deprecated):
                yield self.texts.say(
                    "sections.deprecated", name=each.name, replacement=each.replacement
                )
            else:
                yield self.texts.say("sections.managed", name=each.name, summary=each.summary)

    def _of_service(
        self,
        name: str,
        component: Component,
        services: Sequence[str],
        details: Callable[[], Iterable[str]],
    ) -> Section:
        mine = [
            each
            for each in self.checks
            if each.requirement.action.lower().partition(":")[0] in services
        ]
        return self._section(name, mine, self._found(component), tuple(details()))

    def _section(
        self,
        name: str,
        checks: Sequence[Check],
        findings: Sequence[Finding],
        details: Iterable[str],
    ) -> Section:
        outcome, summary = self._state(checks, findings)
        return Section(name, outcome, summary, tuple(details))

    def _state(self, checks: Sequence[Check], findings: Sequence[Finding]) -> tuple[Outcome, str]:
        needed = [each for each in checks if _counts(each)]
        denied = [each for each in needed if each.verdict.decision in _DENIED]
        unknown = [each for each in needed if each.verdict.decision is Decision.UNKNOWN]
        if findings and any(each.certainty is not Certainty.UNKNOWN for each in findings):
            return Outcome.BLOCKED, findings[0].headline
        if denied:
            return Outcome.BLOCKED, self._count("blocked", denied, needed)
        if unknown or findings:
            if not unknown:
                return Outcome.UNKNOWN, findings[0].headline
            return Outcome.UNKNOWN, self._count("unknown", unknown, needed)
        if not needed:
            return Outcome.CLEAR, self.texts.say("sections.none")
        return Outcome.CLEAR, self._count("clear", needed, needed)

    def _count(self, key: str, some: Sequence[Check], of: Sequence[Check]) -> str:
        return self.texts.say(f"sections.{key}", count=len(some), total=len(of))

    def _found(self, component: Component) -> tuple[Finding, ...]:
        return tuple(
            each
            for each in self.findings
            if each.component is component and each.decision != Decision.ALLOWED
        )

    # --- details -------------------------------------------------------------------------------

    def _by_purpose(self, checks: Iterable[Check]) -> tuple[str, ...]:
        """The minimum policy, one line per statement of it."""
        groups: dict[str, list[Check]] = {}
        for check in checks:
            groups.setdefault(self._purpose(check.requirement), []).append(check)
        return tuple(self._minimum(purpose, group) for purpose, group in groups.items())

    def _minimum(self, purpose: str, checks: Sequence[Check]) -> str:
        needed = [each for each in checks if _counts(each)]
        missing = _actions(each for each in needed if each.verdict.decision in _DENIED)
        unknown = _actions(each for each in needed if each.verdict.decision is Decision.UNKNOWN)
        key = "minimum_missing" if missing else "minimum_unknown" if unknown else "minimum_ok"
        actions = self.texts.listed(missing or unknown)
        return self.texts.say(f"sections.{key}", purpose=purpose, actions=actions)

    def _purpose(self, need: Requirement) -> str:
        return self.purposes.get(need.purpose, "") or need.purpose.replace("_", " ") or need.action

    def _by_principal(self, checks: Iterable[Check]) -> tuple[str, ...]:
        groups: dict[str, list[Check]] = {}
        for check in checks:
            groups.setdefault(role_of(check.requirement.principal), []).append(check)
        return tuple(
            self._status(
                self.names.party(principal),
                self._state(group, ())[1],
            )
            for principal, group in groups.items()
        )

    def _buckets(self) -> Iterator[str]:
        for name, reading in sorted(self.snapshot.buckets.items()):
            if reading.value is None:
                yield self._status(name, self._reading(reading))
                continue
            bucket = reading.value
            yield self._status(
                name,
                self.texts.say(
                    "sections.bucket",
                    policy=self._reading(_presence(bucket.policy)),
                    ownership=self._reading(bucket.ownership),
                    key=self.names.short(self._reading(bucket.encryption_key)),
                ),
            )

    def _keys(self) -> Iterator[str]:
        for arn, reading in sorted(self.snapshot.keys.items()):
            if reading.value is None:
                yield self._status(self.names.short(arn), self._reading(reading))
                continue
            key = reading.value
            grants = (
                str(len(key.grants.value or ())) if key.grants.known else self._reading(key.grants)
            )
            yield self._status(
                self.names.short(arn),
                self.texts.say(
                    "sections.key",
                    manager=self._reading(key.manager),
                    state=self._reading(key.state),
                    policy=self._reading(_presence(key.policy)),
                    grants=grants,
                ),
            )

    def _connections(self) -> Iterator[str]:
        for arn, reading in sorted(self.snapshot.connections.items()):
            status = reading.value.status if reading.value is not None else reading
            yield self._status(self.names.short(arn), self._reading(status))

    def _reading(self, reading: Reading[Any]) -> str:
        if reading.state is State.UNREADABLE:
            return self.texts.say("sections.unread")
        if reading.state is State.ABSENT:
            return self.texts.say("sections.absent")
        return str(reading.value)

    def _status(self, name: str, status: str) -> str:
        return self.texts.say("sections.status", name=name, status=status)

    # --- the rest ------------------------------------------------------------------------------

    def _organisation(self) -> Section:
        found = (*self._found(Component.SCP), *self._found(Component.RCP))
        details, unread = [], 0
        for account, reading in sorted(self.snapshot.memberships.items()):
            if reading.state is State.ABSENT:
                details.append(self.texts.say("sections.not_member", account=account))
                continue
            value = reading.value
            for name in ("scps", "rcps"):
                levels: Reading[Any] = getattr(value, name) if value is not None else reading
                unread += levels.state is State.UNREADABLE
                shown = (
                    self._reading(levels)
                    if levels.value is None
                    else self.texts.say("sections.levels", count=len(levels.value))
                )
                details.append(self._status(f"{name[:3].upper()} {account}", shown))
        return self._simple("organisation", found, unread or not self.snapshot.memberships, details)

    def _boundaries(self) -> Section:
        found = [each for each in self.findings if each.detail == "boundary"]
        details, unread = [], 0
        for principal in dict.fromkeys(role_of(each.requirement.principal) for each in self.checks):
            if ":role/" not in principal:
                continue
            role = find_role(self.snapshot, principal)
            if role.value is None or role.value.boundary.state is State.UNREADABLE:
                unread += role.state is not State.ABSENT
            elif role.value.boundary.value is not None:
                name = role.value.boundary.value.arn or role.value.boundary.value.name
                details.append(self._status(self.names.short(principal), self.names.policy(name)))
        if not details and not unread:
            details.append(self.texts.say("sections.no_boundary"))
        return self._simple("boundary", found, unread, details)

    def _network(self) -> Section:
        found = [each for each in self.findings if each.detail == "vpc_endpoint"]
        vpcs = dict.fromkeys(each.requirement.vpc_id for each in self.checks)
        details, unread = [], 0
        for vpc in filter(None, vpcs):
            reading = self.snapshot.description(vpc)
            unread += reading.state is State.UNREADABLE
            endpoints = (reading.value or {}).get("VpcEndpoints", ())
            shown = (
                self._reading(reading)
                if reading.value is None
                else self.texts.say("sections.endpoints", count=len(endpoints))
            )
            details.append(self._status(vpc, shown))
        return self._simple("network", found, unread, details)

    def _configuration(self) -> Section:
        found = [
            each
            for each in self._found(Component.CONFIG)
            if each.detail not in ("vpc_endpoint", "boundary")
        ]
        return self._simple("config", found, 0, [each.headline for each in found])

    def _simple(
        self, name: str, findings: Sequence[Finding], unread: int | bool, details: Sequence[str]
    ) -> Section:
        if any(each.certainty is not Certainty.UNKNOWN for each in findings):
            return Section(name, Outcome.BLOCKED, findings[0].headline, tuple(details))
        if findings:
            return Section(name, Outcome.UNKNOWN, findings[0].headline, tuple(details))
        if unread:
            return Section(
                name, Outcome.UNKNOWN, self.texts.say("sections.partly_unread"), tuple(details)
            )
        return Section(
            name, Outcome.CLEAR, self.texts.say("sections.nothing_denies"), tuple(details)
        )


_ACTION_PARTS = (
    Part.ACTION_ROLE,
    Part.CLOUDFORMATION_ROLE,
    Part.FUNCTION_ROLE,
    Part.INSTANCE_ROLE,
    Part.EVENT_ROLE,
    Part.RULE_ROLE,
)


def _counts(check: Check) -> bool:
    """What AWS merely lists blocks no pipeline; of a person it tells what they may do."""
    need = check.requirement
    return need.strength is not Strength.DOCUMENTED or need.part is Part.USER


def _actions(checks: Iterable[Check]) -> list[str]:
    return list(dict.fromkeys(each.requirement.action for each in checks))


def _presence(policy: Reading[str]) -> Reading[str]:
    return policy if policy.value is None else Reading(policy.state, "✓")
