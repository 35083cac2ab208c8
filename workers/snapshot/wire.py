"""The snapshot file as pydantic reads it: lenient to people, exact to programs.

In every object a key that is missing means *unreadable*, `null` means *absent*, and
`{"$unreadable": "why"}` means *unreadable* with a reason. The page for people is
docs/snapshot.md; `python -m workers.snapshot.schema` writes the JSON Schema.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from workers.pipeline.structure import ActionDeclaration, PipelineHead, StageDeclaration
from workers.snapshot.json_text import text_of

T = TypeVar("T")
VALUE = "‹value›"
UNREADABLE = "‹unreadable›"
FLAT = "‹flat›"
TAGS = frozenset({VALUE, UNREADABLE, FLAT})


class Unreadable(BaseModel):
    model_config = ConfigDict(extra="forbid", title="Unreadable")

    why: str = Field(alias="$unreadable", description="why nobody could read it")


def _which(value: Any) -> str:
    is_unreadable = isinstance(value, Unreadable) or (
        isinstance(value, dict) and "$unreadable" in value
    )
    return UNREADABLE if is_unreadable else VALUE


Maybe = Annotated[
    Annotated[T, Tag(VALUE)] | Annotated[Unreadable, Tag(UNREADABLE)], Discriminator(_which)
]


def _document(value: Any) -> Any:
    """A policy document as text. An object is written out; a list is taken for its statements."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return text_of({"Version": "2012-10-17", "Statement": value})
    if isinstance(value, dict):
        return text_of(value)
    raise PydanticCustomError(
        "document", "a policy document: a JSON object, a list of statements, or its text"
    )


Document = Annotated[
    str,
    BeforeValidator(_document),
    WithJsonSchema(
        {
            "description": "A policy: a JSON object, a list of statements, or the text itself. "
            "Text keeps positions, comments and everything else that a JSON reader would lose.",
            "anyOf": [{"type": "object"}, {"type": "string"}, {"type": "array"}],
        }
    ),
]
Tags = dict[str, str]


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()


