"""Faults that are no verdict: of the configuration, and of the documents' own text.

A document's fault counts where it has a say: in a policy that should allow a request which is
denied or cannot be decided.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from workers.diagnosis.checks import Checker
from workers.diagnosis.components import component_of, resource_component, scope_of
from workers.diagnosis.drafts import Draft
from workers.diagnosis.lookup import role_of
from workers.diagnosis.model import Certainty, Check, Component, Evidence
from workers.pipeline.faults import Fault, FaultText
from workers.pipeline.requirement import Part, Requirement
from workers.policy import Decision, Diagnostic, Document, Policy, PolicyKind

_CERTAINTIES = {
    "blocks": Certainty.PROVEN,
    "may_block": Certainty.UNKNOWN,  # until a failure points at it
    "unknown": Certainty.UNKNOWN,
}
# Diagnostics that keep a statement from matching what it is meant for, by the id of their texts.
_KINDS = {
    "not-json": "document_invalid",
    "not-an-object": "document_invalid",
    "duplicate-key": "document_duplicate_key",
    "placeholder": "document_placeholder",
    "principal-deleted": "document_dangling_principal",
}
_OTHERS = frozenset(
    {
        "statement-missing",
        "statement-type",
        "element-missing",
        "element-type",
        "element-unknown",
        "effect-value",
        "principal-missing",
        "principal-invalid",
        "principal-wildcard",
        "principal-group",
        "principal-type-unknown",
        "action-form",
        "action-service-unknown",
        "action-unknown",
        "resource-form",
        "arn-impossible",
        "operator-unknown",
        "operator-value",
        "operator-wildcard",
        "version-without-variables",
    }
)
_EXTERNAL_ID = "external_id_is_never_sent"
# These leave open what AWS made of the document, so that checks cannot be decided for them.
_AMBIGUOUS = frozenset({"not-json", "not-an-object", "duplicate-key", "operator-unknown"})


@dataclass(frozen=True, slots=True)
class Blemish:
    """A fault in the text of a document that has a say."""

    document: Document
    diagnostic: Diagnostic

    @property
    def kind(self) -> str:
        return _KINDS.get(self.diagnostic.code, "document_other")

    @property
    def values(self) -> Mapping[str, str]:
        """What the texts name: position, the value that is lost, the placeholder."""
        message = self.diagnostic.message
        found = {
            "position": f"line {self.diagnostic.line}, column {self.diagnostic.column}",
            "fault": message,
            "suggestion": "",
            "key": "",
            "kept": "",
            "lost": "",
            "placeholder": "",
        }
        for oddity in self.document.oddities:
            if oddity.code == "duplicate-key" == self.diagnostic.code:
                found["key"] = str(oddity.path[-1]) if oddity.path else ""
                found["kept"], found["lost"] = _words(oddity.kept), _words(oddity.lost)
        if self.diagnostic.code == "placeholder":
            marks = re.search(r"\[\[.*?\]\]|\{\{.*?\}\}|<[^<>]+>|\$\{[^}]*\}", message)
            found["placeholder"] = marks[0] if marks else message.partition(" still")[0]
        if self.diagnostic.code == "principal-deleted":
            found["lost"] = message.partition(" ")[0]
        return MappingProxyType(found)

    @property
    def evidence(self) -> Evidence:
        return Evidence(
            layer=_layer(self.document.kind),
            policy=self.document.name,
            statement="",
            effect="",
            line=self.diagnostic.line,
            text=self.diagnostic.message,
        )


def of_configuration(faults: Iterable[Fault], texts: Mapping[str, FaultText]) -> tuple[Draft, ...]:
    """A draft for each fault that `workers.pipeline.faults` proves."""
    return tuple(_of_fault(fault, texts[fault.code]) for fault in faults)


def _of_fault(fault: Fault, text: FaultText) -> Draft:
    values = dict(fault.values) | {
        "stage": fault.stage,
        "pipeline_action": fault.pipeline_action,
        "principal": fault.principal,
        "resource": fault.resource,
    }
    return Draft(
        key=("fault", fault.code, fault.resource, fault.stage, fault.pipeline_action),
        kind="fault",
        component=Component(fault.component),
        certainty=_CERTAINTIES[text.severity],
        detail=fault.code,
        requirement=Requirement(
            principal=fault.principal,
            part=Part.SERVICE_ROLE,
            action=fault.action,
            resource=fault.resource,
            stage=fault.stage,
            pipeline_action=fault.pipeline_action,
        ),
        values=MappingProxyType(values),
        documentation=text.documentation,
        fault=fault.code,
    )


def explaining(faults: Sequence[Draft], drafts: Iterable[Draft]) -> tuple[Draft, ...]:
    """The faults and the drafts, where a denial that a fault explains is told once, as the fault.

    A trust policy that only wants an external id lacks nothing else: its statement is the cure.
    """
    wanting = {each.lead.resource: each for each in faults if each.fault == _EXTERNAL_ID}
    rest: list[Draft] = []
    for draft in drafts:
        fault = wanting.get(draft.lead.resource)
        if fault is None or draft.kind != "missing" or draft.component is not Component.TRUST:
            rest.append(draft)
            continue
        wanting[draft.lead.resource] = replace(
            fault, checks=(*fault.checks, *draft.checks), causes=(*fault.causes, *draft.causes)
        )
    told = (wanting[each.lead.resource] if each.fault == _EXTERNAL_ID else each for each in faults)
    return (*told, *rest)


# --- documents ---------------------------------------------------------------------------------


def of_documents(
    drafts: Sequence[Draft], checks: Iterable[Check], checker: Checker
) -> tuple[Draft, ...]:
    """The drafts, with the faults of documents that explain them, and those of undecided checks.

    A missing permission whose statement exists but is spoilt (a placeholder, a deleted principal)
    keeps its draft and its fix, and is told as what it is. A document that leaves open what it
    says gets a draft of its own.
    """
    told = tuple(_with_blemish(draft) for draft in drafts)
    own: dict[tuple[str, ...], Draft] = {}
    for check in checks:
        if check.verdict.decision is not Decision.UNKNOWN:
            continue
        for blemish in _blemishes(check, checker):
            if blemish.diagnostic.code not in _AMBIGUOUS:
                continue
            draft = _of_blemish(blemish, check)
            known = own.get(draft.key)
            own[draft.key] = (
                draft if known is None else replace(known, checks=(*known.checks, check))
            )
    spoilt = {key[2] for key in own}
    kept = tuple(
        draft
        for draft in told
        if not (draft.kind.startswith("undecided") and _spoilt(draft, checker, spoilt))
    )
    return (*own.values(), *kept)


def _with_blemish(draft: Draft) -> Draft:
    if draft.kind not in ("missing", "undecided"):
        return draft
    cause = draft.causes[0]
    for policy in cause.policies:
        for blemish in _of_policy(policy):
            if _about(blemish, draft.checks[0]):
                return replace(
                    draft,
                    evidence=(blemish.evidence, *draft.evidence),
                    values=MappingProxyType(
                        {"blemish": blemish.kind, "document": policy.name, **blemish.values}
                    ),
                )
    return draft


def _about(blemish: Blemish, check: Check) -> bool:
    """Whether the faulty statement is meant for the action that is denied."""
    statements = [
        each for each in blemish.document.statements if each.line <= blemish.diagnostic.line
    ]
    if blemish.diagnostic.code in ("action-unknown", "action-service-unknown", "action-form"):
        return check.requirement.action.lower() in blemish.diagnostic.message.lower()
    if not statements:
        return blemish.document.unreadable is not None
    return statements[-1].covers(check.requirement.action.lower())


def _of_blemish(blemish: Blemish, check: Check) -> Draft:
    need = check.requirement
    resource = blemish.document.kind.names_principals
    return Draft(
        key=("document", blemish.kind, blemish.document.name, scope_of(need)),
        kind=blemish.kind,
        component=resource_component(need.action) if resource else component_of(need),
        certainty=Certainty.LIKELY,
        detail=blemish.diagnostic.code.replace("-", "_"),
        checks=(check,),
        evidence=(blemish.evidence,),
        values=MappingProxyType({"document": blemish.document.name, **blemish.values}),
        documentation=need.documentation,
    )


def _blemishes(check: Check, checker: Checker) -> Iterator[Blemish]:
    policies = checker.policies(check.requirement)
    for policy in (*policies.identity, *((policies.resource,) if policies.resource else ())):
        yield from _of_policy(policy)


def _of_policy(policy: Policy) -> Iterator[Blemish]:
    if isinstance(policy, Document):
        for diagnostic in policy.diagnostics:
            if diagnostic.code in _KINDS or diagnostic.code in _OTHERS:
                yield Blemish(policy, diagnostic)


def _spoilt(draft: Draft, checker: Checker, names: set[str]) -> bool:
    policies = checker.policies(draft.checks[0].requirement)
    documents = (*policies.identity, *((policies.resource,) if policies.resource else ()))
    return any(each.name in names for each in documents)


def _layer(kind: PolicyKind) -> str:
    return {
        PolicyKind.BUCKET: "resource",
        PolicyKind.KEY: "resource",
        PolicyKind.RESOURCE: "resource",
    }.get(kind, str(kind))


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def lost_principals(document: Document) -> tuple[str, ...]:
    """The principals that a repeated key hides or leaves, as written."""
    found: dict[str, None] = {}
    for oddity in document.oddities:
        if oddity.code == "duplicate-key":
            for value in (oddity.lost, oddity.kept):
                values = value if isinstance(value, list) else [value]
                found |= dict.fromkeys(role_of(str(each)) for each in values)
    return tuple(found)
