"""What was read of AWS at one moment: frozen values that every later step is a function of.

Every document is a `Reading`: *present* with its value, *absent* (AWS says there is none) or
*unreadable* (nobody knows, with the reason). The difference between the last two is the
difference between a verdict and a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

T = TypeVar("T")
EMPTY: Mapping[str, Any] = MappingProxyType({})
NOT_IN_SNAPSHOT = "not in the snapshot"


def empty() -> Mapping[str, Any]:
    """The default of mappings (Python 3.11 takes no mapping proxy as a default itself)."""
    return EMPTY


PolicyText = str
"""A policy document as JSON text, exactly as AWS returned it or a person wrote it."""


class State(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """One document, or why there is none. Build it with `present`, `absent` or `unreadable`."""

    state: State
    value: T | None = None
    why: str = ""

    @property
    def known(self) -> bool:
        """Whether AWS answered: with a value, or by saying that there is none."""
        return self.state is not State.UNREADABLE

    def require(self) -> T:
        """The value of a present reading. Raises ValueError for the other two states."""
        if self.state is not State.PRESENT or self.value is None:
            raise ValueError(f"no value: {self.state} {self.why}".strip())
        return self.value


def present(value: T) -> Reading[T]:
    return Reading(State.PRESENT, value)


def absent() -> Reading[Any]:
    return Reading(State.ABSENT)


def unreadable(why: str = NOT_IN_SNAPSHOT) -> Reading[Any]:
    return Reading(State.UNREADABLE, None, why)


class Kind(StrEnum):
    """What a `Reference` points at; the reader knows one way to read each."""

    ROLE = "role"
    USER = "user"
    BUCKET = "bucket"
    KEY = "key"
    CONNECTION = "connection"
    PROJECT = "project"
    FUNCTION = "function"
    ECS_SERVICE = "ecs_service"
    TASK_DEFINITION = "task_definition"
    DEPLOYMENT_GROUP = "deployment_group"
    INSTANCE_PROFILE = "instance_profile"
    INSTANCES = "instances"  # the EC2 instances that carry a tag
    TOPIC = "topic"
    REPOSITORY = "repository"  # ECR or CodeCommit
    STACK = "stack"
    EVENT_RULE = "event_rule"
    EVENT_BUS = "event_bus"
    VPC_ENDPOINTS = "vpc_endpoints"  # all endpoints of one VPC
    MEMBERSHIP = "membership"  # an account's place in its organisation, with SCPs and RCPs


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A document that has a say, by kind and identity, and where to ask for it.

    `id` is the ARN, or the bucket's name, the VPC's id, the account's id. `account` is the one
    whose read role must be used; empty when it is not known (the reader tries the pipeline's).
    """

    kind: Kind
    id: str
    account: str = ""
    region: str = ""


# --- the pipeline ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ActionType:
    category: str
    owner: str
    provider: str
    version: str = "1"


@dataclass(frozen=True, slots=True)
class Action:
    stage: str
    name: str
    type: ActionType
    configuration: Mapping[str, str] = field(default_factory=empty)
    role_arn: str | None = None
    region: str | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    run_order: int = 1
    namespace: str | None = None
    # Fields of managed compute that stand outside `configuration`.
    commands: tuple[str, ...] = ()
    environment: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a stage condition (V2): it runs under its own role when it has one."""

    stage: str
    when: str  # beforeEntry | onSuccess | onFailure
    name: str
    type: ActionType
    configuration: Mapping[str, str] = field(default_factory=empty)
    role_arn: str | None = None
    region: str | None = None
    inputs: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    actions: tuple[Action, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Store:
    """The artifact store of one region. `key` as configured: ARN, id or alias; None = aws/s3."""

    region: str
    bucket: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    name: str
    account: str
    region: str
    role_arn: str | None = None
    type: str = "V1"
    stores: tuple[Store, ...] = ()
    stages: tuple[Stage, ...] = ()
    triggers: tuple[Mapping[str, Any], ...] = ()
    variables: tuple[Mapping[str, Any], ...] = ()
    tags: Reading[Mapping[str, str]] = field(default_factory=unreadable)
    version: int | None = None
    partition: str = "aws"

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:codepipeline:{self.region}:{self.account}:{self.name}"

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(action for stage in self.stages for action in stage.actions)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one action, newest first in `Snapshot.runs` (ListActionExecutions)."""

    stage: str
    action: str
    status: str  # Succeeded | Failed | InProgress | Abandoned
    execution: str = ""
    at: str = ""  # ISO 8601, UTC
    error_code: str = ""
    error_text: str = ""
    role_arn: str | None = None
    region: str | None = None
    configuration: Mapping[str, str] = field(
        default_factory=empty
    )  # resolved: without #{variables}
    external_id: str = ""


