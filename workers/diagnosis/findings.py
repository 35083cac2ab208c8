"""Drafts put into words and order: what broke the last execution first, then what will."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workers.diagnosis.cause import Side
from workers.diagnosis.checks import Checker
from workers.diagnosis.drafts import Draft
from workers.diagnosis.evidence import agreeing, grounds, nearly
from workers.diagnosis.failures import Source
from workers.diagnosis.faulty import lost_principals
from workers.diagnosis.lookup import role_of
from workers.diagnosis.model import Certainty, Component, Evidence, Finding, Fix
from workers.diagnosis.naming import Names
from workers.diagnosis.plans import Planner
from workers.diagnosis.repairs import Repairs
from workers.diagnosis.reviews import reviewed
from workers.diagnosis.texts import Texts
from workers.pipeline.arn import account_of, parse
from workers.pipeline.faults import FaultText
from workers.pipeline.requirement import Requirement
from workers.policy import Decision, Effect, Statement

_ARN = re.compile(r"arn:\S+")
_ACCOUNT_DIGITS = 12
_NAMES_FIRST = ("{caller", "{doing}")
_CERTAINTY_ORDER = {Certainty.PROVEN: 0, Certainty.LIKELY: 1, Certainty.UNKNOWN: 2}
# Kinds with one sentence per component of the silent side.
_MISSING = {
    Component.BUCKET: "missing_bucket",
    Component.KMS: "missing_key",
    Component.TRUST: "missing_trust",
    Component.CONFIG: "missing_resource",
}
# Kinds that read otherwise where a statement names the requester, and in what it fails then.
_NEARLY = {"missing_trust": ("condition", "action"), "missing_key": ("condition",)}
_MFA = "aws:multifactorauthpresent"


@dataclass(frozen=True, slots=True)
class Author:
    """Writes the findings of one diagnosis."""

    checker: Checker
    planner: Planner
    repairs: Repairs
    names: Names
    fault_texts: Mapping[str, FaultText]
    purposes: Mapping[str, str]
    pipeline_arn: str

    @property
    def texts(self) -> Texts:
        return self.names.texts

    def findings(self, drafts: Iterable[Draft]) -> tuple[Finding, ...]:
        """All findings with their fixes, the blocking one first."""
        return tuple(self._finding(draft, fixed=True) for draft in ordered(drafts))

    def advice(self, drafts: Iterable[Draft]) -> tuple[Finding, ...]:
        """Findings that block nothing, so that nothing is planned for them.

        What a person lacks blocks no pipeline either; but they asked, and are told what to ask for.
        """
        return tuple(
            self._finding(draft, fixed=draft.component is Component.USER)
            for draft in ordered(drafts)
        )

    def _finding(self, draft: Draft, *, fixed: bool) -> Finding:
        kind = text_kind(draft)
        if kind in _NEARLY and (miss := nearly(draft, self.checker)) in _NEARLY[kind]:
            kind = f"{kind}_{miss}"
        values = self._values(draft)
        certainty = self._certainty(draft)
        need = draft.lead
        decision = draft.checks[0].verdict.decision if draft.checks else _decision(draft)
        return Finding(
            id=self._id(draft),
            component=draft.component,
            certainty=certainty,
            headline=self._say(draft, kind, "headline", values),
            explanation=self._say(draft, kind, "explanation", values),
            principal=role_of(need.principal),
            action=need.action,
            resource=need.shown,
            decision=str(decision),
            stage=need.stage,
            pipeline_action=need.pipeline_action,
            detail=draft.detail,
            actions=_actions(draft),
            evidence=grounds(draft, self.checker, self.names),
            fix=self._fix(draft, kind, values) if fixed else None,
            documentation=draft.documentation or need.documentation,
            stopped=self._stopped(draft),
            checks=draft.checks,
        )

    def _say(self, draft: Draft, kind: str, part: str, values: Mapping[str, str]) -> str:
        template = self._template(draft, kind, part)
        said = " ".join(template.format(**values).split())
        # A name that AWS tells apart by its case is left as it is.
        return said if template.startswith(_NAMES_FIRST) else said[:1].upper() + said[1:]

    def _template(self, draft: Draft, kind: str, part: str) -> str:
        if not draft.fault:
            return self.texts.find(f"findings.{kind}.{part}")
        text = self.fault_texts[draft.fault]
        own = {"headline": text.headline, "explanation": text.explanation}
        return self.texts.find(f"faults.{draft.fault}.{part}") or own.get(part, text.cure)

    def _certainty(self, draft: Draft) -> Certainty:
        """A second opinion that agrees proves what the documents alone leave likely."""
        if draft.checks and draft.certainty is Certainty.LIKELY:
            opinion = agreeing(draft.checks[0], self.checker.snapshot.opinions)
            if opinion:
                return Certainty.PROVEN
        return draft.certainty

    def _id(self, draft: Draft) -> str:
        parts = "\n".join((self.pipeline_arn, *draft.key))
        return f"{draft.component}-{hashlib.sha256(parts.encode()).hexdigest()[:10]}"

    def _values(self, draft: Draft) -> dict[str, str]:
        need, cause = draft.lead, draft.cause
        actions = self.texts.listed(_actions(draft))
        match = cause.match if cause is not None else None
        denial = draft.matched[0].denial if draft.matched else None
        policy = match.policy if match is not None else ""
        if cause is not None and cause.place:
            policy = cause.place
        if denial is not None and denial.policy_arn and not policy:
            policy = denial.policy_arn
        layer = (denial.layer or "") if denial is not None else ""
        where = self.names.place(need.stage, need.pipeline_action)
        values = {
            "caller": self.names.caller(need.principal),
            "callers": self._callers(draft),
            "doing": self.texts.listed(_actions(draft) or (need.action,), 2),
            "who": self.names.who(need.principal),
            "principal": role_of(need.principal),
            "action": need.action,
            "actions": actions or need.action,
            "what": self.names.what(need.shown),
            "resource": need.shown,
            "name": self.names.short(need.resource),
            "owner": self.names.account(self.checker.owner(need)),
            "account": self.names.account(account_of(role_of(need.principal))),
            "policy": self.names.policy(policy) or self.texts.say("layers.unnamed"),
            "statement": match.statement if match is not None else "",
            "where": where,
            "place": where or self.texts.say("words.pipeline"),
            "asked": self._asked(need),
            "holder": self.texts.say(f"holders.{draft.component}"),
            "stage": need.stage,
            "pipeline_action": need.pipeline_action,
            "layer": self.texts.say(f"layers.{layer}") if layer else self.texts.say("layers.some"),
            "unread": self._unread(draft),
            "more": self._needed(need),
            "repository": self._repository(need),
            "text": "",
        }
        given = {name: self._called(value) for name, value in draft.values.items()}
        return values | given | self._document(draft)

    def _called(self, value: str) -> str:
        """A value of a fault by the name that people know it by; its accounts, roles and keys."""
        if len(value) == _ACCOUNT_DIGITS and value.isdigit():
            return self.names.account(value)
        arn = parse(value)
        if arn is not None and arn.resource.startswith(("role/", "user/")):
            return self.names.party(value)
        return self.names.what(value) if arn is not None and arn.service == "kms" else value

    def _callers(self, draft: Draft) -> str:
        """Everybody whom the cause stops, the one that the finding shows first."""
        principals = dict.fromkeys(role_of(check.requirement.principal) for check in draft.checks)
        principals = {role_of(draft.lead.principal): None} | principals
        return self.texts.listed([self.names.caller(each) for each in principals], 2)

    def _asked(self, need: Requirement) -> str:
        """What was asked for, as far as a message says: action, thing, both or neither."""
        kind = {
            (True, True): "asked_of",
            (True, False): "asked_for_action",
            (False, True): "asked_for_thing",
            (False, False): "asked_for_access",
        }[bool(need.action), bool(need.shown)]
        return self.texts.say(f"words.{kind}", action=need.action, what=self.names.what(need.shown))

    def _document(self, draft: Draft) -> dict[str, str]:
        if "document" not in draft.values:
            return {}
        evidence = draft.evidence[0] if draft.evidence else Evidence("identity", "", "", "")
        holder = role_of(draft.lead.principal)
        words = self.names.document(evidence.layer, draft.values["document"], holder)
        return {"document": words[:1].upper() + words[1:]}

    def _unread(self, draft: Draft) -> str:
        names = draft.cause.unread if draft.cause is not None else ()
        if not names and draft.kind.startswith("undecided"):
            return self.texts.say("words.some_session")
        called = [_ARN.sub(lambda arn: self.names.short(arn[0]), name) for name in names]
        return self.texts.listed(called, 3)

    def _needed(self, need: Requirement) -> str:
        purpose = self.purposes.get(need.purpose)
        return self.texts.say("words.needed", purpose=purpose) if purpose else ""

    def _repository(self, need: Requirement) -> str:
        pipeline = self.checker.snapshot.pipeline.value
        for action in pipeline.actions if pipeline is not None else ():
            if (action.stage, action.name) == (need.stage, need.pipeline_action):
                return action.configuration.get("FullRepositoryId", "")
        return ""

    def _stopped(self, draft: Draft) -> str:
        for failure in draft.matched:
            if failure.source is Source.RUN or failure.stage:
                where = self.names.place(failure.stage, failure.action)
                if failure.at:
                    return self.texts.say(
                        "words.stopped",
                        where=where,
                        at=_time(failure.at),
                        execution=failure.execution[:8] or "?",
                    )
                return self.texts.say("words.stopped_untimed", where=where)
        for failure in draft.matched:
            if failure.source is Source.GIVEN:
                return self.texts.say("words.said")
            return self.texts.say("words.seen", count=failure.count, at=_time(failure.at))
        return ""

    # --- the fix -------------------------------------------------------------------------------

    def _fix(self, draft: Draft, kind: str, values: Mapping[str, str]) -> Fix:
        fix = self._planned(draft, kind, values)
        return reviewed(fix, self.checker.snapshot, self.texts)

    def _planned(self, draft: Draft, kind: str, values: Mapping[str, str]) -> Fix:
        text = self._say(draft, kind, "instructions", values)
        if draft.retry:
            return self.planner.retry(text)
        if draft.fault:
            return self.repairs.of_fault(draft, text)
        if draft.kind == "object_ownership":
            return self.repairs.of_ownership(draft, text)
        if draft.kind == "document_duplicate_key":
            return self.repairs.of_document(draft, text, lost_principals)
        if draft.kind == "missing":
            return self.planner.missing(draft, text)
        if draft.kind == "undecided_resource" and draft.lead.narrow:
            return self.planner.proposed(draft, text)
        if draft.kind == "undecided":
            if draft.certainty is Certainty.UNKNOWN:
                return self.planner.proposed(draft, text)
            return self.planner.missing(draft, text)
        if draft.kind == "message_identity":
            return self.planner.proposed(draft, text)
        return self.planner.instructions(text)


def ordered(drafts: Iterable[Draft]) -> tuple[Draft, ...]:
    """What stopped the last execution, then what is proven, then in the pipeline's order."""
    return tuple(
        sorted(drafts, key=lambda draft: (-draft.score, _CERTAINTY_ORDER[draft.certainty]))
    )


