"""From a report and its snapshot to the map: who, what, and how each request stands."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from workers.diagnosis.map.columns import columns
from workers.diagnosis.map.model import AccessMap, Band, Edge, Mark, Principal, Resource
from workers.diagnosis.model import Certainty, Check, Finding, Report
from workers.pipeline.arn import account_of, parse
from workers.pipeline.requirement import Part, Strength
from workers.policy import Decision
from workers.snapshot.model import Pipeline, Snapshot, State

MANY_PRINCIPALS = 5
MANY_EDGES = 60


_MARKS = {
    Decision.ALLOWED: Mark.ALLOWED,
    Decision.UNKNOWN: Mark.UNKNOWN,
    Decision.EXPLICIT_DENY: Mark.DENIED,
    Decision.IMPLICIT_DENY: Mark.DENIED,
}


def access_map(report: Report, snapshot: Snapshot) -> AccessMap:
    """The map of a diagnosis. Pure; the order of everything is that of the pipeline.

    Refused requests come from the findings, unknown ones from both, allowed ones from
    `report.checks`: with none given, none is drawn, because nothing unproven is called allowed.
    What AWS merely documents and pipelines do without is drawn only where a finding speaks of it.
    """
    edges = tuple(_edges(report))
    pipeline = snapshot.pipeline.value if snapshot.pipeline.state is State.PRESENT else None
    principals = _principals(report, pipeline, edges)
    resources = _resources(report, snapshot, edges)
    tags = {principal.id: principal.tag for principal in principals}
    principals, edges = _folded(principals, edges)
    return AccessMap(
        pipeline=report.name,
        account=report.account,
        region=report.region,
        outcome=report.outcome,
        denied=_count(edges, Mark.DENIED),
        unknown=_count(edges, Mark.UNKNOWN),
        allowed=sum(each.verdict.decision is Decision.ALLOWED for each in report.checks),
        columns=columns(pipeline, report, edges, tags) if pipeline is not None else (),
        bands=_bands(report, snapshot, principals, resources),
        edges=edges[:MANY_EDGES],
        left_out=max(0, len(edges) - MANY_EDGES),
    )


# --- edges --------------------------------------------------------------------------------------


def _edges(report: Report) -> Iterator[Edge]:
    """Denied first, then unknown, then allowed ones between pairs that have neither."""
    groups: dict[tuple[str, str, Mark], list[Check]] = {}
    for finding in report.findings:
        for check in finding.checks:
            mark = _mark_in(finding, check)
            if mark is not Mark.ALLOWED:
                groups.setdefault(_pair(check, mark), []).append(check)
        if not finding.checks and finding.principal and finding.resource and _is_request(finding):
            yield _edge_of(finding)
    told = {id(check) for finding in report.findings for check in finding.checks}
    for check in report.checks:
        if (
            check.verdict.decision is Decision.UNKNOWN
            and check.requirement.strength is not Strength.DOCUMENTED
            and id(check) not in told
        ):
            groups.setdefault(_pair(check, Mark.UNKNOWN), []).append(check)
    troubled = {(principal, resource) for principal, resource, _ in groups}
    for check in report.checks:
        pair = _pair(check, Mark.ALLOWED)
        if check.verdict.decision is Decision.ALLOWED and pair[:2] not in troubled:
            groups.setdefault(pair, []).append(check)
    for (principal, resource, mark), checks in sorted(
        groups.items(), key=lambda each: tuple(Mark).index(each[0][2])
    ):
        yield Edge(
            principal,
            resource,
            mark,
            actions=tuple(dict.fromkeys(check.requirement.action for check in checks)),
            explicit=any(c.verdict.decision is Decision.EXPLICIT_DENY for c in checks),
            likely=mark is Mark.DENIED
            and all(c.verdict.decision is Decision.UNKNOWN for c in checks),
            where=tuple(
                dict.fromkeys(
                    (check.requirement.stage, check.requirement.pipeline_action) for check in checks
                )
            ),
        )


def _count(edges: Iterable[Edge], mark: Mark) -> int:
    return sum(len(edge.actions) for edge in edges if edge.mark is mark)


def _mark_in(finding: Finding, check: Check) -> Mark:
    """What the evaluator could not decide counts as refused where other evidence says so."""
    mark = _MARKS[check.verdict.decision]
    if mark is Mark.UNKNOWN and finding.certainty is not Certainty.UNKNOWN:
        return Mark.DENIED
    return mark


def _is_request(finding: Finding) -> bool:
    """Whether an IAM action is refused; else it is a fault of the resource itself."""
    return ":" in finding.action


def _edge_of(finding: Finding) -> Edge:
    mark = Mark.UNKNOWN if finding.certainty is Certainty.UNKNOWN else Mark.DENIED
    return Edge(
        finding.principal,
        resource_id(finding.resource, finding.principal),
        mark,
        actions=finding.actions or (finding.action,),
        explicit=finding.decision == Decision.EXPLICIT_DENY,
        likely=finding.certainty is Certainty.LIKELY,
        where=((finding.stage, finding.pipeline_action),),
    )


def _pair(check: Check, mark: Mark) -> tuple[str, str, Mark]:
    requirement = check.requirement
    resource = resource_id(requirement.resource, requirement.principal, requirement.action)
    return requirement.principal, resource, mark


def resource_id(resource: str, principal: str = "", action: str = "") -> str:
    """The node of a resource: a bucket for its objects, a service for `*`."""
    arn = parse(resource)
    if arn is None:
        service = action.partition(":")[0].lower() or "any"
        account = account_of(principal)
        return f"arn:*:{service}::{account}:*" if resource in ("*", "") else resource
    if arn.service == "s3":
        return f"arn:{arn.partition}:s3:::{arn.resource.partition('/')[0]}"
    return str(arn)


# --- principals and resources --------------------------------------------------------------------


def _principals(
    report: Report, pipeline: Pipeline | None, edges: Iterable[Edge]
) -> tuple[Principal, ...]:
    """The service role, the roles of the actions in their order, then whoever else is named."""
    parts: dict[str, str] = {}
    if pipeline is not None:
        if pipeline.role_arn:
            parts[pipeline.role_arn] = Part.SERVICE_ROLE
        for action in pipeline.actions:
            if action.role_arn:
                parts.setdefault(action.role_arn, Part.ACTION_ROLE)
    for check in _all_checks(report):
        parts.setdefault(check.requirement.principal, check.requirement.part)
    troubled = {edge.principal for edge in edges if edge.mark.trouble}
    for edge in edges:
        parts.setdefault(edge.principal, "")
    parts = {
        arn: part
        for arn, part in parts.items()
        if part != Part.SERVICE or arn in troubled  # AWS's own, of interest only then
    }
    return tuple(
        Principal(
            id=arn,
            tag=_tag(number),
            name=_short(arn),
            part=str(part),
            account=account_of(arn),
        )
        for number, (arn, part) in enumerate(parts.items())
    )


def _folded(
    principals: tuple[Principal, ...], edges: tuple[Edge, ...]
) -> tuple[tuple[Principal, ...], tuple[Edge, ...]]:
    """Many principals of one account and part to whom nothing is refused become one."""
    troubled = {edge.principal for edge in edges if edge.mark is not Mark.ALLOWED}
    calm: dict[tuple[str, str], list[Principal]] = {}
    for principal in principals:
        if principal.id not in troubled and principal.part != Part.SERVICE_ROLE:
            calm.setdefault((principal.account, principal.part), []).append(principal)
    into: dict[str, Principal] = {}
    for group in calm.values():
        if len(group) < MANY_PRINCIPALS:
            continue
        first = group[0]
        one = Principal(first.id, "", first.name, first.part, first.account, folded=len(group) - 1)
        into |= dict.fromkeys((principal.id for principal in group), one)
    kept = dict.fromkeys(into.get(principal.id, principal) for principal in principals)
    merged = dict.fromkeys(
        Edge(into[edge.principal].id, edge.resource, edge.mark) if edge.principal in into else edge
        for edge in edges
    )
    return tuple(kept), tuple(merged)


def _resources(report: Report, snapshot: Snapshot, edges: Iterable[Edge]) -> tuple[Resource, ...]:
    """Buckets and keys of the stores, then what trouble leads to; calm others are left out."""
    accounts = {
        resource_id(c.requirement.resource): c.requirement.resource_account
        for c in _all_checks(report)
        if c.requirement.resource_account
    }
    faults = {
        resource_id(finding.resource): finding.headline
        for finding in report.findings
        if finding.resource and not finding.checks and not _is_request(finding)
    }
    wanted: dict[str, None] = dict.fromkeys(faults)
    for edge in edges:
        kind = _kind(edge.resource)
        if edge.mark is not Mark.ALLOWED or kind in ("bucket", "key", "connection"):
            wanted.setdefault(edge.resource)
    return tuple(
        Resource(
            id=id,
            kind=_kind(id),
            service=_service(id) if _kind(id) == "other" else "",
            name=_resource_name(id, snapshot),
            account=accounts.get(id) or account_of(id) or _owner(id, report, snapshot),
            fault=faults.get(id, ""),
        )
        for id in wanted
    )


def _owner(id: str, report: Report, snapshot: Snapshot) -> str:
    """The account of a bucket as it was read; the pipeline's for one of its stores."""
    arn = parse(id)
    if arn is None or arn.service != "s3":
        return ""
    bucket = snapshot.bucket(arn.resource)
    if bucket.value is not None and bucket.value.account:
        return bucket.value.account
    pipeline = snapshot.pipeline.value
    stores = {store.bucket for store in pipeline.stores} if pipeline is not None else set()
    return report.account if arn.resource in stores else ""


