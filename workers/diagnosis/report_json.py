"""A report as JSON and back: what `diagnose --json` prints and what a job keeps in Redis.

The layout is fixed by the models below; `report.schema.json` beside this file is their JSON
Schema, written by `python -m workers.diagnosis.report_json`. Keys are only ever added, and at the
end of their object; `schema` is counted up when one changes its meaning.

The single checks behind a finding (`Finding.checks`) are not part of it: they are the working
values of one diagnosis, several hundred per report, and come back empty from `from_json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.diagnosis.model import (
    Certainty,
    Checked,
    Component,
    Evidence,
    Finding,
    Fix,
    FixKind,
    Outcome,
    Report,
    Section,
    Step,
    Target,
    TargetKind,
    UnreadDocument,
)

SCHEMA_VERSION = 1
SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


class _Object(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PipelineJson(_Object):
    name: str
    account: str
    region: str
    arn: str
    alias: str = ""


class EvidenceJson(_Object):
    """The statement that decided, or the policy that should allow and does not."""

    layer: str
    policy: str
    statement: str
    effect: str
    line: int | None = Field(default=None, ge=1)
    text: str = Field(default="", description="The statement's JSON, or the AWS message.")
    name: str = Field(default="", description="The policy as people know it.")
    note: str = Field(default="", description="Why a statement that comes near does not apply.")


class TargetJson(_Object):
    kind: TargetKind
    id: str
    account: str
    region: str = ""
    name: str = ""
    path: str = ""


class StepJson(_Object):
    """One document before and after; `before` is null when it does not exist yet."""

    target: TargetJson
    before: str | None
    after: str
    diff: str
    owned_by: str = ""


class SnippetJson(_Object):
    language: str
    code: str


class FixJson(_Object):
    kind: FixKind
    target: str
    diff: str
    fingerprint: str = Field(pattern=r"^([0-9a-f]{64})?$")
    access: str = ""
    steps: tuple[StepJson, ...] = ()
    instructions: str = ""
    proven: bool = False
    opens: tuple[str, ...] = ()
    snippets: tuple[SnippetJson, ...] = ()
    remarks: tuple[str, ...] = ()


class FindingJson(_Object):
    id: str
    component: Component
    certainty: Certainty
    headline: str
    principal: str
    action: str
    resource: str
    stage: str
    pipeline_action: str
    decision: Literal["allowed", "explicitDeny", "implicitDeny", "unknown"]
    evidence: tuple[EvidenceJson, ...]
    fix: FixJson | None
    explanation: str = ""
    detail: str = ""
    actions: tuple[str, ...] = ()
    documentation: str = ""
    stopped: str = ""


class CheckedJson(_Object):
    requirements: int = Field(ge=0)
    allowed: int = Field(ge=0)
    denied: int = Field(ge=0)
    unknown: int = Field(ge=0)
    aws_calls: int = Field(ge=0)
    seconds: float = Field(ge=0)


class UnreadJson(_Object):
    what: str
    why: str
    would_change: str = ""
    grant: str = ""


class SectionJson(_Object):
    component: str
    outcome: Outcome
    summary: str
    details: tuple[str, ...] = ()
    applies: bool = Field(
        default=True,
        description="Whether there was anything to check: false is neither good nor bad.",
    )


class ReportJson(_Object):
    """A diagnosis of one pipeline."""

    schema_: Literal[1] = Field(alias="schema")
    pipeline: PipelineJson
    verdict: Outcome
    findings: tuple[FindingJson, ...]
    checked: CheckedJson
    unreadable: tuple[UnreadJson, ...]
    advice: tuple[FindingJson, ...] = ()
    sections: tuple[SectionJson, ...] = ()
    taken_at: str = ""


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON values, in the documented order of keys."""
    return {
        "schema": SCHEMA_VERSION,
        "pipeline": {
            "name": report.name,
            "account": report.account,
            "region": report.region,
            "arn": report.arn,
            "alias": report.alias,
        },
        "verdict": str(report.outcome),
        "findings": [_finding(each) for each in report.findings],
        "checked": {
            "requirements": report.checked.requirements,
            "allowed": report.checked.allowed,
            "denied": report.checked.denied,
            "unknown": report.checked.unknown,
            "aws_calls": report.checked.aws_calls,
            "seconds": report.checked.seconds,
        },
        "unreadable": [
            {
                "what": each.what,
                "why": each.why,
                "would_change": each.would_change,
                "grant": each.grant,
            }
            for each in report.unreadable
        ],
        "advice": [_finding(each) for each in report.advice],
        "sections": [
            {
                "component": each.component,
                "outcome": str(each.outcome),
                "summary": each.summary,
                "details": list(each.details),
                "applies": each.applies,
            }
            for each in report.sections
        ],
        "taken_at": report.taken_at,
    }


