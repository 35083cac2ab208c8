"""Fixes that are no statement: a spoilt document, a key, an ownership, a pipeline's structure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from workers.diagnosis import documents
from workers.diagnosis.causes import causes
from workers.diagnosis.changes import applied
from workers.diagnosis.checks import Checker, settled
from workers.diagnosis.combination import combined
from workers.diagnosis.documents import NotJson
from workers.diagnosis.drafts import Draft, gather
from workers.diagnosis.lookup import bucket_of, resource_policy
from workers.diagnosis.model import Fix, FixKind, Step, Target, TargetKind
from workers.diagnosis.ownership import owner_of
from workers.diagnosis.plans import Planner, fingerprint
from workers.diagnosis.snippets import snippets
from workers.pipeline.arn import account_of, region_of
from workers.pipeline.catalogue import Catalogue
from workers.pipeline.faults import faults
from workers.pipeline.requirement import Requirement, Strength
from workers.pipeline.requirements import requirements
from workers.pipeline.structure import pipeline_to_api
from workers.policy import Decision, Document
from workers.snapshot.model import Key, Pipeline, Snapshot, State, Store

_ENFORCED = "BucketOwnerEnforced"


@dataclass(frozen=True, slots=True)
class Repairs:
    """Plans what `Planner` does not: changes that no single statement makes."""

    checker: Checker
    planner: Planner
    catalogue: Catalogue

    def of_document(
        self, draft: Draft, text: str, lost: Callable[[Document], tuple[str, ...]]
    ) -> Fix:
        """A document with a repeated key: the same with both values in one list."""
        need = draft.lead
        reading, kind = resource_policy(self.checker.snapshot, need.action, need.resource)
        name = draft.values["document"]
        if reading.value is None or not _is_document(need.resource, name):
            return self.planner.instructions(text)
        try:
            after = documents.repaired(reading.value)
        except NotJson as fault:
            return self.planner.instructions(f"{text} ({fault})")
        target = _target(need.action, need.resource, self.checker.owner(need))
        if target is None or not _sane(after):
            return self.planner.instructions(text)
        difference = documents.diff(reading.value, after, self.planner.names.short(target.id))
        step = self._owned(Step(target, reading.value, after, difference))
        document = self.checker.document(reading.value, name, kind)
        return self.planner.repaired(draft, step, lost(document), text)

    def of_fault(self, draft: Draft, text: str) -> Fix:
        """A change of configuration where it is ours to make, else what to do in words."""
        if draft.checks:
            return self.planner.missing(draft, text)
        made = self._steps(draft)
        if made is None:
            return self.planner.instructions(text)
        step, value, access = made
        step = self._owned(step)
        proven = self._gone(draft, step)
        kind = FixKind.INSTRUCTIONS if step.owned_by or not proven else FixKind.APPLY
        code = snippets(step.target, (), value) if step.owned_by else ()
        fix = Fix(
            kind=kind,
            access=access,
            steps=(step,),
            instructions=text,
            fingerprint=fingerprint((step,)),
            proven=proven,
            snippets=code,
        )
        return self._with_access(fix, value) if step.target.kind in _NAMING_KEYS else fix

    def _with_access(self, fix: Fix, key: str) -> Fix:
        """The fix, and before it the steps that let everybody use the key it brings in."""
        snapshot = applied(self.checker.snapshot, fix.steps)
        needs = requirements(snapshot, self.catalogue)
        checker = self.checker.with_snapshot(snapshot)
        using = (need for need in needs if need.resource == key and _is_needed(need))
        checks = settled(checker.check_all(using))
        planner = replace(self.planner, checker=checker, requirements=needs)
        opening = tuple(
            planner.missing(draft, "")
            for draft in gather(
                (check, cause)
                for check in checks
                for cause in causes(check, checker)
                if cause.kind == "missing"
            )
        )
        if not opening:
            allowed = all(check.verdict.decision is Decision.ALLOWED for check in checks)
            return replace(fix, proven=fix.proven and allowed)
        if all(each.kind is FixKind.APPLY for each in (*opening, fix)):
            return replace(combined((*opening, fix)), instructions=fix.instructions)
        return _told_together(opening, fix)

    def of_ownership(self, draft: Draft, text: str) -> Fix:
        """The bucket's owner takes over what is uploaded from now on.

        Not proven: what an object that exists belongs to stands in no document that was read.
        """
        made = self._ownership(bucket_of(draft.lead.resource))
        if made is None:
            return self.planner.instructions(text)
        step, value, access = made
        step = self._owned(step)
        return Fix(
            kind=FixKind.INSTRUCTIONS if step.owned_by else FixKind.APPLY,
            access=access,
            steps=(step,),
            instructions=text,
            fingerprint=fingerprint((step,)),
            snippets=snippets(step.target, (), value) if step.owned_by else (),
        )

    def _owned(self, step: Step) -> Step:
        owner = owner_of(
            step.target, self.checker.snapshot, self.planner.settings, self.planner.texts
        )
        return replace(step, owned_by=owner) if owner else step

    def _gone(self, draft: Draft, step: Step) -> bool:
        """Whether the fault is gone with the step in place, and no other came in its stead."""
        snapshot = self.checker.snapshot
        before = {(each.code, each.resource) for each in faults(snapshot, self.catalogue)}
        after = {
            (each.code, each.resource)
            for each in faults(applied(snapshot, (step,)), self.catalogue)
        }
        return (draft.fault, draft.lead.resource) not in after and after <= before

    def _steps(self, draft: Draft) -> tuple[Step, str, str] | None:
        match draft.fault:
            case "object_ownership":
                return self._ownership(bucket_of(draft.lead.resource))
            case "build_output_with_default_key":
                return self._project_key(draft.lead.resource)
            case "key_alias_across_accounts" | "aws_managed_key_across_accounts":
                return self._store_key(draft.values)
            case "store_without_key" | "key_in_other_region":
                return self._store_key(draft.values)
        return None

    def _ownership(self, name: str) -> tuple[Step, str, str] | None:
        bucket = self.checker.snapshot.bucket(name).value
        if bucket is None or bucket.ownership.state is State.UNREADABLE:
            return None
        before = bucket.ownership.value
        target = Target(TargetKind.BUCKET_OWNERSHIP, name, bucket.account, bucket.region)
        step = Step(target, before, _ENFORCED, _value_diff(before, _ENFORCED, "ObjectOwnership"))
        return step, _ENFORCED, self.planner.texts.say("access.ownership", name=name)

    def _project_key(self, arn: str) -> tuple[Step, str, str] | None:
        snapshot = self.checker.snapshot
        project, pipeline = snapshot.project(arn).value, snapshot.pipeline.value
        if project is None or pipeline is None:
            return None
        region = region_of(arn) or pipeline.region
        key = next((each.key for each in pipeline.stores if each.region == region), None)
        if not key or not key.startswith("arn:") or "alias/" in key:
            return None
        before = project.encryption_key
        target = Target(TargetKind.PROJECT_KEY, arn, account_of(arn), region)
        step = Step(target, before, key, _value_diff(before, key, "encryptionKey"))
        access = self.planner.texts.say(
            "access.project_key", name=project.name, key=self.planner.names.what(key)
        )
        return step, key, access

    def _store_key(self, values: Mapping[str, str]) -> tuple[Step, str, str] | None:
        """The store with the one customer managed key that the snapshot knows for its region."""
        snapshot = self.checker.snapshot
        pipeline = snapshot.pipeline.value
        if pipeline is None:
            return None
        store = next(
            (each for each in pipeline.stores if values.get("bucket") in (None, each.bucket)),
            None,
        )
        key = _only_key(snapshot, pipeline, store) if store is not None else None
        if store is None or key is None:
            return None
        stores = tuple(
            replace(each, key=key.arn) if each == store else each for each in pipeline.stores
        )
        before = json.dumps(pipeline_to_api(pipeline), indent=2)
        after = json.dumps(pipeline_to_api(replace(pipeline, stores=stores)), indent=2)
        target = Target(
            TargetKind.ARTIFACT_STORE,
            pipeline.arn,
            pipeline.account,
            pipeline.region,
            path=f"artifactStores.{store.region}.encryptionKey",
        )
        step = Step(target, before, after, documents.diff(before, after, pipeline.name))
        access = self.planner.texts.say(
            "access.store_key",
            name=pipeline.name,
            region=store.region,
            key=self.planner.names.what(key.arn),
        )
        return step, key.arn, access


# Steps that make a pipeline use another key, which its roles may not be allowed to use.
_NAMING_KEYS = frozenset({TargetKind.ARTIFACT_STORE, TargetKind.PROJECT_KEY})


def _is_needed(need: Requirement) -> bool:
    return need.action.lower().startswith("kms:") and need.strength is not Strength.DOCUMENTED


def _told_together(opening: Sequence[Fix], fix: Fix) -> Fix:
    """All of it as instructions, where a part of it is somebody else's to change."""
    steps = tuple(step for each in (*opening, fix) for step in each.steps)
    first = [text for each in opening for text in (each.access, each.instructions) if text]
    return replace(
        fix,
        kind=FixKind.INSTRUCTIONS,
        steps=steps,
        fingerprint=fingerprint(steps),
        proven=False,
        instructions=" ".join((*dict.fromkeys(first), fix.instructions)),
        snippets=tuple(snippet for each in (*opening, fix) for snippet in each.snippets),
    )


