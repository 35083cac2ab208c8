"""Is it allowed, by the documents that are in force now?

The rules are those of `workers.policy`; this module only gathers what has a say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from demo.aws import live as reading
from demo.aws.live import Live
from workers.policy import (
    Decision,
    Document,
    Grant,
    Layer,
    Level,
    Policies,
    PolicyKind,
    Request,
    evaluate,
    parse,
)

# The words for a kind of policy in AWS's messages
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
_WORDS: Mapping[Layer, str] = {
    Layer.IDENTITY: "identity-based policy",
    Layer.RESOURCE: "resource-based policy",
    Layer.TRUST: "role trust policy",
    Layer.BOUNDARY: "permissions boundary",
    Layer.SESSION: "session policy",
    Layer.SCP: "service control policy",
    Layer.RCP: "resource control policy",
    Layer.VPCE: "VPC endpoint policy",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as IAM sees it. `identity` is the role or user whose policies count, `owner`
    the account of the resource; `endpoints` the policies of the VPC endpoint on the way."""

    identity: str
    action: str
    resource: str
    owner: str
    context: Mapping[str, str] = field(default_factory=dict)
    session_policy: str | None = None
    endpoints: tuple[reading.Document, ...] = ()

    @property
    def account(self) -> str:
        return self.identity.split(":")[4]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`decision` in IAM's words; `layer` the kind of policy that decided, in AWS's words;
    `policy` the name of the denying one, if one denies explicitly."""

    decision: str
    layer: str = ""
    policy: str = ""

    @property
    def allowed(self) -> bool:
        return self.decision == Decision.ALLOWED


class Verdicts:
    """Decides by the live documents."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def decide(self, asked: Asked, resource_text: str | None = None) -> Verdict:
        """Evaluate one request. Documents that are no JSON allow and deny nothing.

        With `resource_text` that text stands in for the resource's policy.
        """
        if asked.identity.endswith(":root"):
            return Verdict(Decision.ALLOWED)
        policies = self._policies(asked)
        if resource_text is not None:
            wanted = reading.Document("the policy to store", resource_text)
            stored = next(_parsed((wanted,), _resource_kind(asked)), None)
            policies = replace(policies, resource=stored)
        verdict = evaluate(self._request(asked), policies)
        if verdict.decision is Decision.ALLOWED:
            return Verdict(verdict.decision)
        if verdict.decision is Decision.EXPLICIT_DENY:
            match = verdict.matched[0]
            return Verdict(verdict.decision, _WORDS.get(match.layer, ""), match.policy)
        return Verdict(Decision.IMPLICIT_DENY, _WORDS[_missing(asked, verdict.blocked_by)])

    def _request(self, asked: Asked) -> Request:
        context = {
            **self._organisation_keys("aws:PrincipalOrgID", asked.account),
            **self._organisation_keys("aws:ResourceOrgID", asked.owner),
            "aws:ResourceAccount": asked.owner,
            **_principal_tags(self._live, asked.identity),
            **asked.context,
        }
        return Request(asked.identity, asked.action, asked.resource, asked.owner, context)

    def _policies(self, asked: Asked) -> Policies:
        live = self._live
        identity = live.identity_documents(asked.identity)
        resource = live.resource_document(asked.resource) or _missing_key(asked)
        boundary = live.boundary(asked.identity)
        kind = _resource_kind(asked)
        return Policies(
            identity=tuple(_parsed(identity, PolicyKind.IDENTITY)),
            resource=next(_parsed((resource,), kind), None) if resource else None,
            boundaries=tuple(_parsed((boundary,), PolicyKind.BOUNDARY)) if boundary else None,
            session=tuple(_parsed((_session(asked.session_policy),), PolicyKind.SESSION))
            if asked.session_policy
            else None,
            vpce=tuple(_parsed(asked.endpoints, PolicyKind.VPCE)),
            scps=_levels(live.levels(asked.account, "SERVICE_CONTROL_POLICY"), PolicyKind.SCP),
            rcps=_levels(live.levels(asked.owner, "RESOURCE_CONTROL_POLICY"), PolicyKind.RCP),
            grants=_grants(live, asked),
            management_account=live.management_account(asked.account) == asked.account,
            resource_in_management_account=live.management_account(asked.owner) == asked.owner,
        )

    def _organisation_keys(self, key: str, account: str) -> dict[str, str]:
        organisation = self._live.organisation_id(account)
        return {key: organisation} if organisation else {}


def _missing_key(asked: Asked) -> reading.Document | None:
    """A key of the own account that does not exist: identity policies decide whether the caller
    hears that, as they would of a key with the default policy."""
    if not asked.action.startswith("kms:") or asked.owner != asked.account:
        return None
    root = {"AWS": f"arn:aws:iam::{asked.owner}:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return reading.Document(f"key policy of {asked.resource}", text)


def _missing(asked: Asked, blocked_by: tuple[Layer, ...]) -> Layer:
    """The layer that AWS names when nothing allows."""
    for layer in blocked_by:
        if layer in _WORDS:
            return layer
    if asked.action.startswith("sts:"):
        return Layer.TRUST
    return Layer.IDENTITY


def _resource_kind(asked: Asked) -> PolicyKind:
    service = asked.action.split(":", 1)[0]
    kinds = {"sts": PolicyKind.TRUST, "kms": PolicyKind.KEY, "s3": PolicyKind.BUCKET}
    return kinds.get(service, PolicyKind.RESOURCE)


def _session(text: str) -> reading.Document:
    return reading.Document("session policy", text)


def _levels(levels: tuple[reading.Level, ...], kind: PolicyKind) -> tuple[Level, ...]:
    return tuple(Level(level.target, tuple(_parsed(level.policies, kind))) for level in levels)


def _grants(live: Live, asked: Asked) -> tuple[Grant, ...]:
    key = live.key(asked.resource) if asked.action.startswith("kms:") else None
    if key is None:
        return ()
    return tuple(
        Grant(
            grantee=str(grant.grantee_principal),
            operations=frozenset(grant.operations or ()),
            key=str(key.arn),
            name=str(grant.name or ""),
            encryption_context_equals=(grant.constraints or {}).get("EncryptionContextEquals"),
            encryption_context_subset=(grant.constraints or {}).get("EncryptionContextSubset"),
        )
        for grant in list(key.grants.values())
    )


def _principal_tags(live: Live, identity: str) -> dict[str, str]:
    role = live.role(identity)
    tags = role.tags if role is not None and isinstance(role.tags, list) else []
    return {f"aws:PrincipalTag/{tag['Key']}": str(tag["Value"]) for tag in tags}


def _parsed(documents: tuple[reading.Document, ...], kind: PolicyKind) -> Iterator[Document]:
    for document in documents:
        parsed = _parse(document.text, document.name, kind)
        if parsed is not None:
            yield parsed


@lru_cache(maxsize=4096)
def _parse(text: str, name: str, kind: PolicyKind) -> Document | None:
    """The document as the services read it: of a key that stands twice in a JSON object the last
    one counts, and what is no JSON at all says nothing."""
    try:
        return parse(json.dumps(json.loads(text)), name=name, kind=kind)
    except ValueError:
        return None
