"""The documents that are in force at this moment, read straight out of moto's state.

Nothing here is a copy: a policy put through the API a moment ago is the policy found here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ecs.models import ecs_backends
from moto.iam.models import IAMBackend, iam_backends
from moto.kms.models import kms_backends
from moto.organizations.models import organizations_backends
from moto.s3.models import s3_backends

PARTITION = "aws"


@dataclass(frozen=True, slots=True)
class Document:
    """A policy document as text, under the name or ARN that error messages and people use."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Level:
    """The SCPs or RCPs attached at one level of the organisation's tree."""

    target: str
    policies: tuple[Document, ...]


class Live:
    """Readers of moto's state. Stateless; every method looks anew."""

    # --- identities ---------------------------------------------------------------------------

    def role(self, arn: str) -> Any | None:
        """moto's role with that ARN, or None."""
        return next((role for role in list(_iam(arn).roles.values()) if role.arn == arn), None)

    def user(self, arn: str) -> Any | None:
        """moto's IAM user with that ARN, or None."""
        return next((user for user in list(_iam(arn).users.values()) if user.arn == arn), None)

    def role_named(self, account: str, name: str) -> Any | None:
        backend: IAMBackend = iam_backends[account][PARTITION]
        return next((role for role in list(backend.roles.values()) if role.name == name), None)

    def identity_documents(self, arn: str) -> tuple[Document, ...]:
        """Inline and attached policies of a role or user, those of a user's groups included."""
        return tuple(self._identity_documents(arn))

    def _identity_documents(self, arn: str) -> Iterator[Document]:
        holder = self.role(arn) or self.user(arn)
        if holder is None:
            return
        holders = [holder]
        if ":user/" in arn:
            holders += _iam(arn).get_groups_for_user(holder.name)
        for each in holders:
            for name, text in list(_inline(each)):
                yield Document(name, text)
            for policy in list(each.managed_policies.values()):
                yield Document(policy.arn, _default_version(policy))

    def boundary(self, arn: str) -> Document | None:
        """The permissions boundary of a role or user, if it has one that exists."""
        holder = self.role(arn) or self.user(arn)
        boundary = getattr(holder, "permissions_boundary_arn", None) if holder else None
        if not boundary:
            return None
        policy = _iam(arn).managed_policies.get(boundary)
        return Document(boundary, _default_version(policy)) if policy else None

    def knows(self, account: str) -> bool:
        """Whether the account is one of this world's."""
        return self.management_account(account) is not None

    # --- resources ----------------------------------------------------------------------------

    def resource_document(self, resource: str) -> Document | None:
        """The resource-based policy of a bucket (or its objects), key or role trust."""
        service = resource.split(":")[2] if resource.startswith("arn:") else ""
        if service == "s3":
            bucket = self.bucket(resource.split(":::", 1)[1].split("/", 1)[0])
            if bucket is None or not bucket.policy:
                return None
            return Document(f"bucket policy of {bucket.name}", _text(bucket.policy))
        if service == "kms":
            key = self.key(resource)
            return Document(f"key policy of {resource}", key.policy) if key else None
        if service == "iam" and ":role/" in resource:
            role = self.role(resource)
            text = role.assume_role_policy_document if role else None
            return Document(f"trust policy of {resource}", text) if text else None
        return None

    def bucket(self, name: str) -> Any | None:
        """moto's bucket, whoever owns it, or None."""
        owner = s3_backends.bucket_accounts.get(name)
        return s3_backends[owner[1]][owner[0]].buckets.get(name) if owner else None

    def bucket_owner(self, name: str) -> str | None:
        owner = s3_backends.bucket_accounts.get(name)
        return str(owner[1]) if owner else None

    def tag_bucket(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags of a bucket, those of CloudFormation included."""
        partition, account = s3_backends.bucket_accounts[name]
        backend = s3_backends[account][partition]
        backend.tagger.tag_resource(
            backend.buckets[name].arn, [{"Key": k, "Value": v} for k, v in tags.items()]
        )

    def bucket_owners(self) -> dict[str, str]:
        return {name: str(owner[1]) for name, owner in list(s3_backends.bucket_accounts.items())}

    def key(self, key: str, account: str = "", region: str = "") -> Any | None:
        """moto's KMS key by ARN, or by id or alias within `account` and `region`."""
        if key.startswith("arn:"):
            _, _, _, region, account, key = key.split(":", 5)
            key = key.removeprefix("key/")
        if not account or not region:
            return None
        backend = kms_backends[account][region]
        if key.startswith("alias/"):
            target = backend.get_key_id_from_alias(key)
            return backend.keys.get(target) if target else None
        return backend.keys.get(key)

    def ownership(self, bucket: Any) -> str:
        """Object Ownership of moto's bucket; BucketOwnerEnforced, AWS's default, if never set."""
        return str(bucket.ownership_rule or "BucketOwnerEnforced")

    def task_roles(
        self, account: str, region: str, configuration: Mapping[str, str]
    ) -> dict[str, str]:
        """Task role and execution role of the task definition that an ECS service runs now."""
        backend = ecs_backends[account][region]
        wanted = f"{configuration.get('ClusterName')}:{configuration.get('ServiceName')}"
        service = backend.services.get(wanted)
        if service is None or not service.task_definition:
            return {}
        definition = backend.describe_task_definition(service.task_definition)
        return {
            "task_roles": "yes",
            "task_role": str(definition.task_role_arn or ""),
            "execution_role": str(definition.execution_role_arn or ""),
        }

    def vpc_endpoints(self, account: str, region: str, vpc: str, service: str) -> list[Document]:
        """Policies of the endpoints of a VPC to one service (`s3`, `kms`)."""
        endpoints = list(ec2_backends[account][region].vpc_end_points.values())
        return [
            Document(each.id, _text(each.policy_document))
            for each in endpoints
            if each.vpc_id == vpc and each.service_name.endswith(f".{service}")
        ]

    # --- the organisation ---------------------------------------------------------------------

    def management_account(self, account: str) -> str | None:
        """The management account of the organisation that `account` is in, or None."""
        if organizations_backends[account][PARTITION].org is not None:
            return account
        master = organizations_backends.master_accounts.get(account)
        return str(master[0]) if master else None

    def organisation_id(self, account: str) -> str | None:
        management = self.management_account(account)
        if management is None:
            return None
        organisation = organizations_backends[management][PARTITION].org
        return str(organisation.id) if organisation else None

    def levels(self, account: str, policy_type: str) -> tuple[Level, ...]:
        """SERVICE_CONTROL_POLICY or RESOURCE_CONTROL_POLICY documents, root first, account last.

        Empty for an account in no organisation, and for the management account, which neither
        kind restricts
        (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html).
        """
        management = self.management_account(account)
        if management is None or management == account:
            return ()
        backend = organizations_backends[management][PARTITION]
        units = {unit.id: unit for unit in backend.ou}
        node: Any = next((each for each in backend.accounts if each.id == account), None)
        path: list[Any] = []
        while node is not None:
            path.append(node)
            node = units.get(node.parent_id)
        return tuple(
            Level(
                node.id,
                tuple(
                    Document(policy.arn, policy.content)
                    for policy in node.attached_policies
                    if policy.type == policy_type
                ),
            )
            for node in reversed(path)
        )


def _iam(arn: str) -> IAMBackend:
    backend: IAMBackend = iam_backends[arn.split(":")[4]][PARTITION]
    return backend


def _inline(holder: Any) -> Iterator[tuple[str, str]]:
    policies = holder.policies
    if isinstance(policies, Mapping):
        for name, text in policies.items():
            yield name, _text(text)


def _default_version(policy: Any) -> str:
    version = next(each for each in policy.versions if each.version_id == policy.default_version_id)
    return _text(version.document)


def _text(document: Any) -> str:
    if isinstance(document, bytes):
        return document.decode()
    return document if isinstance(document, str) else json.dumps(document)