# --- who and what ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy attached to somebody. `arn` is None for an inline policy."""

    name: str
    document: Reading[PolicyText]
    arn: str | None = None

    @property
    def aws_managed(self) -> bool:
        return self.arn is not None and ":iam::aws:policy/" in self.arn


@dataclass(frozen=True, slots=True)
class Role:
    arn: str
    trust: Reading[PolicyText] = field(default_factory=unreadable)
    policies: Reading[tuple[NamedPolicy, ...]] = field(default_factory=unreadable)
    boundary: Reading[NamedPolicy] = field(default_factory=unreadable)
    tags: Reading[Mapping[str, str]] = field(default_factory=unreadable)
    unique_id: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user; `policies` holds those of its groups too, named `group/policy`."""

    arn: str
    policies: Reading[tuple[NamedPolicy, ...]] = field(default_factory=unreadable)
    boundary: Reading[NamedPolicy] = field(default_factory=unreadable)
    tags: Reading[Mapping[str, str]] = field(default_factory=unreadable)
    unique_id: str = ""


@dataclass(frozen=True, slots=True)
class PublicAccessBlock:
    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    account: str = ""  # the owner; empty when nobody said
    region: str = ""
    policy: Reading[PolicyText] = field(default_factory=unreadable)
    # BucketOwnerEnforced | BucketOwnerPreferred | ObjectWriter
    ownership: Reading[str] = field(default_factory=unreadable)
    encryption_key: Reading[str] = field(default_factory=unreadable)  # absent = SSE-S3
    bucket_key: Reading[bool] = field(default_factory=unreadable)  # whether S3 Bucket Keys are on
    public_access_block: Reading[PublicAccessBlock] = field(default_factory=unreadable)
    versioning: Reading[str] = field(default_factory=unreadable)
    tags: Reading[Mapping[str, str]] = field(default_factory=unreadable)


@dataclass(frozen=True, slots=True)
class KeyGrant:
    id: str
    grantee: str
    operations: tuple[str, ...]
    retiring: str = ""
    encryption_context_equals: Mapping[str, str] = field(default_factory=empty)
    encryption_context_subset: Mapping[str, str] = field(default_factory=empty)


@dataclass(frozen=True, slots=True)
class Key:
    arn: str
    account: str = ""
    region: str = ""
    policy: Reading[PolicyText] = field(default_factory=unreadable)
    state: Reading[str] = field(default_factory=unreadable)  # Enabled | Disabled | …
    manager: Reading[str] = field(default_factory=unreadable)  # CUSTOMER | AWS
    grants: Reading[tuple[KeyGrant, ...]] = field(default_factory=unreadable)
    aliases: Reading[tuple[str, ...]] = field(default_factory=unreadable)
    tags: Reading[Mapping[str, str]] = field(default_factory=unreadable)


@dataclass(frozen=True, slots=True)
class Connection:
    arn: str
    status: Reading[str] = field(default_factory=unreadable)  # PENDING | AVAILABLE | ERROR
    provider: str = ""
    name: str = ""
    host_arn: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A CodeBuild project."""

    arn: str
    name: str
    service_role: str | None = None
    encryption_key: str | None = None  # None = aws/s3
    vpc_id: str | None = None
    subnets: tuple[str, ...] = ()  # ids, of the VPC configuration
    source_type: str = "CODEPIPELINE"
    source_auth: str = ""
    log_group: str | None = None
    cloudwatch_logs: bool = True  # False: no log is written there
    s3_logs: str | None = None  # where logs are kept in S3: bucket/prefix
    secrets: tuple[str, ...] = ()  # ARNs or names of secrets and parameters the build reads
    tags: Reading[Mapping[str, str]] = field(default_factory=unreadable)
    security_groups: tuple[str, ...] = ()  # ids, of the VPC configuration
    image: str = ""  # of the build's container
    pulls_image: bool = False  # with its own role, not with CodeBuild's credentials


@dataclass(frozen=True, slots=True)
class PolicyLevel:
    """The policies attached at one level (root, unit or account) of the organisation's tree."""

    target: str
    policies: Reading[tuple[NamedPolicy, ...]]


