"""How findings call principals, resources and documents: short names that people recognise.

A key goes by its alias, an account by the alias it was given, an organisation's policy by its
name, wherever the snapshot knows one. What tells them apart for a machine stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workers.diagnosis.lookup import bucket_of, role_of
from workers.diagnosis.texts import Texts
from workers.pipeline.arn import account_of, parse
from workers.policy import Layer
from workers.snapshot.model import NamedPolicy, Snapshot, empty

_SHOWN_OF_ID = 8  # characters of a key's id, beside the alias that people know it by
_PLACE = re.compile(r"r-[0-9a-z]+|ou-[0-9a-z]+-[0-9a-z]+|\d{12}")
_DOCUMENTS = {
    Layer.TRUST: "trust",
    Layer.BOUNDARY: "boundary",
    Layer.SCP: "scp",
    Layer.RCP: "rcp",
    Layer.VPCE: "vpce",
    Layer.GRANT: "grants",
    Layer.OBJECT_OWNERSHIP: "ownership",
    Layer.BLOCK_PUBLIC_ACCESS: "public_access",
}


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one diagnosis. Make it with `names`."""

    snapshot: Snapshot
    texts: Texts
    policies: Mapping[str, str] = field(default_factory=empty)  # of the organisation, by ARN

    # --- principals ----------------------------------------------------------------------------

    def who(self, principal: str) -> str:
        """`role DeployRole`, `user anna`, `the service codepipeline.amazonaws.com`."""
        return self._who(principal, "who")

    def caller(self, principal: str) -> str:
        """The same for a headline: a role by its bare name, if no other role has it."""
        short, arn = self._who(principal, "caller"), parse(role_of(principal))
        if arn is None or not any(_namesake(str(arn), each) for each in self.snapshot.roles):
            return short
        return self.texts.say("who.of", who=short, account=self.account(arn.account))

    def party(self, principal: str) -> str:
        """A principal with its account, as a policy of somebody else has to tell them apart."""
        arn = parse(role_of(principal))
        if arn is None and principal.isdigit():
            return self.texts.say("who.account", account=self.account(principal))
        if arn is None or arn.resource == "root" or not arn.account:
            return self.who(principal)
        return self.texts.say("who.of", who=self.who(principal), account=self.account(arn.account))

    def parties(self, one: Sequence[str], other: Sequence[str]) -> tuple[list[str], list[str]]:
        """Two lists of principals that are compared: whole ARNs where names do not differ."""
        mine, theirs = [self.party(each) for each in one], [self.party(each) for each in other]
        if set(mine) & set(theirs):
            return list(one), list(other)
        return mine, theirs

    def _who(self, principal: str, table: str) -> str:
        identity = role_of(principal)
        arn = parse(identity)
        if not identity or identity == "*":
            return self.texts.say("words.someone")
        if arn is None:
            return self.texts.say(f"{table}.service", name=identity)
        if arn.resource == "root":
            return self.texts.say(f"{table}.account", account=self.account(arn.account))
        kind, _, rest = arn.resource.partition("/")
        if kind in ("role", "user"):
            return self.texts.say(f"{table}.{kind}", name=rest.rsplit("/", 1)[-1])
        return self.texts.say(f"{table}.other", name=arn.resource)

    def account(self, id: str) -> str:
        """`payments-prod 222222222222`; the bare id where no alias is known."""
        return f"{self.snapshot.aliases.get(id, '')} {id}".strip()

    # --- resources -----------------------------------------------------------------------------

    def what(self, resource: str) -> str:
        """`bucket artifacts`, `KMS key artifacts (1111aaaa…)`, `role DeployRole`."""
        if resource == "*":
            return self.texts.say("what.everything")
        arn = parse(resource)
        if arn is None:
            return resource
        name = self.short(resource)
        if arn.service == "s3":
            kind = "object" if "/" in arn.resource else "bucket"
            return self.texts.say(f"what.{kind}", name=bucket_of(resource))
        if arn.service == "kms":
            return self.texts.say("what.key", name=name)
        if arn.service == "iam" and arn.resource.startswith("role/"):
            return self.texts.say("what.role", name=name)
        if arn.service in ("codestar-connections", "codeconnections"):
            return self.texts.say("what.connection", name=name)
        if arn.service == "codepipeline":
            return self._of_pipeline(*arn.resource.split("/", 2))
        kind, rest = _kind_and_name(arn.resource)
        if kind == "log-group":
            rest = rest.partition(":")[0]
        known = self.texts.say(f"what.{arn.service}.{kind or 'any'}", name=rest)
        return known or self.texts.say("what.other", service=arn.service, name=arn.resource)

    def _of_pipeline(self, name: str, stage: str = "", action: str = "") -> str:
        kind = "action" if action else "stage" if stage else "pipeline"
        return self.texts.say(f"what.codepipeline.{kind}", name=name, stage=stage, action=action)

    def short(self, resource: str) -> str:
        """The name that tells one resource of a kind from another."""
        arn = parse(resource)
        if arn is None:
            return resource
        if arn.service == "s3":
            return bucket_of(resource)
        if arn.service == "kms":
            return self._key(resource)
        if arn.service in ("codestar-connections", "codeconnections"):
            connection = self.snapshot.connection(resource).value
            if connection is not None and connection.name:
                return connection.name
        if arn.service == "organizations":
            return self.policy(resource)
        name = arn.resource.rsplit("/", 1)[-1] if "/" in arn.resource else arn.resource
        return arn.resource if name in ("*", "") else name.removeprefix("alias/")

    def _key(self, resource: str) -> str:
        """`payments-artifacts (4f1c2a60…)`; of a key without alias the whole id."""
        arn = parse(resource)
        assert arn is not None
        id = arn.resource.rsplit("/", 1)[-1]
        key = self.snapshot.key(resource).value
        aliases = key.aliases.value if key is not None else None
        if not aliases or arn.resource.startswith("alias/"):
            return id
        return self.texts.say(
            "what.alias", alias=aliases[0].removeprefix("alias/"), id=id[:_SHOWN_OF_ID]
        )

    # --- documents -----------------------------------------------------------------------------

    def document(self, layer: Layer | str, name: str, holder: str = "") -> str:
        """`the key policy of …`; an identity-based policy is named with its holder."""
        kind = str(layer)
        if kind == Layer.IDENTITY and holder:
            return self.texts.say(
                "documents.identity_policy", policy=self.policy(name), name=self.short(holder)
            )
        arn = parse(name)
        service = arn.service if arn is not None else ""
        key = _DOCUMENTS.get(Layer(kind)) or {"kms": "key", "": "bucket"}.get(service, "resource")
        return self.texts.say(f"documents.{key}", name=self.short(name))

    def source(self, layer: str, name: str, holder: str = "") -> str:
        """A policy as evidence names it: `the key policy of …`, `policy Deploy of DeployRole`."""
        arn = parse(name)
        if layer == Layer.IDENTITY:
            named = arn is None or arn.resource.startswith("policy/")
            if not named or not holder:
                return self.texts.say("documents.identity", name=self.short(name))
            return self.document(layer, name, holder)
        if layer in (Layer.RESOURCE, Layer.TRUST):
            return self.document(layer, name)
        if _PLACE.fullmatch(name):  # of the organisation: nothing at all is attached there
            return self.texts.say(f"documents.{layer}_at", place=name)
        return self.texts.say(f"documents.{layer}_policy", policy=self.policy(name))

    def policy(self, name: str) -> str:
        """A managed policy's name for its ARN, an organisation's policy with its id beside it."""
        arn = parse(name)
        if arn is None:
            return name
        last = arn.resource.rsplit("/", 1)[-1]
        if arn.service == "organizations":
            known = self.policies.get(name, "")
            return self.texts.say("what.policy", name=known, id=last) if known else last
        return last if arn.resource.startswith("policy/") else name

    def place(self, stage: str, action: str) -> str:
        """`stage Build, action Compile`."""
        if stage and action:
            return self.texts.say("words.where", stage=stage, action=action)
        return self.texts.say("words.where_stage", stage=stage) if stage else ""


def _namesake(one: str, other: str) -> bool:
    """Whether two roles differ in their account only, as far as names go."""
    return one.rsplit("/", 1)[-1] == other.rsplit("/", 1)[-1] and account_of(one) != account_of(
        other
    )


def names(snapshot: Snapshot, texts: Texts) -> Names:
    """The names that a snapshot knows, in the words of a language."""
    found = {policy.arn: policy.name for policy in _of_organisation(snapshot) if policy.arn}
    return Names(snapshot, texts, found)


def _of_organisation(snapshot: Snapshot) -> Iterator[NamedPolicy]:
    for membership in snapshot.memberships.values():
        if membership.value is None:
            continue
        for levels in (membership.value.scps, membership.value.rcps):
            for level in levels.value or ():
                yield from level.policies.value or ()


def _kind_and_name(resource: str) -> tuple[str, str]:
    """`project/payments` and `function:smoke` as kind and name; ("", name) for a bare name."""
    for separator in ("/", ":"):
        kind, found, rest = resource.partition(separator)
        if found and kind.replace("-", "").isalpha():
            return kind, rest.removesuffix("/*")
    return "", resource
