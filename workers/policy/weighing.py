"""What each layer says of a request, and how the layers add up.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from workers.policy.conditions import Answer
from workers.policy.documents import Document, Unreadable
from workers.policy.grants import granting
from workers.policy.layers import Decision, Layer, PolicyKind
from workers.policy.organizations import rcps_reach, scps_reach
from workers.policy.policies import Grant, Policies, Policy
from workers.policy.principals import Grade, PrincipalType
from workers.policy.publicity import stopped_by_ownership, stopped_by_public_access_block
from workers.policy.requests import Facts
from workers.policy.statements import Statement

Found: TypeAlias = list[tuple[Layer, Statement | Grant]]


class Weighing:
    """The answers of all layers for one request.

    Every attribute but the lists is True, False or None (*unknown*). ``identity``, ``boundary``,
    ``session``, ``scp`` and ``vpce`` say whether the layer allows; where a layer is absent or
    does not reach the requester it allows, except ``identity``.
    """

    __slots__ = (
        "allows",
        "boundary",
        "by_account",
        "by_entity",
        "by_grant",
        "denied",
        "denies",
        "direct",
        "guarded",
        "has_account",
        "identity",
        "ownership",
        "public_access",
        "resource_layer",
        "root_assumes",
        "same_account",
        "scp",
        "session",
        "vpce",
    )

    def __init__(self, facts: Facts, policies: Policies, account: str | None) -> None:
        self.denies: Found = []
        self.allows: Found = []
        self.denied: Answer = False
        principal = facts.principal
        kind = principal.type
        self.has_account = kind in ACCOUNT_PRINCIPALS
        self.same_account = account is None or account == principal.account
        self.guarded = is_guarded(facts)
        # "You cannot use root user credentials to call AssumeRole", whatever the trust says.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-console.html
        self.root_assumes = kind is PrincipalType.ROOT and facts.action == "sts:assumerole"
        self.identity: Answer = False
        self.boundary: Answer = True
        self.session: Answer = True
        self.scp: Answer = True
        self.vpce: Answer = True
        self.by_account: Answer = False
        self.by_entity: Answer = False
        self.direct: Answer = False
        self.by_grant: Answer = False
        self.public_access: Answer = True
        self.ownership: Answer = True
        self.resource_layer = Layer.RESOURCE
        if self.has_account:
            self._weigh_requester(facts, policies, kind)
        if policies.resource is not None:
            self._weigh_resource(facts, policies.resource)
        if policies.vpce:
            self.vpce = self._scan(policies.vpce, facts, Layer.VPCE)
        if policies.rcps and rcps_reach(facts, policies):
            for level in policies.rcps:
                # RCPFullAWSAccess cannot be detached, so an Allow is always there.
                self._scan(level.policies, facts, Layer.RCP)
        if policies.grants and self.guarded:
            self._weigh_grants(facts, policies.grants)
        if policies.public_access_block is not None or policies.ownership is not None:
            self._weigh_bucket_settings(facts, policies, account)

    @property
    def granted(self) -> Answer:
        """Whether policies that give permissions give this one, within boundary and session."""
        if self.root_assumes:
            return False
        if not self.has_account:
            return either(self.direct, self.by_grant)
        limits = both(self.boundary, self.session)
        own = both(self.identity, limits)
        if not self.same_account:
            named = either(self.direct, self.by_entity, self.by_account)
            return either(self.by_grant, both(named, own))
        named = either(self.direct, self.by_grant, both(self.by_entity, limits))
        if self.guarded:
            return either(named, both(self.by_account, own))
        return either(named, own)

    @property
    def limits(self) -> Answer:
        """Whether the layers that only take away let the request pass."""
        return both(self.scp, self.vpce, self.public_access, self.ownership)

    @property
    def decision(self) -> Decision:
        """Deny wins; a request that nothing can allow is denied whatever else is unknown."""
        if self.denied:
            return Decision.EXPLICIT_DENY
        allowed = both(self.granted, self.limits)
        if allowed is False:
            return Decision.IMPLICIT_DENY
        if allowed is None or self.denied is None:
            return Decision.UNKNOWN
        return Decision.ALLOWED

    def blocking(self) -> tuple[Layer, ...]:
        """The layers that stop a request which some policy grants; empty if none does."""
        if not self._is_granted_somewhere():
            return ()
        denying = {layer for layer, _ in self.denies}
        failing = denying | {layer for layer, passes in self._needed() if passes is False}
        return tuple(layer for layer in Layer if layer in failing)

    def _is_granted_somewhere(self) -> bool:
        named = (self.direct, self.by_entity, self.by_grant)
        if True in named or self.identity is True:
            return True
        return self.by_account is True and not self.same_account

    def _needed(self) -> list[tuple[Layer, Answer]]:
        needed: list[tuple[Layer, Answer]] = [
            (Layer.SCP, self.scp),
            (Layer.VPCE, self.vpce),
            (Layer.BLOCK_PUBLIC_ACCESS, self.public_access),
            (Layer.OBJECT_OWNERSHIP, self.ownership),
        ]
        if not self.has_account:
            return needed
        named = either(self.direct, self.by_entity, self.by_account, self.by_grant)
        if self.by_grant:
            return needed
        if not self.same_account or not self.direct:
            needed += [(Layer.BOUNDARY, self.boundary), (Layer.SESSION, self.session)]
        if not self.same_account:
            needed += [(Layer.IDENTITY, self.identity), (self.resource_layer, named)]
        elif self.guarded:
            needed.append((self.resource_layer, named))
        return needed

    def _weigh_requester(self, facts: Facts, policies: Policies, kind: PrincipalType) -> None:
        if kind is PrincipalType.ROOT:
            # The root user has full access to its account; nothing can be attached to it.
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html
            self.identity = True
        else:
            self.identity = self._scan(policies.identity, facts, Layer.IDENTITY)
            if policies.boundaries:
                self.boundary = self._scan(policies.boundaries, facts, Layer.BOUNDARY)
            if policies.session:
                self.session = self._scan(policies.session, facts, Layer.SESSION)
            elif kind is PrincipalType.FEDERATED_USER:
                # Without a session policy a federated user has what resources give it, no more.
                # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
                self.session = False
        if policies.scps and scps_reach(facts, policies):
            self.scp = both(
                *[self._scan(level.policies, facts, Layer.SCP) for level in policies.scps]
            )

    def _scan(self, documents: Sequence[Policy], facts: Facts, layer: Layer) -> Answer:
        """Collect the matching statements of one layer; answers whether any allows."""
        allowed: Answer = False
        action = facts.action
        for document in documents:
            if isinstance(document, Unreadable) or document.unreadable is not None:
                self.denied = self.denied or None
                allowed = allowed or None
                continue
            self._collect_denies(document, facts, layer)
            for statement in document.allows.covering(action):
                answer = statement.applies(facts)
                if answer:
                    allowed = True
                    self.allows.append((layer, statement))
                elif answer is None:
                    allowed = allowed or None
        return allowed

    def _collect_denies(self, document: Document, facts: Facts, layer: Layer) -> None:
        for statement in document.denies.covering(facts.action):
            answer = statement.applies(facts)
            if answer:
                self.denied = True
                self.denies.append((layer, statement))
            elif answer is None:
                self.denied = self.denied or None

    def _weigh_resource(self, facts: Facts, document: Policy) -> None:
        if isinstance(document, Document) and document.kind is PolicyKind.TRUST:
            self.resource_layer = Layer.TRUST
        layer = self.resource_layer
        if isinstance(document, Unreadable) or document.unreadable is not None:
            self.direct = self.by_entity = self.by_account = None
            self.denied = self.denied or None
            return
        if not self._owner_overrides(facts):
            self._collect_denies(document, facts, layer)
        for statement in document.allows.covering(facts.action):
            answer = statement.applies(facts)
            if answer is False:
                continue
            if answer:
                self.allows.append((layer, statement))
            grade = statement.grade(facts)
            if grade is Grade.ACCOUNT:
                self.by_account = self.by_account or answer
            elif grade is Grade.ENTITY:
                self.by_entity = self.by_entity or answer
            else:
                self.direct = self.direct or answer

    def _owner_overrides(self, facts: Facts) -> bool:
        """Root of the bucket's account reads, replaces and deletes the bucket policy regardless.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
        """
        root = facts.principal.type is PrincipalType.ROOT
        return root and self.same_account and facts.action in _BUCKET_POLICY_ACTIONS

    def _weigh_grants(self, facts: Facts, grants: tuple[Grant, ...] | Unreadable) -> None:
        if isinstance(grants, Unreadable):
            if facts.action.startswith("kms:"):
                self.by_grant = None
            return
        self.by_grant, grant = granting(facts, grants)
        if grant is not None:
            self.allows.append((Layer.GRANT, grant))

    def _weigh_bucket_settings(self, facts: Facts, policies: Policies, account: str | None) -> None:
        if not facts.action.startswith("s3:"):
            return
        block = policies.public_access_block
        same = self.same_account and self.has_account
        policy = policies.resource if isinstance(policies.resource, Document) else None
        if isinstance(block, Unreadable):
            self.public_access = True if same else None
        elif block is not None:
            unread = block.restrict_public_buckets and not same and policies.resource is not policy
            self.public_access = (
                None
                if unread
                else not stopped_by_public_access_block(facts, block, policy, same_account=same)
            )
        ownership = policies.ownership
        if isinstance(ownership, Unreadable):
            self.ownership = None
        elif ownership is not None:
            owner = account or facts.principal.account
            self.ownership = not stopped_by_ownership(facts, ownership, owner)


_BUCKET_POLICY_ACTIONS = frozenset(
    {"s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"}
)

ACCOUNT_PRINCIPALS = frozenset(
    {
        PrincipalType.ROOT,
        PrincipalType.USER,
        PrincipalType.ROLE,
        PrincipalType.SESSION,
        PrincipalType.FEDERATED_USER,
    }
)
"""The principals that have identity-based policies and an account."""


def is_guarded(facts: Facts) -> bool:
    """Whether the resource's own policy must allow, even inside one account.

    KMS keys and the trust of roles: https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html,
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    """
    action = facts.action
    if action.startswith("kms:"):
        by_alias = ":alias/" in facts.resource and action not in _OF_ALIASES
        return by_alias or ":key/" in facts.resource
    return action.startswith("sts:") and ":role/" in facts.resource


_OF_ALIASES = frozenset({"kms:createalias", "kms:updatealias", "kms:deletealias"})
"""Actions on the alias itself, which has no policy; all others reach the key behind it.

https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
"""


def both(*answers: Answer) -> Answer:
    """Kleene's *and*."""
    if False in answers:
        return False
    return None if None in answers else True


def either(*answers: Answer) -> Answer:
    """Kleene's *or*."""
    if True in answers:
        return True
    return None if None in answers else False
