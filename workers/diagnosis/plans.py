"""Fix plans: the smallest change that cures a finding, its proof, or who has to make it.

Limits: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (inline
policies of a role 10,240 characters in all, trust policy 2,048 and on request up to 4,096, white
space not counted),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html (20 KB),
https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html (32 KB).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workers.diagnosis import documents
from workers.diagnosis.cause import Side
from workers.diagnosis.checks import Checker
from workers.diagnosis.documents import NotJson
from workers.diagnosis.drafts import Draft
from workers.diagnosis.lookup import bucket_of, find_role, resource_policy, role_of
from workers.diagnosis.model import Certainty, Fix, FixKind, Step, Target, TargetKind
from workers.diagnosis.naming import Names
from workers.diagnosis.ownership import owner_of
from workers.diagnosis.proof import Proof, prove
from workers.diagnosis.snippets import snippets
from workers.diagnosis.statements import (
    Statement,
    bucket_statements,
    identity_statements,
    key_statements,
    trust_statements,
)
from workers.diagnosis.texts import Texts
from workers.pipeline.arn import account_of, region_of
from workers.pipeline.requirement import Part, Requirement
from workers.policy import Decision
from workers.settings import Settings
from workers.snapshot.model import State

INLINE_LIMIT = 10_240
TRUST_LIMIT = 2_048
RAISED_TRUST_LIMIT = 4_096
BUCKET_LIMIT = 20_480
KEY_LIMIT = 32_768


_OF_RESOURCES = frozenset(
    {TargetKind.BUCKET_POLICY, TargetKind.KEY_POLICY, TargetKind.TRUST_POLICY}
)
# Refusals that say what to do by themselves.
_TOLD_WHOLE = frozenset({"person", "user", "too_long_role_policy", "too_long_key_policy"})


class Refused(Exception):
    """The change cannot be made by us. `text` is the id of the reason, `values` fill it."""

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text)
        self.text = text
        self.values = values


@dataclass(frozen=True, slots=True)
class Change:
    """A step and the statements that it adds."""

    step: Step
    statements: tuple[Statement, ...] = ()
    value: str = ""


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans the fixes of one diagnosis."""

    checker: Checker
    requirements: tuple[Requirement, ...]
    settings: Settings | None
    names: Names

    @property
    def texts(self) -> Texts:
        return self.names.texts

    def missing(self, draft: Draft, instructions: str) -> Fix:
        """The fix for access that stands in no policy: a step for each side that is silent."""
        try:
            changes = self._changes(draft)
        except Refused as refused:
            return self._refusal(refused, draft, instructions)
        needs = tuple(check.requirement for check in draft.checks)
        proof = prove([each.step for each in changes], needs, self.requirements, self.checker)
        return self._fix(draft, changes, proof, instructions)

    def repaired(self, draft: Draft, step: Step, lost: Sequence[str], instructions: str) -> Fix:
        """The fix for a document with a repeated key: the same document with both values."""
        needs = tuple(check.requirement for check in draft.checks)
        proof = prove([step], needs, self.requirements, self.checker, intended=lost)
        fix = self._fix(draft, (Change(step),), proof, instructions)
        access = self.texts.say("access.repaired", lost=self.texts.listed(tuple(lost)))
        return replace(fix, access=access)

    # --- the steps -----------------------------------------------------------------------------

    def _changes(self, draft: Draft) -> tuple[Change, ...]:
        """In the order in which they are made and can be undone: identity before resource."""
        mine = [
            check.requirement
            for check, cause in zip(draft.checks, draft.causes, strict=True)
            if Side.IDENTITY in cause.sides
        ]
        theirs = [
            check.requirement
            for check, cause in zip(draft.checks, draft.causes, strict=True)
            if Side.RESOURCE in cause.sides
        ]
        return (
            *((self._role_policy(mine),) if mine else ()),
            *((self._resource_policy(theirs),) if theirs else ()),
        )

    def _role_policy(self, needs: Sequence[Requirement]) -> Change:
        principal = role_of(needs[0].principal)
        self._refuse_unchangeable(principal)
        if needs[0].part is Part.USER:
            raise Refused("person")
        self._refuse_unknown(needs)
        statements = identity_statements(needs)
        after = documents.with_statements(None, statements)
        name = f"pipeline-access-{_slug(needs)}-{_digest(after)}"
        role = find_role(self.checker.snapshot, principal).value
        arn = role.arn if role is not None else principal
        if role is not None:
            inline = sum(
                len(_compacted(each.document.value))
                for each in role.policies.value or ()
                if each.arn is None and each.document.value is not None
            )
            if inline + len(documents.compact(after)) > INLINE_LIMIT:
                raise Refused(
                    "too_long_role_policy",
                    limit=f"{INLINE_LIMIT:,}",
                    statements=statements,
                    command=_managed(arn, name),
                )
        target = Target(TargetKind.ROLE_POLICY, arn, account_of(arn), name=name)
        step = Step(target, None, after, documents.diff(None, after, name))
        return Change(self._owned(step), statements)

    def _refuse_unknown(self, needs: Sequence[Requirement]) -> None:
        """Whoever does not know the resource, or whom a role is passed to, gives too much."""
        for need in needs:
            if need.unresolved and need.resource == "*":
                missing = self.texts.listed(need.unresolved)
                told = [
                    replace(each, resource=f"<{missing}>", pattern="", unresolved=())
                    for each in needs
                ]
                raise Refused(
                    "resource_unknown", missing=missing, statements=identity_statements(told)
                )
            if need.action.lower() == "iam:passrole" and not need.context.get(
                "iam:PassedToService"
            ):
                context = {**need.context, "iam:PassedToService": "<service>.amazonaws.com"}
                told = [replace(need, context=context)]
                raise Refused("passed_to_unknown", statements=identity_statements(told))

    def _refuse_unchangeable(self, principal: str) -> None:
        if ":user/" in principal:
            raise Refused("user")
        if ":role/aws-service-role/" in principal:
            raise Refused("service_linked")
        if "/AWSReservedSSO_" in principal or principal.partition(":role/")[2].startswith(
            "aws-reserved/"
        ):
            raise Refused("sso")
        if ":role/" not in principal:
            raise Refused("user")

    def _resource_policy(self, needs: Sequence[Requirement]) -> Change:
        first = needs[0]
        action = first.action.lower()
        reading, _ = resource_policy(self.checker.snapshot, action, first.resource)
        if action.startswith("s3:"):
            statements = bucket_statements(needs)
            name = bucket_of(first.resource)
            owner = self.checker.owner(first)
            bucket = self.checker.snapshot.bucket(name).value
            region = bucket.region if bucket is not None else ""
            if not owner:
                raise Refused("no_owner", document=self._document(first), statements=statements)
            target = Target(TargetKind.BUCKET_POLICY, name, owner, region)
            limit = BUCKET_LIMIT
        elif action.startswith("kms:"):
            statements = key_statements(needs)
            self._refuse_aws_managed(first.resource)
            arn = first.resource
            target = Target(TargetKind.KEY_POLICY, arn, account_of(arn), region_of(arn))
            limit = KEY_LIMIT
        elif action.startswith("sts:"):
            statements = trust_statements(needs)
            self._refuse_unchangeable(first.resource)
            target = Target(TargetKind.TRUST_POLICY, first.resource, account_of(first.resource))
            limit = _trust_limit(reading.value)
        else:
            raise Refused("manual", statements=bucket_statements(needs))
        if reading.state is State.UNREADABLE:
            raise Refused("unread", document=self._document(first), statements=statements)
        try:
            step = self._appended(target, reading.value, statements, limit, self._document(first))
        except Refused as refused:
            if refused.text == "too_long_key_policy":
                refused.values |= {"statements": (), "command": _grant(needs)}
            raise
        return Change(self._owned(step), statements)

    def _refuse_aws_managed(self, arn: str) -> None:
        key = self.checker.snapshot.key(arn).value
        if key is not None and key.manager.value == "AWS":
            raise Refused("aws_managed_key")

    def _appended(
        self,
        target: Target,
        before: str | None,
        statements: tuple[Statement, ...],
        limit: int,
        document: str,
    ) -> Step:
        try:
            after = documents.with_statements(before, statements)
            if len(after.encode()) > limit:
                after = documents.compact(after)
        except NotJson as fault:
            raise Refused(
                "invalid", document=f"{document} ({fault})", statements=statements
            ) from None
        # White space does not count in a trust policy; in bucket and key policies it does.
        size = (
            len(documents.compact(after))
            if target.kind is TargetKind.TRUST_POLICY
            else len(after.encode())
        )
        if size > limit:
            raise Refused(
                f"too_long_{target.kind}",
                document=document,
                limit=f"{limit:,}",
                statements=statements,
            )
        return Step(target, before, after, documents.diff(before, after, _title(target)))

    def _owned(self, step: Step) -> Step:
        owner = owner_of(step.target, self.checker.snapshot, self.settings, self.texts)
        return replace(step, owned_by=owner) if owner else step

    # --- the fix -------------------------------------------------------------------------------

    def _fix(
        self, draft: Draft, changes: tuple[Change, ...], proof: Proof, instructions: str
    ) -> Fix:
        steps = tuple(change.step for change in changes)
        owners = tuple(dict.fromkeys(step.owned_by for step in steps if step.owned_by))
        opens = tuple(
            self.texts.say("access.opens", principal=principal, action=action, resource=resource)
            for principal, action, resource in proof.opens
        )
        kind, why = FixKind.APPLY, ""
        if owners:
            kind = FixKind.INSTRUCTIONS
            why = self.texts.say(
                "owners.code",
                owner=self.texts.listed(owners),
                what=self.names.short(steps[0].target.id),
            )
        if proof.opens:
            kind, why = FixKind.INSTRUCTIONS, self.texts.say("refusals.opens")
        elif proof.worst in (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY):
            kind = FixKind.INSTRUCTIONS
            why = self.texts.say("refusals.not_proven", decision=str(proof.worst))
        elif proof.worst is Decision.UNKNOWN and not why:
            why = self.texts.say("refusals.not_known")
            why = f"{why} {self._other_side(draft, steps)}".rstrip()
        code = tuple(
            snippet
            for change in changes
            if change.step.owned_by
            for snippet in snippets(change.step.target, change.statements, change.value)
        )
        return Fix(
            kind=kind,
            access=self.access(draft, changes),
            steps=steps,
            instructions=" ".join(part for part in (why, instructions if code else "") if part),
            fingerprint=fingerprint(steps),
            proven=proof.holds,
            opens=opens,
            snippets=code,
        )

    def _other_side(self, draft: Draft, steps: Sequence[Step]) -> str:
        """What the owner of the resource has to add, where that account's policy was not read."""
        need = draft.lead
        owner, caller = self.checker.owner(need), account_of(role_of(need.principal))
        policy = self.checker.policies(need).resource
        unread = policy is not None and policy.unreadable is not None
        if not unread or owner in ("", caller) or steps[-1].target.kind in _OF_RESOURCES:
            return ""
        needs = tuple(check.requirement for check in draft.checks) or (need,)
        make = {"kms": key_statements, "sts": trust_statements}.get(
            need.action.lower().partition(":")[0], bucket_statements
        )
        text = self.texts.say(
            "refusals.other_side", document=self._document(need), owner=self.names.account(owner)
        )
        return self._with_statements(text[:1].upper() + text[1:], make(needs))

    def access(self, draft: Draft, changes: Sequence[Change]) -> str:
        """The new access in plain words."""
        need = draft.lead
        kinds = {change.step.target.kind for change in changes}
        if len(kinds) > 1:
            key = "both"
        else:
            key = {
                TargetKind.ROLE_POLICY: "identity",
                TargetKind.TRUST_POLICY: "trust",
                TargetKind.BUCKET_POLICY: "bucket",
                TargetKind.KEY_POLICY: "key",
            }.get(next(iter(kinds)), "identity")
        actions = tuple(dict.fromkeys(check.requirement.action for check in draft.checks))
        said = self.texts.say(
            f"access.{key}",
            who=self.names.who(need.principal),
            account=self.names.account(
                account_of(role_of(need.principal)) or account_of(need.resource)
            ),
            owner=self.names.account(self.checker.owner(need)),
            actions=self.texts.listed(actions),
            what=self.names.what(need.shown),
            name=self.names.short(need.shown),
        )
        return said[:1].upper() + said[1:]

    def instructions(self, text: str) -> Fix:
        """What somebody else has to do; nothing is applied."""
        return Fix(FixKind.INSTRUCTIONS, instructions=text[:1].upper() + text[1:])

    def proposed(self, draft: Draft, text: str) -> Fix:
        """Instructions with the statement to add, where the document itself was not read."""
        statements = identity_statements((draft.lead,))
        return replace(
            self.instructions(text),
            instructions=self._with_statements(text, statements),
        )

    def retry(self, text: str) -> Fix:
        return Fix(FixKind.RETRY, access=self.texts.say("access.retry"), instructions=text)

    def _refusal(self, refused: Refused, draft: Draft, text: str) -> Fix:
        need = draft.lead
        values = {
            "who": self.names.who(need.principal),
            "what": self.names.what(need.shown),
            "document": self._document(need),
            "instructions": text,
            "statement": "",
        } | refused.values
        given = refused.values.get("statements")
        statements = (
            given
            if isinstance(given, tuple)
            else identity_statements(check.requirement for check in draft.checks)
        )
        why = (
            "" if refused.text == "manual" else self.texts.say(f"refusals.{refused.text}", **values)
        )
        words = why if refused.text in _TOLD_WHOLE else f"{why} {text}".strip()
        told = self._with_statements(words, statements)
        command = refused.values.get("command")
        return self.instructions(f"{told}\n{command}" if command else told)

    def _with_statements(self, text: str, statements: Sequence[Statement]) -> str:
        given = [dict(each) for each in statements]
        if not given:
            return text
        shown = json.dumps(given if len(given) > 1 else given[0], indent=2, ensure_ascii=False)
        return f"{text}\n{shown}"

    def _document(self, need: Requirement) -> str:
        action = need.action.lower()
        key = {"s3": "bucket", "kms": "key", "sts": "trust"}.get(
            action.partition(":")[0], "resource"
        )
        return self.texts.say(f"documents.{key}", name=self.names.short(need.resource))


