"""The condition keys of a request: what is known to be sent, and what may be.

Global keys: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
kms:CallerAccount: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
Only keys that some document of the snapshot mentions can change a verdict, so only they are
listed as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from workers.pipeline.arn import account_of
from workers.snapshot.model import NamedPolicy, Reading, Role, Snapshot, State, User

Context = dict[str, str | tuple[str, ...]]

# A condition key stands as a JSON key, or inside a policy variable.
_AS_KEY = re.compile(r'"([A-Za-z0-9.-]+:[A-Za-z][^"\s]*)"\s*:')
_AS_VARIABLE = re.compile(r"\$\{\s*([A-Za-z0-9.-]+:[^},\s]+)")

# Keys that no call of a role session which CodePipeline or another service opened carries.
_NEVER_OF_SESSIONS = frozenset(
    [
        "aws:multifactorauthpresent",
        "aws:multifactorauthage",
        "aws:federatedprovider",
        "aws:username",
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:referer",
        "aws:sourceidentity",
        "aws:ec2instancesourcevpc",
        "aws:ec2instancesourceprivateipv4",
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
    ]
)
_NEVER_OF_SERVICES = frozenset(
    [
        "aws:multifactorauthpresent",
        "aws:multifactorauthage",
        "aws:federatedprovider",
        "aws:username",
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:userid",
        "aws:sourceip",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpcsourceip",
        "aws:viaawsservice",
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:referer",
        "aws:sourceidentity",
    ]
)
# Keys of the caller's own network. A service calls from AWS's network: whatever the key holds
# there, it is never an endpoint or VPC of yours, so every operator says of it what it says of no
# key at all, save `Null`.
_NETWORK = frozenset({"aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip", "aws:sourcevpcarn"})
_NULL = re.compile(r'"Null"\s*:\s*\{([^}]*)\}', re.IGNORECASE)
# No endpoint of AWS takes less than TLS 1.2, so that a statement about less never applies.
# https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/
_TLS, _LEAST_TLS = "s3:tlsversion", "1.2"
_LESS_TLS = re.compile(
    r'"NumericLessThan(?:IfExists)?"\s*:\s*\{\s*"s3:TlsVersion"\s*:\s*\[?\s*"?1\.[012]"?\s*\]?\s*\}',
    re.IGNORECASE,
)
# Global keys that only some actions carry; the reference lists them with the action.
_LISTED_WITH_ACTION = ("aws:requesttag/", "aws:tagkeys", "aws:resourcetag/")


class Mentions:
    """The condition keys that any document of the snapshot mentions, lower case.

    `tested` are those whose mere presence is tested. `asks_old_tls_only` says that whoever asks
    for the version of TLS asks whether it is less than what AWS takes at all.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        keys: set[str] = set()
        tested: set[str] = set()
        old_tls = 0
        for text in _documents(snapshot):
            for pattern in (_AS_KEY, _AS_VARIABLE):
                keys.update(found.lower() for found in pattern.findall(text))
            old_tls += text.lower().count(f'"{_TLS}"') - len(_LESS_TLS.findall(text))
            for block in _NULL.findall(text):
                tested.update(found.lower() for found in _AS_KEY.findall(block))
        self.keys = frozenset(keys)
        self.tested = frozenset(tested)
        self.asks_old_tls_only = old_tls == 0


