"""One approved step of a fix: read, compare, write, read again; and the way back.

Nothing here waits, decides or repeats: whoever calls keeps the journal and the order of steps.
Every write replaces a whole document, so that doing it twice leaves what doing it once leaves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from workers.aws import reasons
from workers.aws.mandate import Mandate, role_for, role_for_retry
from workers.aws.operations import operations
from workers.aws.sessions import AssumedRole, Sessions
from workers.aws.targets import HANDLING, Handling, NotOneStore, TokenWouldBeLost, comparable
from workers.diagnosis.model import Step, TargetKind

_FORMERLY = frozenset(
    {
        "NoSuchBucket",
        "NoSuchEntity",
        "NotFoundException",
        "PipelineNotFoundException",
        "ResourceNotFoundException",
    }
)
_MALFORMED = frozenset(
    {
        "InvalidStructureException",
        "MalformedPolicy",
        "MalformedPolicyDocument",
        "MalformedPolicyDocumentException",
        "InvalidInputException",
        "ValidationException",
    }
)
_LIMITS = frozenset({"LimitExceeded", "LimitExceededException", "PolicyTooLarge"})
# In a refusal of PutBucketPolicy and PutKeyPolicy these words tell the special cases apart.
_PUBLIC = "BlockPublicPolicy"
_LOCKOUT = "will not allow you to update the key policy"


class Problem(StrEnum):
    """Why a step was not made. All but UNKNOWN and LATER mean that nothing was written."""

    STALE = "stale"
    GONE = "gone"
    REFUSED = "refused"
    INVALID = "invalid"
    TOO_LARGE = "too_large"
    LATER = "later"
    UNKNOWN = "unknown"


class CannotChange(Exception):
    """The step was not made, or nobody knows; the text says which, and what to do."""

    def __init__(self, problem: Problem, text: str) -> None:
        super().__init__(text)
        self.problem = problem


class Standing(StrEnum):
    """What a live document is, seen from a step."""

    BEFORE = "before"
    AFTER = "after"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Applied:
    """A write that AWS took: its request id (for CloudTrail) and the document as it now reads.

    `document` is None when there is none any more. It is what `undo` compares with: AWS may
    write a document in other words than it was given.
    """

    request_id: str
    document: str | None


class Change:
    """A step and the session that can make it. Raises CannotAssume where there is none."""

    def __init__(self, sessions: Sessions, step: Step, mandate: Mandate) -> None:
        self.step = step
        self._sessions = sessions
        self._handling: Handling = HANDLING[step.target.kind]
        self._role: AssumedRole = role_for(sessions, step, mandate)
        sessions.assume(self._role)

    def read(self) -> str | None:
        """The live document; None when there is none. Raises CannotChange."""
        try:
            return self._handling.read(self._client(), self.step.target)
        except (ClientError, BotoCoreError) as error:
            if _is_absent(error, self._handling.service, self.step.target.kind):
                return None
            self._fail(error, writing=False)

    def standing(self, applied: Applied | None = None) -> Standing:
        """Whether the live document is the step's before, its after (or what AWS made of it when
        it was `applied`), or neither. Raises CannotChange."""
        live = self.read()
        if self._is(live, self.step.after) or (applied and self._same(live, applied.document)):
            return Standing.AFTER
        return Standing.BEFORE if self._same(live, self.step.before) else Standing.OTHER

    def apply(self) -> Applied:
        """Write the step's document, if the live one is still the one of the diff.

        Raises CannotChange: STALE when one byte differs from it.
        """
        self._check_size()
        if not self._same(self.read(), self.step.before):
            self._refuse(Problem.STALE, "change_stale")
        request_id = self._write(self.step.after)
        live = self.read()
        # IAM may still show the old document for a while; then the one that was sent is meant.
        return Applied(request_id, live if self._is(live, self.step.after) else self.step.after)

    def undo(self, applied: Applied) -> Applied:
        """Put the document from before back, if the live one is still the one that was written.

        Raises CannotChange: STALE when somebody changed it since.
        """
        live = self.read()
        if not (self._same(live, applied.document) or self._is(live, self.step.after)):
            self._refuse(Problem.STALE, "change_stale_undo")
        before = self.step.before
        request_id = self._remove() if before is None else self._write(before)
        return Applied(request_id, before)

    # --- comparing -----------------------------------------------------------------------------

    def _same(self, live: str | None, expected: str | None) -> bool:
        if live is None or expected is None:
            return live is expected
        kind = self.step.target.kind
        return comparable(kind, live) == comparable(kind, expected)

    def _is(self, live: str | None, written: str) -> bool:
        """Whether a live document is what was written, in whatever order AWS put its members."""
        if live is None or self._same(live, written):
            return live is not None
        try:
            return bool(json.loads(live) == json.loads(written))
        except ValueError:
            return False

    def _check_size(self) -> None:
        size, limit = self._handling.size(self.step.after), self._handling.limit
        if limit and size > limit:
            self._refuse(Problem.TOO_LARGE, "change_too_large", size=size, limit=limit)

    # --- writing -------------------------------------------------------------------------------

    def _write(self, document: str) -> str:
        try:
            return _request_id(self._handling.write(self._client(), self.step, document))
        except TokenWouldBeLost:
            self._refuse(Problem.INVALID, "change_token")
        except NotOneStore:
            self._refuse(Problem.INVALID, "change_not_one_store")
        except (ClientError, BotoCoreError) as error:
            self._fail(error, writing=True)

    def _remove(self) -> str:
        if self._handling.remove is None:
            raise ValueError(f"a {self.step.target.kind} cannot be taken away")
        try:
            return _request_id(self._handling.remove(self._client(), self.step))
        except (ClientError, BotoCoreError) as error:
            self._fail(error, writing=True)

    def _client(self) -> Any:
        region = self.step.target.region or self._sessions.home_region
        return self._sessions.client(self._handling.service, self._role, region)

    # --- failing -------------------------------------------------------------------------------

    def _fail(self, error: ClientError | BotoCoreError, *, writing: bool) -> NoReturn:
        problem, text = _problem(error, writing=writing)
        fields: dict[str, Any] = {"code": reasons.code(error), "detail": _detail(error)}
        fields["said"] = reasons.said(error) if isinstance(error, ClientError) else ""
        self._refuse(problem, text, **fields)

    def _refuse(self, problem: Problem, text: str, **fields: Any) -> NoReturn:
        target = self.step.target
        named = f"{target.kind.replace('_', ' ')} {target.name}".strip() + f" of {target.id}"
        raise CannotChange(
            problem,
            reasons.text(
                text,
                target=named,
                account=target.account,
                principal=self._role.role_arn,
                **fields,
            ),
        )


def retry_stage(
    sessions: Sessions,
    pipeline_arn: str,
    stage: str,
    execution: str,
    mandate: Mandate,
) -> str:
    """Run the failed actions of a stage again; returns AWS's request id.

    Raises CannotAssume, and CannotChange: STALE when a newer execution has begun or the stage is
    not failed any more. https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_RetryStageExecution.html
    """
    _, _, _, region, account, name = pipeline_arn.split(":", 5)
    role = role_for_retry(sessions, account, pipeline_arn, stage, mandate)
    sessions.assume(role)
    fields = {"pipeline": name, "stage": stage, "execution": execution}
    try:
        return _request_id(
            sessions.client("codepipeline", role, region).retry_stage_execution(
                pipelineName=name,
                stageName=stage,
                pipelineExecutionId=execution,
                retryMode="FAILED_ACTIONS",
            )
        )
    except (ClientError, BotoCoreError) as error:
        match reasons.code(error):
            case "NotLatestPipelineExecutionException":
                text = reasons.text("retry_superseded", **fields)
                raise CannotChange(Problem.STALE, text) from None
            case "StageNotRetryableException" | "ConflictException":
                text = reasons.text("retry_not_failed", detail=_detail(error), **fields)
                raise CannotChange(Problem.STALE, text) from None
        problem, text = _problem(error, writing=True)
        raise CannotChange(
            problem,
            reasons.text(
                text,
                target=f"stage {stage} of {pipeline_arn}",
                account=account,
                principal=role.role_arn,
                code=reasons.code(error),
                detail=_detail(error),
                said=reasons.said(error) if isinstance(error, ClientError) else "",
            ),
        ) from None


def _problem(error: ClientError | BotoCoreError, *, writing: bool) -> tuple[Problem, str]:
    """The problem and the name of its sentence."""
    code, detail = reasons.code(error), _detail(error)
    if not isinstance(error, ClientError):
        problem = Problem.UNKNOWN if writing else Problem.LATER
        return problem, "change_unknown" if writing else "change_later"
    if _PUBLIC in detail:
        return Problem.INVALID, "change_public"
    if _LOCKOUT in detail:
        return Problem.INVALID, "change_lockout"
    if reasons.refused(error):
        return Problem.REFUSED, "change_refused"
    if reasons.passing(error):
        return Problem.LATER, "change_later"
    if code in _FORMERLY:
        return Problem.GONE, "change_gone"
    if code in _MALFORMED:
        return Problem.INVALID, "change_malformed"
    if code in _LIMITS:
        return Problem.TOO_LARGE, "change_limit"
    return Problem.UNKNOWN, "change_unexpected"


def _is_absent(error: ClientError | BotoCoreError, service: str, kind: TargetKind) -> bool:
    """Whether the document is absent, as opposed to what it belongs to."""
    operation = _READS.get(kind)
    return (
        operation is not None
        and isinstance(error, ClientError)
        and reasons.code(error) in operations()[service, operation].absent
    )


# Kinds whose document may be missing while its owner is there.
_READS = {
    TargetKind.ROLE_POLICY: "GetRolePolicy",
    TargetKind.BUCKET_POLICY: "GetBucketPolicy",
    TargetKind.BUCKET_OWNERSHIP: "GetBucketOwnershipControls",
}


def _request_id(answer: Any) -> str:
    """What is written is written, even where an answer carries no id."""
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))


def _detail(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Message", "")).rstrip(".")
    return str(error)