def _all_checks(report: Report) -> Iterator[Check]:
    for finding in report.findings:
        yield from finding.checks
    yield from report.checks


def _kind(id: str) -> str:
    arn = parse(id)
    if arn is None:
        return "other"
    if arn.service == "iam" and arn.resource.startswith("role/"):
        return "role"
    return _KINDS.get(arn.service, "other") if arn.resource != "*" else "other"


_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "s3": "bucket",
        "kms": "key",
        "codeconnections": "connection",
        "codestar-connections": "connection",
    }
)


def _resource_name(id: str, snapshot: Snapshot) -> str:
    arn = parse(id)
    if arn is None:
        return id
    if arn.service == "s3":
        return arn.resource
    if arn.service == "kms":
        key = snapshot.key(id)
        aliases = key.value.aliases.value if key.value is not None else None
        return aliases[0].removeprefix("alias/") if aliases else _short(id)[:8]
    if _kind(id) == "connection":
        connection = snapshot.connection(id)
        name = connection.value.name if connection.value is not None else ""
        return name or _short(id)[:8]
    return _short(id)


def _service(id: str) -> str:
    arn = parse(id)
    return arn.service if arn is not None else ""


def _short(arn: str) -> str:
    """The last part that a person recognises: a role's name, a key's id, a service's host."""
    parsed = parse(arn)
    if parsed is None:
        return arn
    if parsed.service == "logs":
        return parsed.resource.removeprefix("log-group:").partition(":")[0]
    last = parsed.resource.rstrip("*/:").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    return last or parsed.resource


def _tag(number: int) -> str:
    letters = string.ascii_uppercase
    return letters[number] if number < 26 else letters[number // 26 - 1] + letters[number % 26]


def _bands(
    report: Report,
    snapshot: Snapshot,
    principals: tuple[Principal, ...],
    resources: tuple[Resource, ...],
) -> tuple[Band, ...]:
    """The pipeline's account first, the others as they come, what nobody knows last."""
    accounts = dict.fromkeys([report.account])
    everything: tuple[Principal | Resource, ...] = (*principals, *resources)
    accounts |= dict.fromkeys(each.account for each in everything)
    accounts.pop("", None)
    aliases = {report.account: report.alias, **snapshot.aliases}
    return tuple(
        Band(
            account,
            aliases.get(account, ""),
            tuple(each for each in principals if each.account == account),
            tuple(each for each in resources if each.account == account),
        )
        for account in [*accounts, ""]
        if any(each.account == account for each in everything)
    )
