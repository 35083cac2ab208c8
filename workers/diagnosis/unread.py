"""What could not be read, what would change if it were, and what to grant for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.diagnosis.checks import Checker
from workers.diagnosis.lookup import bucket_of, role_of
from workers.diagnosis.model import Check, UnreadDocument
from workers.diagnosis.naming import Names
from workers.diagnosis.texts import Texts
from workers.pipeline.arn import account_of, parse
from workers.pipeline.catalogue import Catalogue
from workers.pipeline.derived import lists_instances
from workers.pipeline.references import wanted
from workers.policy import Decision, Layer, Policies, Policy, Unreadable
from workers.settings import Settings
from workers.snapshot.model import (
    NOT_IN_SNAPSHOT,
    Action,
    Kind,
    Reading,
    Reference,
    Snapshot,
    State,
)
from workers.snapshot.model import unreadable as not_read

# The reads that show a document, per layer; for resource-based policies per service.
_READS: Mapping[str, tuple[str, ...]] = {
    Layer.IDENTITY: (
        "iam:GetRole",
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
    ),
    Layer.TRUST: ("iam:GetRole",),
    Layer.BOUNDARY: ("iam:GetRole", "iam:GetPolicy", "iam:GetPolicyVersion"),
    Layer.GRANT: ("kms:ListGrants",),
    Layer.VPCE: ("ec2:DescribeVpcEndpoints",),
    Layer.SCP: (
        "organizations:ListParents",
        "organizations:ListPoliciesForTarget",
        "organizations:DescribePolicy",
    ),
    Layer.RCP: (
        "organizations:ListParents",
        "organizations:ListPoliciesForTarget",
        "organizations:DescribePolicy",
    ),
    "s3": ("s3:GetBucketPolicy", "s3:GetBucketLocation", "s3:GetBucketOwnershipControls"),
    "kms": ("kms:DescribeKey", "kms:GetKeyPolicy"),
    "sns": ("sns:GetTopicAttributes",),
    "sqs": ("sqs:GetQueueAttributes",),
    "lambda": ("lambda:GetPolicy",),
    "ecr": ("ecr:GetRepositoryPolicy",),
    "secretsmanager": ("secretsmanager:GetResourcePolicy",),
    "events": ("events:DescribeEventBus",),
}
_USER_READS = ("iam:GetUser", "iam:ListUserPolicies", "iam:ListAttachedUserPolicies")
_RUNS = "codepipeline:ListActionExecutions"
_PIPELINE = "codepipeline:GetPipeline"


# Documents that are no policies: they say whose policies have a say, and whether a thing works.
# The map of the snapshot that holds them, and the reads that show them.
_PARTS: Mapping[Kind, tuple[str, tuple[str, ...]]] = {
    Kind.PROJECT: ("projects", ("codebuild:BatchGetProjects",)),
    Kind.CONNECTION: (
        "connections",
        ("codestar-connections:GetConnection", "codeconnections:GetConnection"),
    ),
    Kind.FUNCTION: ("descriptions", ("lambda:GetFunctionConfiguration",)),
    Kind.ECS_SERVICE: ("descriptions", ("ecs:DescribeServices",)),
    Kind.TASK_DEFINITION: ("descriptions", ("ecs:DescribeTaskDefinition",)),
    Kind.DEPLOYMENT_GROUP: (
        "descriptions",
        ("codedeploy:GetDeploymentGroup", "ec2:DescribeInstances"),
    ),
    Kind.INSTANCE_PROFILE: ("descriptions", ("iam:GetInstanceProfile",)),
    Kind.INSTANCES: ("descriptions", ("ec2:DescribeInstances",)),
    Kind.EVENT_RULE: (
        "descriptions",
        ("events:ListRuleNamesByTarget", "events:DescribeRule", "events:ListTargetsByRule"),
    ),
}


def unread_parts(snapshot: Snapshot, catalogue: Catalogue) -> tuple[Reference, ...]:
    """What the pipeline refers to and nobody read, besides policies: more may be needed then."""
    found = [
        reference
        for reference in wanted(snapshot, catalogue)
        if reference.kind in _PARTS and not _part(snapshot, reference).known
    ]
    return tuple(sorted(found))


def beyond(snapshot: Snapshot, catalogue: Catalogue, names: Names) -> tuple[UnreadDocument, ...]:
    """What actions depend on besides everything that the catalogue lists.

    An action whose last run succeeded has had it all.
    """
    pipeline = snapshot.pipeline.value
    found: dict[str, UnreadDocument] = {}
    for action in pipeline.actions if pipeline is not None else ():
        kind = action.type
        provider = catalogue.provider(kind.category, kind.owner, kind.provider)
        if provider is None or not provider.beyond or _succeeded(action, snapshot):
            continue
        key, where = f"unread.beyond.{provider.beyond}", names.place(action.stage, action.name)
        what = names.texts.say(key, where=where)
        found[what] = UnreadDocument(
            what[:1].upper() + what[1:],
            names.texts.say(f"{key}_why"),
            names.texts.say(f"{key}_change"),
            "",
        )
    return tuple(found.values())


def _succeeded(action: Action, snapshot: Snapshot) -> bool:
    for run in snapshot.runs.value or ():
        if (run.stage, run.action) == (action.stage, action.name):
            return run.status == "Succeeded"
    return False


def _part(snapshot: Snapshot, reference: Reference) -> Reading[Any]:
    where, _ = _PARTS[reference.kind]
    reading: Reading[Any] = getattr(snapshot, where).get(reference.id, not_read())
    if reference.kind is Kind.CONNECTION and reading.value is not None:
        status: Reading[Any] = reading.value.status
        return status
    if reference.kind is Kind.DEPLOYMENT_GROUP and reading.value is not None:
        return reading if lists_instances(reading.value) else not_read()
    return reading


def _of_part(reference: Reference, snapshot: Snapshot, names: Names) -> UnreadDocument:
    texts = names.texts
    reading = _part(snapshot, reference)
    _, reads = _PARTS[reference.kind]
    actions = ", ".join(reads)
    grant = (
        texts.say(
            "unread.grant",
            account=names.account(reference.account),
            actions=actions,
            resource=reference.id,
        )
        if reference.account
        else ""
    )
    what = texts.say(f"unread.kinds.{reference.kind}", name=names.short(reference.id))
    why = texts.say("unread.not_in_snapshot") if reading.why == NOT_IN_SNAPSHOT else reading.why
    change = texts.say(f"unread.changes.{reference.kind}")
    return UnreadDocument(what[:1].upper() + what[1:], why, change, grant)


@dataclass(frozen=True, slots=True)
class Gap:
    """A document that has a say in some check and was not read."""

    layer: str
    name: str  # the name that verdicts give it
    subject: str  # ARN, bucket or account that it belongs to
    account: str
    why: str
    service: str = ""


def unreadable(
    checks: Sequence[Check],
    checker: Checker,
    names: Names,
    settings: Settings | None,
    parts: Sequence[Reference] = (),
) -> tuple[UnreadDocument, ...]:
    """One entry per document that was not read, those first on which most depends.

    `parts` are what `unread_parts` found.
    """
    gaps: dict[tuple[str, str], Gap] = {}
    for check in checks:
        for gap in _gaps(check, checker):
            gaps.setdefault((gap.layer, gap.subject), gap)
    families: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in gaps.values():
        families.setdefault((_FAMILIES.get(gap.layer, gap.layer), gap.subject, gap.why), []).append(
            gap
        )
    entries = [
        (_depending(family, checks), _entry(family, checks, names, settings))
        for family in families.values()
    ]
    entries.sort(key=lambda entry: -len(entry[0]))
    return (
        *_of_pipeline(checker.snapshot, names.texts),
        *(_of_part(part, checker.snapshot, names) for part in parts),
        *(entry for _, entry in entries),
    )


# Documents that are read together, and so are missing together.
_FAMILIES: Mapping[str, str] = {
    Layer.IDENTITY: "principal",
    Layer.BOUNDARY: "principal",
    Layer.TRUST: "principal",
    Layer.SCP: "organisation",
    Layer.RCP: "organisation",
    Layer.RESOURCE: "resource",
    Layer.GRANT: "resource",
}


def _gaps(check: Check, checker: Checker) -> Iterator[Gap]:
    need, policies = check.requirement, checker.policies(check.requirement)
    principal = role_of(need.principal)
    account, owner = account_of(principal), checker.owner(need)
    for layer, policy in _layered(policies, need.action):
        if policy.unreadable is None:
            continue
        why = policy.unreadable
        match layer:
            case Layer.IDENTITY | Layer.BOUNDARY:
                yield Gap(layer, policy.name, principal, account, why)
            case Layer.SCP:
                yield Gap(layer, policy.name, account, account, why)
            case Layer.RCP:
                yield Gap(layer, policy.name, owner, owner, why)
            case Layer.VPCE:
                yield Gap(layer, policy.name, need.vpc_id, account, why)
            case _ if need.unresolved:
                continue  # which thing it is has to be known before its policy can be read
            case _:
                service = need.action.lower().partition(":")[0]
                subject = bucket_of(need.resource) or need.resource
                yield Gap(layer, policy.name, subject, owner, why, service)


def _layered(policies: Policies, action: str) -> Iterator[tuple[Layer, Policy]]:
    for identity in policies.identity:
        yield Layer.IDENTITY, identity
    for boundary in policies.boundaries or ():
        yield Layer.BOUNDARY, boundary
    if policies.resource is not None:
        yield (
            Layer.TRUST if action.lower().startswith("sts:") else Layer.RESOURCE,
            policies.resource,
        )
    if isinstance(policies.grants, Unreadable):
        yield Layer.GRANT, policies.grants
    for endpoint in policies.vpce:
        yield Layer.VPCE, endpoint
    for layer, levels in ((Layer.SCP, policies.scps), (Layer.RCP, policies.rcps)):
        for level in levels:
            for policy in level.policies:
                yield layer, policy


def _depending(family: Sequence[Gap], checks: Iterable[Check]) -> list[Check]:
    names = {gap.name for gap in family}
    return [
        check
        for check in checks
        if check.verdict.decision is Decision.UNKNOWN
        and any(each.name in names for each in check.verdict.depends_on)
    ]


def _entry(
    family: Sequence[Gap], checks: Sequence[Check], names: Names, settings: Settings | None
) -> UnreadDocument:
    texts = names.texts
    depending = _depending(family, checks)
    actions = texts.listed(list(dict.fromkeys(each.requirement.action for each in depending)))
    change = (
        texts.say("unread.change_unknown", count=len(depending), actions=actions)
        if depending
        else texts.say("unread.change_none")
    )
    what = _what(family, names)
    return UnreadDocument(
        what[:1].upper() + what[1:],
        _why(family[0], texts),
        change,
        _grant(family, names, settings),
    )


def _what(family: Sequence[Gap], names: Names) -> str:
    """`the trust policy and permissions boundary of DeployRole`."""
    texts, first = names.texts, family[0]
    parts = [texts.say(f"unread.parts.{_word(gap)}") for gap in family]
    of_account = first.layer in (Layer.SCP, Layer.RCP)
    known = names.account(first.subject) if of_account else names.short(first.subject)
    name = known or texts.say("words.unknown_account")
    key = "of_account" if of_account else "of"
    return texts.say(f"unread.{key}", parts=texts.listed(parts), name=name)


def _word(gap: Gap) -> str:
    if gap.layer == Layer.RESOURCE:
        return {"s3": "bucket", "kms": "key"}.get(gap.service, "resource")
    return gap.layer


def _why(gap: Gap, texts: Texts) -> str:
    return texts.say("unread.not_in_snapshot") if gap.why == NOT_IN_SNAPSHOT else gap.why


def _grant(family: Sequence[Gap], names: Names, settings: Settings | None) -> str:
    texts, first = names.texts, family[0]
    reads = dict.fromkeys(action for gap in family for action in _reads(gap))
    if not reads or not first.account:
        return ""
    actions, account = ", ".join(reads), names.account(first.account)
    if first.layer in (Layer.SCP, Layer.RCP):
        return texts.say("unread.grant_organisation", actions=actions, account=account)
    if settings is not None and settings.account(first.account) is None:
        return texts.say("unread.grant_unknown", account=account, actions=actions)
    return texts.say(
        "unread.grant", account=account, actions=actions, resource=_resource(first, names.snapshot)
    )


def _reads(gap: Gap) -> tuple[str, ...]:
    if gap.layer == Layer.IDENTITY and ":user/" in gap.subject:
        return _USER_READS
    return _READS.get(gap.layer) or _READS.get(gap.service, ())


def _resource(gap: Gap, snapshot: Snapshot) -> str:
    if gap.service == "s3":
        pipeline = snapshot.pipeline.value
        return f"arn:{pipeline.partition if pipeline is not None else 'aws'}:s3:::{gap.subject}"
    return gap.subject if parse(gap.subject) is not None else "*"


def _of_pipeline(snapshot: Snapshot, texts: Texts) -> Iterator[UnreadDocument]:
    pipeline = snapshot.pipeline
    if pipeline.state is State.UNREADABLE:
        yield UnreadDocument(
            texts.say("unread.pipeline"),
            texts.say("unread.not_in_snapshot")
            if pipeline.why == NOT_IN_SNAPSHOT
            else pipeline.why,
            texts.say("unread.change_everything"),
            texts.say("unread.grant_pipeline", actions=_PIPELINE),
        )
    elif snapshot.runs.state is State.UNREADABLE and snapshot.runs.why != NOT_IN_SNAPSHOT:
        account = pipeline.value.account if pipeline.value is not None else ""
        yield UnreadDocument(
            texts.say("unread.runs"),
            snapshot.runs.why,
            texts.say("unread.change_runs"),
            texts.say("unread.grant", account=account, actions=_RUNS, resource="*"),
        )