class Part(BaseModel):
    """An object of the snapshot. Keys may also be written as AWS writes them (`serviceRole`)."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _words_of_aws(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = cls.model_fields
        return {
            (key if key in known or _snake(key) not in known else _snake(key)): member
            for key, member in value.items()
        }


# --- principals --------------------------------------------------------------------------------


class Policy(Part):
    name: str
    arn: str | None = Field(None, description="of a managed policy; an inline one has none")
    document: Maybe[Document] | None = None


def _policies(value: Any) -> Any:
    """Every way in which people write the policies of somebody, as a list of `Policy`."""
    if isinstance(value, str) or (isinstance(value, dict) and "Statement" in value):
        return [{"name": "policy", "document": value}]
    if isinstance(value, dict):
        return [_named(name, member) for name, member in value.items()]
    if isinstance(value, list):
        if value and all(isinstance(item, dict) and "Effect" in item for item in value):
            return [{"name": "policy", "document": value}]
        return [_listed(item, index) for index, item in enumerate(value, 1)]
    return value


def _named(name: str, member: Any) -> Any:
    managed = {"name": name.rsplit("/", 1)[-1], "arn": name} if name.startswith("arn:") else {}
    policy: dict[str, Any] = {"name": name} | managed
    if isinstance(member, str) and member.startswith("arn:"):
        return policy | {"arn": member}
    if isinstance(member, dict) and "Statement" not in member and "document" in member:
        return policy | member
    if isinstance(member, dict) and set(member) == {"arn"}:
        return policy | member
    return policy | {"document": member}


def _listed(item: Any, index: int) -> Any:
    if isinstance(item, str) and item.startswith("arn:"):
        return {"name": item.rsplit("/", 1)[-1], "arn": item}
    if isinstance(item, str) or (isinstance(item, dict) and "Statement" in item):
        return {"name": f"policy-{index}", "document": item}
    return item


_POLICIES_SCHEMA = WithJsonSchema(
    {
        "description": "Name -> document; or one document; or a list of documents or of "
        '{"name", "arn", "document"}. A key or text that is a policy\'s ARN means a managed '
        "policy.",
        "anyOf": [{"type": "object"}, {"type": "array"}, {"type": "string"}],
    }
)
Policies = Annotated[list[Policy], BeforeValidator(_policies), _POLICIES_SCHEMA]


def _boundary(value: Any) -> Any:
    listed = _policies(value)
    if isinstance(listed, list) and len(listed) != 1:
        raise PydanticCustomError("boundary", "one policy: {name: document}, or its document")
    return listed


Boundary = Annotated[list[Policy], BeforeValidator(_boundary), _POLICIES_SCHEMA]


class Role(Part):
    trust: Maybe[Document] | None = None
    policies: Maybe[Policies] | None = None
    boundary: Maybe[Boundary] | None = None
    tags: Maybe[Tags] | None = None
    unique_id: str = ""
    created_at: str = ""


class User(Part):
    policies: Maybe[Policies] | None = None
    boundary: Maybe[Boundary] | None = None
    tags: Maybe[Tags] | None = None
    unique_id: str = ""


# --- resources ---------------------------------------------------------------------------------


class PublicAccessBlock(Part):
    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


class Bucket(Part):
    account: str = Field("", description="the account that owns it")
    region: str = ""
    policy: Maybe[Document] | None = None
    ownership: Maybe[str] | None = Field(
        None, description="BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter"
    )
    encryption_key: Maybe[str] | None = Field(
        None, description="the default key's ARN; null = SSE-S3, no KMS key"
    )
    bucket_key: Maybe[bool] | None = Field(None, description="whether S3 Bucket Keys are enabled")
    public_access_block: Maybe[PublicAccessBlock] | None = None
    versioning: Maybe[str] | None = None
    tags: Maybe[Tags] | None = None


class Grant(Part):
    id: str
    grantee: str
    operations: list[str] = Field(default_factory=list)
    retiring: str = ""
    encryption_context_equals: dict[str, str] = Field(default_factory=dict)
    encryption_context_subset: dict[str, str] = Field(default_factory=dict)


class Key(Part):
    arn: str = Field("", description="the key's own ARN, where it is listed under an alias's")
    account: str = ""
    region: str = ""
    policy: Maybe[Document] | None = None
    state: Maybe[str] | None = Field(None, description="Enabled, Disabled, PendingDeletion, …")
    manager: Maybe[str] | None = Field(None, description="CUSTOMER or AWS")
    grants: Maybe[list[Grant]] | None = None
    aliases: Maybe[list[str]] | None = None
    tags: Maybe[Tags] | None = None


def _connection(value: Any) -> Any:
    return {"status": value} if isinstance(value, str) else value


class Connection(Part):
    status: Maybe[str] | None = Field(None, description="PENDING, AVAILABLE or ERROR")
    provider: str = ""
    name: str = ""
    host_arn: str = ""


class Project(Part):
    name: str = ""
    service_role: str | None = None
    encryption_key: str | None = Field(None, description="null or missing = aws/s3")
    vpc_id: str | None = None
    subnets: list[str] = Field(default_factory=list)
    security_groups: list[str] = Field(default_factory=list)
    image: str = ""
    pulls_image: bool = False
    source_type: str = "CODEPIPELINE"
    source_auth: str = ""
    log_group: str | None = None
    cloudwatch_logs: bool = Field(True, description="false: no log is written to CloudWatch Logs")
    s3_logs: str | None = Field(None, description="where logs are kept in S3: bucket/prefix")
    secrets: list[str] = Field(default_factory=list)
    tags: Maybe[Tags] | None = None


class Level(Part):
    target: str = Field(description="root, organisational unit or account that they hang on")
    policies: Maybe[Policies] | None = None


class Membership(Part):
    organisation: str = ""
    management: bool = False
    scps: Maybe[list[Level]] | None = Field(None, description="from the root to the account")
    rcps: Maybe[list[Level]] | None = Field(None, description="from the root to the account")


# --- evidence ----------------------------------------------------------------------------------


class Failure(Part):
    code: str = ""
    message: str = ""


def _failure(value: Any) -> Any:
    return {"message": value} if isinstance(value, str) else value


class Run(Part):
    stage: str
    action: str
    status: str = "Failed"
    execution: str = ""
    at: str = ""
    error: Annotated[Failure, BeforeValidator(_failure, json_schema_input_type=Failure | str)] = (
        Field(default_factory=Failure)
    )
    role_arn: str | None = None
    region: str | None = None
    configuration: dict[str, str] = Field(default_factory=dict)
    external_id: str = ""


class Event(Part):
    id: str = ""
    name: str
    source: str = ""
    at: str = ""
    actor: str = ""
    account: str = ""
    region: str = ""
    error_code: str = ""
    error_message: str = ""
    request: dict[str, Any] = Field(default_factory=dict)
    resources: list[str] = Field(default_factory=list)


class Opinion(Part):
    principal: str
    action: str
    resource: str
    decision: str


class Review(Part):
    document: str
    remarks: list[str] = Field(default_factory=list)
    opens: list[str] | None = None


# --- the pipeline and the whole ----------------------------------------------------------------


class FlatAction(ActionDeclaration):
    """An action with its stage beside it, for people who list only what matters."""

    stage: str
    name: str = Field(alias="action")
    failed: bool = False


def _form(value: Any) -> str:
    is_flat = isinstance(value, FlatAction) or (isinstance(value, dict) and "stage" in value)
    return FLAT if is_flat else VALUE


AnyStage = Annotated[
    Annotated[StageDeclaration, Tag(VALUE)] | Annotated[FlatAction, Tag(FLAT)],
    Discriminator(_form),
]


class PipelinePart(PipelineHead):
    """`pipeline` of GetPipeline as it is, with where it lives; every part may be left out."""

    stages: list[AnyStage] = Field(default_factory=list)
    account: str = ""
    region: str = ""
    tags: Maybe[Tags] | None = None


def _texts(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class SnapshotFile(Part):
    """All that was read for one pipeline."""

    model_config = ConfigDict(title="Snapshot of a pipeline's access")

    snapshot: int = Field(1, ge=1, le=1, description="version of this format")
    taken_at: str = Field("", description="ISO 8601, UTC")
    calls: int = Field(0, ge=0, description="calls of AWS that reading it took")
    pipeline: Maybe[PipelinePart] | None = None
    runs: Maybe[list[Run]] | None = Field(None, description="newest first")
    errors: Annotated[
        list[str], BeforeValidator(_texts, json_schema_input_type=list[str] | str)
    ] = Field(default_factory=list, description="error texts, as a person pasted them")
    caller: str | None = Field(None, description="ARN of the user or role that asks")
    roles: dict[str, Maybe[Role] | None] = Field(default_factory=dict)
    users: dict[str, Maybe[User] | None] = Field(default_factory=dict)
    buckets: dict[str, Maybe[Bucket] | None] = Field(default_factory=dict)
    keys: dict[str, Maybe[Key] | None] = Field(default_factory=dict)
    connections: dict[
        str,
        Annotated[
            Maybe[Connection] | None,
            BeforeValidator(_connection, json_schema_input_type=Maybe[Connection] | str | None),
        ],
    ] = Field(default_factory=dict)
    projects: dict[str, Maybe[Project] | None] = Field(default_factory=dict)
    memberships: dict[str, Maybe[Membership] | None] = Field(
        default_factory=dict, description="by account; null = in no organisation"
    )
    descriptions: dict[str, Maybe[dict[str, Any]] | None] = Field(default_factory=dict)
    policies: dict[str, Maybe[Document] | None] = Field(
        default_factory=dict, description="resource-based policies of other resources, by ARN"
    )
    events: Maybe[list[Event]] | None = None
    opinions: list[Opinion] = Field(default_factory=list)
    reviews: list[Review] = Field(default_factory=list)
    decoded: dict[str, str] = Field(default_factory=dict)
    aliases: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _organisation(cls, value: Any) -> Any:
        if isinstance(value, dict) and "organisation" in value and "memberships" not in value:
            rest = {key: member for key, member in value.items() if key != "organisation"}
            return rest | {"memberships": value["organisation"]}
        return value