def fingerprint(steps: Sequence[Step]) -> str:
    """SHA-256 over target, before and after of every step, in order; "" when there is none."""
    if not steps:
        return ""
    parts: list[str | None] = []
    for step in steps:
        parts += [str(step.target.kind), step.target.id, step.target.name, step.target.path]
        parts += [step.before, step.after]
    return documents.fingerprint(parts)


def applies(draft: Draft) -> bool:
    """Whether enough is known of the draft to propose a change rather than a look."""
    return draft.certainty is not Certainty.UNKNOWN and bool(draft.checks)


def _managed(role: str, name: str) -> str:
    """https://docs.aws.amazon.com/cli/latest/reference/iam/create-policy.html"""
    arn = role.replace(":role/", f":policy/{name}#").partition("#")[0]
    return (
        f"aws iam create-policy --policy-name {name} --policy-document file://{name}.json\n"
        f"aws iam attach-role-policy --role-name {role.rpartition('/')[2]} --policy-arn {arn}"
    )


def _grant(needs: Sequence[Requirement]) -> str:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html"""
    operations = dict.fromkeys(need.action.partition(":")[2] for need in needs)
    first = needs[0]
    return (
        f"aws kms create-grant --region {region_of(first.resource)} --key-id {first.resource} "
        f"--grantee-principal {role_of(first.principal)} --operations {' '.join(operations)}"
    )


def _trust_limit(before: str | None) -> int:
    """The quota of the account: a document beyond the default shows that it was raised."""
    raised = before is not None and len(_compacted(before)) > TRUST_LIMIT
    return RAISED_TRUST_LIMIT if raised else TRUST_LIMIT


def _title(target: Target) -> str:
    return {
        TargetKind.BUCKET_POLICY: f"bucket policy of {target.id}",
        TargetKind.KEY_POLICY: f"key policy of {target.id.rpartition('/')[2]}",
        TargetKind.TRUST_POLICY: f"trust policy of {target.id.rpartition('/')[2]}",
    }.get(target.kind, target.name or target.id)


def _slug(needs: Sequence[Requirement]) -> str:
    services = tuple(dict.fromkeys(need.action.partition(":")[0].lower() for need in needs))
    return "-".join(services)[:40]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _compacted(text: str) -> str:
    try:
        return documents.compact(text)
    except NotJson:
        return text
