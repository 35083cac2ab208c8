"""How findings call principals, resources and documents: short names that people recognise."""

from __future__ import annotations

from workers.diagnosis.lookup import bucket_of, role_of
from workers.diagnosis.texts import Texts
from workers.pipeline.arn import account_of, parse
from workers.pipeline.requirement import Requirement
from workers.policy import Layer


def who(principal: str, texts: Texts) -> str:
    """`role DeployRole`, `user anna`, `codepipeline.amazonaws.com`."""
    identity = role_of(principal)
    arn = parse(identity)
    if not identity or identity == "*":
        return texts.say("words.someone")
    if arn is None:
        return texts.say("who.service", name=identity)
    if arn.resource == "root":
        return texts.say("who.root", account=arn.account)
    kind, _, rest = arn.resource.partition("/")
    name = rest.rsplit("/", 1)[-1]
    if kind in ("role", "user"):
        return texts.say(f"who.{kind}", name=name)
    return texts.say("who.other", name=arn.resource)


def what(resource: str, texts: Texts) -> str:
    """`bucket artifacts`, `KMS key 1111…`, `role DeployRole`, `connection main`."""
    arn = parse(resource)
    if arn is None:
        return resource
    name = short(resource)
    if arn.service == "s3":
        kind = "object" if "/" in arn.resource else "bucket"
        return texts.say(f"what.{kind}", name=bucket_of(resource))
    if arn.service == "kms":
        return texts.say("what.key", name=name)
    if arn.service == "iam" and arn.resource.startswith("role/"):
        return texts.say("what.role", name=name)
    if arn.service in ("codestar-connections", "codeconnections"):
        return texts.say("what.connection", name=name)
    return texts.say("what.other", service=arn.service, name=arn.resource)


def short(resource: str) -> str:
    """The name that tells one resource of a kind from another."""
    arn = parse(resource)
    if arn is None:
        return resource
    if arn.service == "s3":
        return bucket_of(resource)
    name = arn.resource.rsplit("/", 1)[-1] if "/" in arn.resource else arn.resource
    return arn.resource if name in ("*", "") else name.removeprefix("alias/")


def document(layer: Layer | str, name: str, texts: Texts, holder: str = "") -> str:
    """`the key policy of …`; an identity-based policy is named with its holder."""
    kind = str(layer)
    if kind == Layer.IDENTITY and holder:
        return texts.say("documents.identity_policy", policy=policy(name), name=short(holder))
    keys = {
        Layer.TRUST: "trust",
        Layer.BOUNDARY: "boundary",
        Layer.SCP: "scp",
        Layer.RCP: "rcp",
        Layer.VPCE: "vpce",
        Layer.GRANT: "grants",
        Layer.OBJECT_OWNERSHIP: "ownership",
        Layer.BLOCK_PUBLIC_ACCESS: "public_access",
    }
    service = (parse(name).service if parse(name) else "") if name.startswith("arn:") else ""  # type: ignore[union-attr]
    key = keys.get(Layer(kind), "") or {"kms": "key", "": "bucket"}.get(service, "resource")
    return texts.say(f"documents.{key}", name=short(name))


def policy(name: str) -> str:
    """The name of a managed policy for its ARN; an inline policy's name as it is."""
    arn = parse(name)
    if arn is not None and arn.resource.startswith("policy/"):
        return arn.resource.rsplit("/", 1)[-1]
    return name


def where(requirement: Requirement, texts: Texts) -> str:
    return place(requirement.stage, requirement.pipeline_action, texts)


def place(stage: str, action: str, texts: Texts) -> str:
    if stage and action:
        return texts.say("words.where", stage=stage, action=action)
    return texts.say("words.where_stage", stage=stage) if stage else ""


def account(principal: str) -> str:
    return account_of(role_of(principal))