class Contexts:
    """Builds the contexts of one snapshot's requests."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._mentioned = Mentions(snapshot)

    def of(
        self,
        *,
        principal: str,
        resource: str,
        resource_account: str,
        region: str,
        sent: Mapping[str, str | tuple[str, ...]],
        unknown: Iterable[str],
        absent: Iterable[str],
        supported: frozenset[str],
        inside_vpc: bool = False,
    ) -> tuple[Context, frozenset[str]]:
        """The known keys, and those of the mentioned keys that may be sent with any value.

        `sent`, `unknown` and `absent` are what the catalogue says of the entry; `supported` are
        the keys that the Service Authorization Reference lists for the action. `inside_vpc` says
        that the caller may pass endpoints of yours.
        """
        service = not principal.startswith("arn:")
        context: Context = {"aws:SecureTransport": "true"}
        if region:
            context["aws:RequestedRegion"] = region
        if resource_account:
            context["aws:ResourceAccount"] = resource_account
            if resource.split(":", 3)[2:3] == ["s3"]:
                context["s3:ResourceAccount"] = resource_account
            context |= self._organisation("aws:Resource", resource_account)
        if not service and resource.split(":", 3)[2:3] == ["kms"]:
            context["kms:CallerAccount"] = account_of(principal)
        tags = self._tags_of(resource)
        context |= tags or {}
        context |= self._aliases_of(resource)
        context |= self._times(principal, service=service)
        if self._mentioned.asks_old_tls_only and _TLS in self._mentioned.keys:
            context["s3:TlsVersion"] = _LEAST_TLS
        if service:
            context["aws:PrincipalIsAWSService"] = "true"
            context["aws:PrincipalServiceName"] = principal
        else:
            context |= self._principal(principal)
            context["aws:ViaAWSService"] = "false"
        maybe = {key.lower() for key in unknown}
        context = {key: value for key, value in context.items() if key.lower() not in maybe}
        context |= sent
        source = sent.get("aws:SourceAccount")
        if isinstance(source, str):
            # A service that says for whose account it calls says for whose organisation, too.
            context |= self._organisation("aws:Source", source)
        never = _NEVER_OF_SERVICES if service else self._never(principal, inside_vpc)
        never |= {key.lower() for key in absent}
        known = {key.lower() for key in context}
        open_keys = {
            key
            for key in self._mentioned.keys - known - (never - maybe)
            if not (tags is not None and ":resourcetag/" in key)
            if key in maybe or self._may_be_sent(key, supported, principal, resource_account)
        }
        return context, frozenset(open_keys)

    def _times(self, principal: str, *, service: bool) -> Context:
        """The time as the snapshot has it; a role's session is opened when the pipeline runs.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-tokenissuetime
        """
        now = self._snapshot.taken_at
        if not now:
            return {}
        person = ":user/" in principal or principal == self._snapshot.caller
        issued: Context = {} if service or person else {"aws:TokenIssueTime": now}
        return {"aws:CurrentTime": now} | issued

    def _aliases_of(self, resource: str) -> Context:
        """https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html"""
        reading = self._snapshot.keys.get(resource)
        held = reading.value if reading is not None else None
        if held is None or not held.aliases.value:
            return {}
        return {"kms:ResourceAliases": tuple(held.aliases.value)}

    def _tags_of(self, resource: str) -> Context | None:
        """The tags of a resource as the request carries them; None where they were not read."""
        places = (self._snapshot.keys, self._snapshot.roles, self._snapshot.projects)
        reading = next((place[resource] for place in places if resource in place), None)
        held = reading.value if reading is not None else None
        if held is None or held.tags.state is not State.PRESENT:
            return None
        service = resource.split(":", 3)[2]
        context: Context = {}
        for key, value in held.tags.require().items():
            context[f"aws:ResourceTag/{key}"] = value
            if service == "iam":
                context[f"iam:ResourceTag/{key}"] = value
        return context

    def _never(self, principal: str, inside_vpc: bool) -> frozenset[str]:
        if ":user/" in principal or principal == self._snapshot.caller:
            return frozenset()
        if inside_vpc:
            return _NEVER_OF_SESSIONS
        return _NEVER_OF_SESSIONS | (_NETWORK - self._mentioned.tested)

    def _principal(self, arn: str) -> Context:
        user = ":user/" in arn
        kind = "User" if user else "Account" if arn.endswith(":root") else "AssumedRole"
        context: Context = {
            "aws:PrincipalType": kind,
            "aws:PrincipalIsAWSService": "false",
        }
        context |= self._organisation("aws:Principal", account_of(arn))
        readings = self._snapshot.user(arn) if user else self._snapshot.role(arn)
        if readings.state is State.PRESENT:
            who = readings.require()
            if who.tags.state is State.PRESENT:
                for key, value in who.tags.require().items():
                    context[f"aws:PrincipalTag/{key}"] = value
            if who.unique_id:
                # The session's name is CodePipeline's choice; policies match it with `:*`.
                context["aws:userid"] = who.unique_id if user else f"{who.unique_id}:session"
        return context

    def _organisation(self, prefix: str, account: str) -> Context:
        membership = self._snapshot.membership(account)
        if membership.state is not State.PRESENT:
            return {}
        place = membership.require()
        if not place.organisation:
            return {}
        context: Context = {f"{prefix}OrgID": place.organisation}
        if place.scps.state is State.PRESENT:
            units = [level.target for level in place.scps.require()][:-1]
            path = "/".join((place.organisation, *units)) + "/"
            context[f"{prefix}OrgPaths"] = (path,)
        return context

    def _may_be_sent(
        self, key: str, supported: frozenset[str], principal: str, resource_account: str
    ) -> bool:
        prefix = key.partition(":")[0]
        if prefix != "aws" or key.startswith(_LISTED_WITH_ACTION):
            return any(
                key.startswith(name[:-1]) if name.endswith("*") else key == name
                for name in supported
            )
        if key.startswith("aws:principaltag/"):
            return not self._tags_known(principal)
        if key.startswith("aws:principalorg"):
            return self._snapshot.membership(account_of(principal)).state is not State.ABSENT
        if key.startswith("aws:resourceorg"):
            return self._snapshot.membership(resource_account).state is not State.ABSENT
        return True

    def _tags_known(self, principal: str) -> bool:
        who = (
            self._snapshot.user(principal)
            if ":user/" in principal
            else self._snapshot.role(principal)
        )
        return who.state is State.PRESENT and who.require().tags.known


def _documents(snapshot: Snapshot) -> Iterable[str]:
    for role in snapshot.roles.values():
        if role.state is State.PRESENT:
            yield from _texts(role.require().trust)
            yield from _principal_texts(role.require())
    for user in snapshot.users.values():
        if user.state is State.PRESENT:
            yield from _principal_texts(user.require())
    for bucket in snapshot.buckets.values():
        if bucket.state is State.PRESENT:
            yield from _texts(bucket.require().policy)
    for key in snapshot.keys.values():
        if key.state is State.PRESENT:
            yield from _texts(key.require().policy)
    for policy in snapshot.policies.values():
        yield from _texts(policy)
    for endpoints in snapshot.descriptions.values():
        if endpoints.state is State.PRESENT:
            yield from _endpoint_policies(endpoints.require())
    for membership in snapshot.memberships.values():
        if membership.state is not State.PRESENT:
            continue
        for levels in (membership.require().scps, membership.require().rcps):
            if levels.state is State.PRESENT:
                for level in levels.require():
                    if level.policies.state is State.PRESENT:
                        yield from _named_of(level.policies.require())


def _endpoint_policies(description: Mapping[str, object]) -> Iterable[str]:
    endpoints = description.get("VpcEndpoints")
    if isinstance(endpoints, list):
        for endpoint in endpoints:
            if isinstance(endpoint, dict) and isinstance(endpoint.get("PolicyDocument"), str):
                yield endpoint["PolicyDocument"]


def _principal_texts(who: Role | User) -> Iterable[str]:
    if who.policies.state is State.PRESENT:
        yield from _named_of(who.policies.require())
    if who.boundary.state is State.PRESENT:
        yield from _texts(who.boundary.require().document)


def _named_of(policies: Iterable[NamedPolicy]) -> Iterable[str]:
    for policy in policies:
        yield from _texts(policy.document)


def _texts(document: Reading[str]) -> Iterable[str]:
    if document.state is State.PRESENT:
        yield document.value or ""