def text_kind(draft: Draft) -> str:
    """The id of the texts: a missing permission is told by the side that is silent."""
    if blemish := draft.values.get("blemish"):
        return blemish
    if draft.kind == "undecided_condition" and _denies(draft):
        return "undecided_deny"
    if draft.kind == "deny_identity" and draft.component is Component.USER and _asks_mfa(draft):
        return "deny_without_mfa"
    if draft.kind == "undecided" and draft.certainty is Certainty.PROVEN:
        return "missing_identity"
    if draft.kind != "missing":
        return draft.kind
    cause = draft.causes[0]
    if cause.sides == {Side.IDENTITY, Side.RESOURCE}:
        return "missing_both"
    if Side.IDENTITY in cause.sides:
        return "missing_identity"
    return _MISSING.get(draft.component, "missing_resource")


def _asks_mfa(draft: Draft) -> bool:
    statement = draft.cause.match.cause if draft.cause and draft.cause.match else None
    return isinstance(statement, Statement) and any(
        condition.key.lower() == _MFA for condition in statement.conditions
    )


def _denies(draft: Draft) -> bool:
    match = draft.cause.match if draft.cause is not None else None
    return match is not None and match.effect is Effect.DENY


def _actions(draft: Draft) -> tuple[str, ...]:
    if draft.checks:
        return tuple(dict.fromkeys(check.requirement.action for check in draft.checks))
    return (draft.lead.action,) if draft.lead.action else ()


def _decision(draft: Draft) -> Decision:
    for failure in draft.matched:
        if draft.retry:
            return Decision.ALLOWED
        if failure.denial is not None and failure.denial.effect:
            return Decision(failure.denial.effect)
    return Decision.UNKNOWN if draft.certainty is Certainty.UNKNOWN else Decision.IMPLICIT_DENY


def _time(at: str) -> str:
    """`2026-11-24 12:04` of an ISO 8601 time; other text as it is."""
    return at[:16].replace("T", " ") if "T" in at else at


def blocking(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that stop the pipeline as far as anybody knows."""
    return tuple(
        each
        for each in findings
        if each.certainty is not Certainty.UNKNOWN and each.decision != Decision.ALLOWED
    )