def from_json(value: Mapping[str, Any]) -> Report:
    """The report that `to_json` wrote. Raises pydantic.ValidationError for anything else."""
    read = ReportJson.model_validate(value)
    return Report(
        name=read.pipeline.name,
        account=read.pipeline.account,
        region=read.pipeline.region,
        arn=read.pipeline.arn,
        alias=read.pipeline.alias,
        outcome=read.verdict,
        findings=tuple(_read_finding(each) for each in read.findings),
        advice=tuple(_read_finding(each) for each in read.advice),
        sections=tuple(Section(**dict(each)) for each in read.sections),
        unreadable=tuple(UnreadDocument(**dict(each)) for each in read.unreadable),
        checked=Checked(**dict(read.checked)),
        taken_at=read.taken_at,
    )


def schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    return ReportJson.model_json_schema(by_alias=True)


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "component": str(finding.component),
        "certainty": str(finding.certainty),
        "headline": finding.headline,
        "principal": finding.principal,
        "action": finding.action,
        "resource": finding.resource,
        "stage": finding.stage,
        "pipeline_action": finding.pipeline_action,
        "decision": finding.decision,
        "evidence": [
            {
                "layer": each.layer,
                "policy": each.policy,
                "statement": each.statement,
                "effect": each.effect,
                "line": each.line,
                "text": each.text,
                "name": each.name,
                "note": each.note,
            }
            for each in finding.evidence
        ],
        "fix": None if finding.fix is None else _fix(finding.fix),
        "explanation": finding.explanation,
        "detail": finding.detail,
        "actions": list(finding.actions),
        "documentation": finding.documentation,
        "stopped": finding.stopped,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "kind": str(fix.kind),
        "target": fix.target,
        "diff": fix.diff,
        "fingerprint": fix.fingerprint,
        "access": fix.access,
        "steps": [
            {
                "target": {
                    "kind": str(step.target.kind),
                    "id": step.target.id,
                    "account": step.target.account,
                    "region": step.target.region,
                    "name": step.target.name,
                    "path": step.target.path,
                },
                "before": step.before,
                "after": step.after,
                "diff": step.diff,
                "owned_by": step.owned_by,
            }
            for step in fix.steps
        ],
        "instructions": fix.instructions,
        "proven": fix.proven,
        "opens": list(fix.opens),
        "snippets": [{"language": language, "code": code} for language, code in fix.snippets],
        "remarks": list(fix.remarks),
    }


def _read_finding(read: FindingJson) -> Finding:
    values = dict(read)
    values["evidence"] = tuple(Evidence(**dict(each)) for each in read.evidence)
    values["fix"] = None if read.fix is None else _read_fix(read.fix)
    return Finding(**values)


def _read_fix(read: FixJson) -> Fix:
    return Fix(
        kind=read.kind,
        access=read.access,
        steps=tuple(
            Step(
                target=Target(**dict(step.target)),
                before=step.before,
                after=step.after,
                diff=step.diff,
                owned_by=step.owned_by,
            )
            for step in read.steps
        ),
        instructions=read.instructions,
        fingerprint=read.fingerprint,
        proven=read.proven,
        opens=read.opens,
        snippets=tuple((each.language, each.code) for each in read.snippets),
        remarks=read.remarks,
    )


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