@dataclass(frozen=True, slots=True)
class Membership:
    """An account's place in an organisation. Levels run from the root down to the account."""

    account: str
    organisation: str = ""
    management: bool = False
    scps: Reading[tuple[PolicyLevel, ...]] = field(default_factory=unreadable)
    rcps: Reading[tuple[PolicyLevel, ...]] = field(default_factory=unreadable)


@dataclass(frozen=True, slots=True)
class TrailEvent:
    """A CloudTrail management event: a denial of a principal involved, or a change."""

    id: str
    name: str
    source: str
    at: str
    actor: str
    account: str
    region: str
    error_code: str = ""
    error_message: str = ""
    request: Mapping[str, Any] = field(default_factory=empty)
    resources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opinion:
    """What IAM's own simulator says of one request (a second opinion)."""

    principal: str
    action: str
    resource: str
    decision: str  # allowed | explicitDeny | implicitDeny


@dataclass(frozen=True, slots=True)
class Review:
    """What IAM Access Analyzer says of one proposed document."""

    document: str  # SHA-256 of its text
    remarks: tuple[str, ...] = ()  # of ValidatePolicy: type, code and words
    opens: tuple[str, ...] | None = None  # statements with new access; None = not asked


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was read for one pipeline. Serialised by `workers.snapshot.codec`.

    The maps are keyed by the `id` of a `Reference`. A key that is missing means that nobody
    asked: use the accessors, which answer *unreadable* for it.
    """

    pipeline: Reading[Pipeline]
    taken_at: str = ""  # ISO 8601, UTC
    calls: int = 0  # calls of AWS that reading it took
    runs: Reading[tuple[Run, ...]] = field(default_factory=unreadable)
    errors: tuple[str, ...] = ()  # error texts given by a person
    caller: str | None = None  # the user or role whose own permissions are asked about
    roles: Mapping[str, Reading[Role]] = field(default_factory=empty)
    users: Mapping[str, Reading[User]] = field(default_factory=empty)
    buckets: Mapping[str, Reading[Bucket]] = field(default_factory=empty)
    keys: Mapping[str, Reading[Key]] = field(default_factory=empty)
    connections: Mapping[str, Reading[Connection]] = field(default_factory=empty)
    projects: Mapping[str, Reading[Project]] = field(default_factory=empty)
    # By account id; absent = no organisation.
    memberships: Mapping[str, Reading[Membership]] = field(default_factory=empty)
    # Answers of Describe calls (functions, services, task definitions, deployment groups, topics,
    # stacks, rules, endpoints) by ARN or id, in the words of the AWS API.
    descriptions: Mapping[str, Reading[Mapping[str, Any]]] = field(default_factory=empty)
    # Resource-based policies of resources other than buckets and keys, by ARN.
    policies: Mapping[str, Reading[PolicyText]] = field(default_factory=empty)
    events: Reading[tuple[TrailEvent, ...]] = field(default_factory=unreadable)
    opinions: tuple[Opinion, ...] = ()
    reviews: tuple[Review, ...] = ()
    decoded: Mapping[str, str] = field(
        default_factory=empty
    )  # encoded authorization message -> decoded JSON
    aliases: Mapping[str, str] = field(default_factory=empty)  # account id -> alias, for people

    def role(self, arn: str) -> Reading[Role]:
        return self.roles.get(arn, unreadable())

    def user(self, arn: str) -> Reading[User]:
        return self.users.get(arn, unreadable())

    def bucket(self, name: str) -> Reading[Bucket]:
        return self.buckets.get(name, unreadable())

    def key(self, arn: str) -> Reading[Key]:
        """The key by ARN; the ids and aliases that a configuration may use are resolved by
        `workers.pipeline.references`."""
        return self.keys.get(arn, unreadable())

    def connection(self, arn: str) -> Reading[Connection]:
        return self.connections.get(arn, unreadable())

    def project(self, arn: str) -> Reading[Project]:
        return self.projects.get(arn, unreadable())

    def membership(self, account: str) -> Reading[Membership]:
        return self.memberships.get(account, unreadable())

    def description(self, id: str) -> Reading[Mapping[str, Any]]:
        return self.descriptions.get(id, unreadable())

    def policy(self, arn: str) -> Reading[PolicyText]:
        return self.policies.get(arn, unreadable())
