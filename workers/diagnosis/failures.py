"""What AWS itself said: failed executions, error texts that people gave, CloudTrail's denials.

A later success of the same action closes its failure; a text that is no question of access is
left out. Where texts live: output.executionResult.errorDetails of
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionExecutionDetail.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from workers.diagnosis.authorization import detailed
from workers.diagnosis.denials import Denial, parse_denial
from workers.diagnosis.denials.decoded import with_decoded
from workers.diagnosis.lookup import find_role, role_of
from workers.pipeline.arn import account_of
from workers.snapshot.model import Run, Snapshot, TrailEvent

UNREAD = "unread"
"""The kind of a denial by CodePipeline's code alone, whose text nobody here understands."""
_PERMISSION_CODES = ("PermissionError", "AccessDenied", "AccessDeniedException")
_DENIED_CODES = ("AccessDenied", "UnauthorizedOperation", "NotAuthorized", "Forbidden")


class Source(StrEnum):
    RUN = "run"  # a failed execution of the pipeline
    GIVEN = "given"  # a text that a person gave
    TRAIL = "trail"  # CloudTrail


@dataclass(frozen=True, slots=True)
class Failure:
    """One refusal that AWS told of. `denial` is None when the text names no access at all."""

    source: Source
    denial: Denial | None
    text: str
    stage: str = ""
    action: str = ""  # of the pipeline
    execution: str = ""
    at: str = ""
    count: int = 1

    @property
    def principal(self) -> str:
        """The refused role or user, as an identity's ARN; "" when the text does not say."""
        return role_of(self.denial.principal) if self.denial is not None else ""


def failures(snapshot: Snapshot) -> tuple[Failure, ...]:
    """Every refusal that still stands, the pipeline's own first, then what people gave."""
    runs = _standing(snapshot.runs.value or ())
    found: list[Failure] = []
    silent: list[Run] = []
    for run in runs:
        told = _of_text(run.error_text, snapshot, Source.RUN, run)
        found += told
        if not told:
            silent.append(run)
    given = [
        failure
        for text in snapshot.errors
        for failure in _of_text(
            text, snapshot, Source.GIVEN, silent[0] if len(silent) == 1 else None
        )
    ]
    if not (given and len(silent) == 1):
        found += [
            Failure(Source.RUN, None, run.error_text, run.stage, run.action, run.execution, run.at)
            for run in silent
        ]
    return (*found, *given, *_of_trail(snapshot))


def _standing(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The newest run of each action, where it failed. Runs come newest first."""
    newest: dict[tuple[str, str], Run] = {}
    for run in runs:
        if run.status != "InProgress":
            newest.setdefault((run.stage, run.action), run)
    failed = [run for run in newest.values() if run.status == "Failed"]
    return tuple(sorted(failed, key=lambda run: run.at, reverse=True))


def _of_text(text: str, snapshot: Snapshot, source: Source, run: Run | None) -> list[Failure]:
    denials = _denials(text, run.error_code if run is not None else "")
    return [
        Failure(
            source,
            _completed(_decoded(denial, snapshot), snapshot),
            denial.text or text,
            run.stage if run is not None else "",
            run.action if run is not None else "",
            run.execution if run is not None else "",
            run.at if run is not None else "",
        )
        for denial in denials
        if not denial.not_access
    ]


def _denials(text: str, code: str) -> tuple[Denial, ...]:
    """The denials in a text; in its single lines where the whole is none.

    A text that is none but comes with CodePipeline's code for one tells at least of a denial.
    """
    found = parse_denial(text) if text else ()
    if not found and "\n" in text:
        found = tuple(denial for line in text.splitlines() for denial in parse_denial(line))
    if not found and code in _PERMISSION_CODES:
        found = (Denial(kind=UNREAD, text=text),)
    return found


def _of_trail(snapshot: Snapshot) -> tuple[Failure, ...]:
    """CloudTrail's denials, one per principal, action and resource, the newest of each."""
    groups: dict[tuple[str, str, str], Failure] = {}
    events = sorted(snapshot.events.value or (), key=lambda event: event.at, reverse=True)
    for event in events:
        if not any(code in event.error_code for code in _DENIED_CODES):
            continue
        denial = _denial_of(event)
        key = (role_of(denial.principal), denial.action.lower(), denial.resource)
        if key in groups:
            groups[key] = replace(groups[key], count=groups[key].count + 1)
        else:
            groups[key] = Failure(
                Source.TRAIL, _completed(denial, snapshot), event.error_message, at=event.at
            )
    return tuple(groups.values())


def _denial_of(event: TrailEvent) -> Denial:
    """The denial in an event: what its message says, completed by the event's own fields."""
    told = parse_denial(event.error_message)
    base = told[0] if told else Denial(kind="trail", text=event.error_message)
    service = event.source.removesuffix(".amazonaws.com")
    return replace(
        base,
        principal=base.principal or event.actor,
        action=base.action or f"{service}:{event.name}",
        resource=base.resource or (event.resources[0] if event.resources else ""),
    )


def _decoded(denial: Denial, snapshot: Snapshot) -> Denial:
    """The denial with what AWS said of its encoded message or its authorization id, if asked."""
    message = snapshot.decoded.get(denial.encoded_message) if denial.encoded_message else None
    if message is not None:
        denial = with_decoded(denial, message)
    details = snapshot.decoded.get(denial.authorization_id) if denial.authorization_id else None
    return denial if details is None else detailed(denial, details)


def _completed(denial: Denial, snapshot: Snapshot) -> Denial:
    """The denial with the ARN of the role in place of its session's, which hides the path."""
    role = denial.role
    if not role or role == denial.principal:
        return denial
    known = find_role(snapshot, role).value
    named = known.arn if known is not None else _named_in_pipeline(role, snapshot)
    return replace(denial, principal=named or role)


def _named_in_pipeline(role: str, snapshot: Snapshot) -> str:
    pipeline = snapshot.pipeline.value
    if pipeline is None:
        return ""
    named = [pipeline.role_arn or ""]
    for action in pipeline.actions:
        named += [action.role_arn or "", *action.configuration.values()]
    named += [
        project.value.service_role or ""
        for project in snapshot.projects.values()
        if project.value is not None
    ]
    name = role.rsplit("/", 1)[-1]
    for arn in named:
        if (
            ":role/" in arn
            and arn.rsplit("/", 1)[-1] == name
            and account_of(arn) == account_of(role)
        ):
            return arn
    return ""
