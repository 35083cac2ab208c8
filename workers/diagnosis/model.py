"""The results of a diagnosis: checks, findings, fix plans and the report, all frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from workers.pipeline.requirement import Requirement
from workers.policy import Verdict
from workers.snapshot.model import Snapshot


class Component(StrEnum):
    USER = "user"
    SERVICE_ROLE = "service_role"
    ACTION_ROLE = "action_role"
    BUILD_ROLE = "build_role"
    BUCKET = "bucket"
    KMS = "kms"
    CONNECTION = "connection"
    SCP = "scp"
    RCP = "rcp"
    TRUST = "trust"
    CONFIG = "config"


class Certainty(StrEnum):
    PROVEN = "proven"
    LIKELY = "likely"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    CLEAR = "clear"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class FixKind(StrEnum):
    APPLY = "apply"
    INSTRUCTIONS = "instructions"
    RETRY = "retry"


class TargetKind(StrEnum):
    """The document that a step changes; each has one way to be read, compared and written."""

    ROLE_POLICY = "role_policy"  # an inline policy of a role, by name
    TRUST_POLICY = "trust_policy"
    BUCKET_POLICY = "bucket_policy"
    KEY_POLICY = "key_policy"
    ARTIFACT_STORE = "artifact_store"  # the pipeline's structure (UpdatePipeline)
    PROJECT_KEY = "project_key"  # a CodeBuild project's encryption key
    BUCKET_OWNERSHIP = "bucket_ownership"


@dataclass(frozen=True, slots=True)
class Check:
    """A requirement and what the evaluator says of it."""

    requirement: Requirement
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Evidence:
    layer: str
    policy: str
    statement: str
    effect: str
    line: int | None = None
    text: str = ""  # the statement's own JSON, or the AWS message that says it
    name: str = ""  # the policy as people know it: "the key policy of payments-artifacts"
    note: str = ""  # why a statement that comes near does not apply: "its actions do not include …"


@dataclass(frozen=True, slots=True)
class Target:
    kind: TargetKind
    id: str  # ARN of the role, key, project or pipeline; name of the bucket
    account: str
    region: str = ""
    name: str = ""  # the inline policy's name
    path: str = ""  # where inside the document, when it is not replaced whole


@dataclass(frozen=True, slots=True)
class Step:
    """One document before and after. None before = it does not exist yet."""

    target: Target
    before: str | None
    after: str
    diff: str
    owned_by: str = ""  # "CloudFormation stack payments": then shown as code, not applied


@dataclass(frozen=True, slots=True)
class Fix:
    """What would cure a finding. `fingerprint` is the SHA-256 over all steps' before and after."""

    kind: FixKind
    access: str = ""  # the new access in plain words
    steps: tuple[Step, ...] = ()
    instructions: str = ""  # words in one line; below it the statements to hand over, as JSON
    fingerprint: str = ""
    proven: bool = False  # evaluated again with the steps in place: allowed, and nothing else opens
    opens: tuple[str, ...] = ()  # requests beyond the finding's that would flip, in words
    snippets: tuple[tuple[str, str], ...] = ()  # (language, code) for resources that code owns
    remarks: tuple[str, ...] = ()  # what IAM Access Analyzer says of the proposed documents

    @property
    def target(self) -> str:
        return ", ".join(step.target.id for step in self.steps)

    @property
    def diff(self) -> str:
        return "\n".join(step.diff for step in self.steps)


@dataclass(frozen=True, slots=True)
class Finding:
    """Requirements that share one cause. `id` is stable for the same cause of the same pipeline."""

    id: str
    component: Component
    certainty: Certainty
    headline: str
    explanation: str
    principal: str
    action: str
    resource: str
    decision: str
    stage: str = ""
    pipeline_action: str = ""
    detail: str = ""  # narrows the component: cloudformation_role, boundary, duplicate_key …
    actions: tuple[str, ...] = ()  # all actions with this cause; `action` is the blocking one
    evidence: tuple[Evidence, ...] = ()
    fix: Fix | None = None
    documentation: str = ""
    stopped: str = ""  # the failed execution that this explains, in words
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One component of the article and its state, as the report shows it."""

    component: str  # user, service_role, bucket, kms, connections, trust, organisation, network …
    outcome: Outcome
    summary: str
    details: tuple[str, ...] = ()
    applies: bool = True  # False: the pipeline has nothing of the kind, so nothing was checked


@dataclass(frozen=True, slots=True)
class UnreadDocument:
    what: str
    why: str
    would_change: str = ""  # what depends on it
    grant: str = ""  # what to grant so that the bot can read it


@dataclass(frozen=True, slots=True)
class Checked:
    requirements: int = 0
    allowed: int = 0
    denied: int = 0
    unknown: int = 0
    aws_calls: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    account: str
    region: str
    arn: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    advice: tuple[Finding, ...] = ()  # documented access that is missing and blocks nothing
    sections: tuple[Section, ...] = ()
    unreadable: tuple[UnreadDocument, ...] = ()
    checked: Checked = field(default_factory=Checked)
    taken_at: str = ""
    alias: str = ""
    # What the access map draws: every requirement with its verdict, the allowed ones too, and what
    # they were decided from. Working values of one diagnosis, not part of its JSON.
    checks: tuple[Check, ...] = ()
    snapshot: Snapshot | None = None
