"""The world as data: what the TOML files beside this module say, validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Statement = dict[str, Any]
Part = str | Statement
"""A statement, or the name of a template of statements (`templates.toml`)."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Account(_Table):
    id: str = Field(pattern=r"^\d{12}$")
    alias: str
    name: str
    unit: str = ""
    readable: bool = True  # whether the bot's read role exists there


class Unit(_Table):
    name: str
    parent: str = "Root"


class OrganisationPolicy(_Table):
    id: str
    name: str
    type: Literal["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]
    targets: tuple[str, ...]  # unit names, account ids or Root
    statements: tuple[Statement, ...]


class Organisation(_Table):
    id: str
    management: str
    units: tuple[Unit, ...] = ()
    accounts: tuple[Account, ...] = ()
    policies: tuple[OrganisationPolicy, ...] = ()


class Role(_Table):
    """`trust` is a service principal, a list of ARNs, or statements; `grants` its one inline
    policy `policy_name`, out of templates (filled from `values`) and statements."""

    arn: str
    trust: str | tuple[str, ...] = ()
    trust_statements: tuple[Statement, ...] = ()
    grants: tuple[Part, ...] = ()
    values: dict[str, str] = {}
    policy_name: str = "access"
    managed: tuple[str, ...] = ()
    boundary: str | None = None
    tags: dict[str, str] = {}


class User(_Table):
    arn: str
    grants: tuple[Part, ...] = ()
    values: dict[str, str] = {}
    policy_name: str = "access"
    managed: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Group(_Table):
    arn: str
    grants: tuple[Part, ...] = ()
    values: dict[str, str] = {}
    managed: tuple[str, ...] = ()


class ManagedPolicy(_Table):
    arn: str
    statements: tuple[Part, ...]
    values: dict[str, str] = {}


class Bucket(_Table):
    name: str
    account: str
    region: str = "us-east-1"
    policy: tuple[Part, ...] = ()
    policy_text: str | None = None
    values: dict[str, str] = {}
    key: str | None = None
    ownership: str | None = None
    tags: dict[str, str] = {}


class Key(_Table):
    arn: str
    alias: str
    policy: tuple[Part, ...] = ("key-administration",)
    policy_text: str | None = None
    values: dict[str, str] = {}
    state: Literal["Enabled", "Disabled", "PendingDeletion"] = "Enabled"
    tags: dict[str, str] = {}


class Connection(_Table):
    arn: str
    name: str
    provider: str = "GitHub"
    status: Literal["PENDING", "AVAILABLE", "ERROR"] = "AVAILABLE"
    repositories: tuple[str, ...] = ()


class Project(_Table):
    arn: str
    role: str
    key: str | None = None
    vpc: str | None = None  # the name of a network of this world
    tests_fail: bool = False
    tags: dict[str, str] = {}


class Network(_Table):
    """A VPC, with a gateway endpoint to S3 and its policy."""

    name: str
    account: str
    region: str = "us-east-1"
    s3_endpoint: tuple[Statement, ...] = ()


class EcsService(_Table):
    arn: str
    task_role: str
    execution_role: str


class Action(_Table):
    name: str
    type: str  # Category/Owner/Provider
    configuration: dict[str, str] = {}
    role: str | None = None
    region: str | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    run_order: int = 1


class Stage(_Table):
    name: str
    actions: tuple[Action, ...]


class Store(_Table):
    bucket: str
    key: str | None = None


class PipelineDefinition(_Table):
    role: str
    type: Literal["V1", "V2"] = "V2"
    store: Store | None = None
    stores: dict[str, Store] = {}
    stages: tuple[Stage, ...]
    tags: dict[str, str] = {}


class Failure(_Table):
    stage: str
    action: str
    code: str
    message: str


class Runs(_Table):
    """Past executions: minutes ago of those that succeeded and of the last one's end.

    What became of the last one is rehearsed, unless `failure` says that it failed for a reason
    that is gone since.
    """

    succeeded: tuple[int, ...] = (4320, 1440)
    ended: int = 42
    failure: Failure | None = None


class Truth(_Table):
    """One true cause, which the product never sees. `action` is empty where the cause is a fact
    and no permission. `policy` tells whose document has to change: a bucket's name, the ARN of a
    key or role, the id of an SCP or RCP."""

    component: Literal[
        "user",
        "service_role",
        "action_role",
        "build_role",
        "bucket",
        "kms",
        "connection",
        "scp",
        "rcp",
        "trust",
        "config",
    ]
    principal: str = ""
    action: str = ""
    resource: str = ""
    policy: str = ""
    component_alternatives: tuple[str, ...] = ()


class Cure(_Table):
    """One change that removes a cause: an API call, as root of `account`.

    `statement` is added to the policy that `document` names (`bucket:NAME`, `key:ARN`,
    `role:ARN`, `trust:ARN`); or the pipeline's `action` (`Stage/Action`) gets `role`; or `call`
    (`service.method`) is made with `params`. Two calls have words of their own: `connection`
    (completes one, as a person does in the console) and `organizations.detach` (`policy`,
    `target`).
    """

    document: str = ""
    statement: Statement | None = None
    action: str = ""
    role: str = ""
    call: str = ""
    account: str = ""
    region: str = "us-east-1"
    params: dict[str, Any] = {}


class TrailEvent(_Table):
    """A CloudTrail event of the past, `ago` minutes; with `refusal`, AWS's text, of a call that
    was denied."""

    service: str
    operation: str
    actor: str
    account: str
    ago: int
    region: str = "us-east-1"
    params: dict[str, Any] = {}
    resources: tuple[str, ...] = ()
    refusal: str = ""


class Resources(_Table):
    """What a file of the world brings along."""

    roles: tuple[Role, ...] = ()
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    policies: tuple[ManagedPolicy, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    keys: tuple[Key, ...] = ()
    connections: tuple[Connection, ...] = ()
    projects: tuple[Project, ...] = ()
    networks: tuple[Network, ...] = ()
    services: tuple[EcsService, ...] = ()
    trail: tuple[TrailEvent, ...] = ()


class Need(_Table):
    """What an action needs beyond its provider's lines in `needs.toml`, in the same words."""

    stage: str
    action: str
    principal: str
    do: str = ""
    check: str = ""
    on: str
    writer: str = ""
    error: str


class Pipeline(Resources):
    """One pipeline of the world with all that is its own.

    `outcome` is what a true diagnosis says; `truth` the cause of the last failure, `also` what
    would be denied next, `cure` the changes that remove them all.
    """

    name: str
    account: str
    region: str = "us-east-1"
    summary: str
    outcome: Literal["clear", "blocked", "unknown", "retry"] = "blocked"
    pipeline: PipelineDefinition
    runs: Runs = Runs()
    truth: Truth | None = None
    also: tuple[Truth, ...] = ()
    cure: tuple[Cure, ...] = ()
    needs: tuple[Need, ...] = ()
    asker: str | None = None  # the user or role whose own permissions are the question

    @property
    def arn(self) -> str:
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{self.name}"


class Bot(_Table):
    """The bot's own roles: the worker's ARN, and the names of those in every readable account."""

    account: str
    worker: str
    read_role: str
    fix_role: str
    organisation_role: str
    external_id: str
    queue: str  # of EventBridge's state-change events; ARN
    reads: tuple[str, ...]
    organisation_reads: tuple[str, ...]
    fixes: tuple[str, ...]


Templates = Mapping[str, tuple[Statement, ...]]


class World(_Table):
    """Everything that is built."""

    organisation: Organisation
    bot: Bot
    shared: Resources
    templates: dict[str, tuple[Statement, ...]]
    pipelines: tuple[Pipeline, ...]

    @property
    def accounts(self) -> tuple[Account, ...]:
        return self.organisation.accounts

    def pipeline(self, name: str, account: str | None = None) -> Pipeline:
        """The pipeline with that name. Raises KeyError."""
        for each in self.pipelines:
            if each.name == name and account in (None, each.account):
                return each
        raise KeyError(f"The world has no pipeline {name!r}.")
