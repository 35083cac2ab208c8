"""What moto is told before it serves: few AWS managed policies, and no opinion of its own on
permissions, which the gateway decides."""

from __future__ import annotations

import json
from importlib import import_module

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
    identifiers.install()
