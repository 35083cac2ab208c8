"""What moto is told before it serves: few AWS managed policies, and no opinion of its own on
permissions, which the gateway decides."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from typing import Any

from demo.aws import identifiers

# moto would load 1,400 for each account.
_MANAGED = (
    "AWSCodeBuildAdminAccess",
    "AWSCodeBuildDeveloperAccess",
    "AWSCodeBuildReadOnlyAccess",
    "AWSCodePipelineApproverAccess",
    "AWSCodePipelineCustomActionAccess",
    "AWSCodePipeline_FullAccess",
    "AWSCodePipeline_ReadOnlyAccess",
    "AWSLambdaBasicExecutionRole",
    "AdministratorAccess",
    "AmazonECSTaskExecutionRolePolicy",
    "AmazonEC2RoleforAWSCodeDeploy",
    "PowerUserAccess",
    "ReadOnlyAccess",
)


def install() -> None:
    """Change moto's settings. Once, before the first call."""
    iam, kms = import_module("moto.iam.models"), import_module("moto.kms.responses")
    policies = json.loads(iam.aws_managed_policies_data)
    kept = {name: policies[name] for name in _MANAGED if name in policies}
    vars(iam)["aws_managed_policies_data"] = json.dumps(kept)
    vars(kms)["validate_policy"] = lambda *_: None
    _keep_documents_as_text(iam.Role)
    _quicken()
    identifiers.install()


def _keep_documents_as_text(role: Any) -> None:
    """moto's CloudFormation hands roles their inline policies as objects, its API reads text."""
    put = role.put_policy

    def put_text(self: Any, name: str, document: Any) -> None:
        put(self, name, document if isinstance(document, str) else json.dumps(document))

    role.put_policy = put_text


def _quicken() -> None:
    """Take out work that moto does again for every call, service or key: listing its own folder,
    and botocore's, and an RSA key pair for keys that are symmetric."""
    backends, keys = import_module("moto.backends"), import_module("moto.kms.models")
    vars(backends)["list_of_moto_modules"] = cache(
        lambda listed=backends.list_of_moto_modules: tuple(listed())
    )
    utils = import_module("moto.core.utils")
    vars(utils)["create_loader"] = cache(utils.create_loader)
    generate = keys.generate_private_key
    vars(keys)["generate_private_key"] = lambda spec: (
        None if spec == "SYMMETRIC_DEFAULT" else generate(spec)
    )