def _only_key(snapshot: Snapshot, pipeline: Pipeline, store: Store) -> Key | None:
    """The customer managed key of the pipeline's account and the store's region, if only one."""
    found = {
        key.arn: key
        for reading in snapshot.keys.values()
        if (key := reading.value) is not None
        and account_of(key.arn) == pipeline.account
        and region_of(key.arn) == store.region
        and key.manager.value == "CUSTOMER"
        and key.state.value == "Enabled"
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _is_document(resource: str, name: str) -> bool:
    return name in (resource, bucket_of(resource))


def _target(action: str, resource: str, owner: str) -> Target | None:
    service = action.lower().partition(":")[0]
    if service == "s3":
        return Target(TargetKind.BUCKET_POLICY, bucket_of(resource), owner)
    if service == "kms":
        return Target(TargetKind.KEY_POLICY, resource, account_of(resource), region_of(resource))
    if service == "sts":
        return Target(TargetKind.TRUST_POLICY, resource, account_of(resource))
    return None


def _sane(text: str) -> bool:
    """Whether merging left every Effect a single word: two effects cannot be one."""
    document = json.loads(text)
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    listed = statements if isinstance(statements, list) else [statements]
    return all(isinstance(each, dict) and isinstance(each.get("Effect"), str) for each in listed)


def _value_diff(before: str | None, after: str, name: str) -> str:
    old = f"-{name}: {before}\n" if before is not None else ""
    return f"--- {name} (now)\n+++ {name} (proposed)\n@@ -1 +1 @@\n{old}+{name}: {after}"
