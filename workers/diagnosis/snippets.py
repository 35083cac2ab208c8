"""The change as code, for documents that code owns: CloudFormation, CDK and Terraform.

Follows AWS::IAM::RolePolicy, AWS::S3::BucketPolicy and AWS::KMS::Key of CloudFormation
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/), the CDK's
`PolicyStatement.fromJson`, and the `aws` provider of Terraform.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from workers.diagnosis.model import Target, TargetKind

Statement = Mapping[str, Any]
Snippet = tuple[str, str]


def snippets(
    target: Target, statements: Sequence[Statement], value: str = ""
) -> tuple[Snippet, ...]:
    """(language, code) pairs that make the change of one step.

    `statements` are those to add to a policy; `value` is what to set where no policy changes
    (a key's ARN, an ownership).
    """
    return (
        ("cloudformation", _cloudformation(target, statements, value)),
        ("cdk", _cdk(target, statements, value)),
        ("terraform", _terraform(target, statements, value)),
    )


def _json(value: Any, margin: str) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", f"\n{margin}")


def _cloudformation(target: Target, statements: Sequence[Statement], value: str) -> str:
    listed = "\n".join(f"        - {_json(each, '          ')}" for each in statements)
    name = _name(target.id)
    match target.kind:
        case TargetKind.ROLE_POLICY:
            return (
                "# a resource of its own, beside the role\n"
                "Type: AWS::IAM::RolePolicy\n"
                "Properties:\n"
                f"  RoleName: {name}\n"
                f"  PolicyName: {target.name}\n"
                "  PolicyDocument:\n"
                '    Version: "2012-10-17"\n'
                f"    Statement:\n{listed}\n"
            )
        case TargetKind.TRUST_POLICY:
            return _under(f"AWS::IAM::Role {name}", "AssumeRolePolicyDocument", listed)
        case TargetKind.BUCKET_POLICY:
            return _under(f"AWS::S3::BucketPolicy of {name}", "PolicyDocument", listed)
        case TargetKind.KEY_POLICY:
            return _under(f"AWS::KMS::Key {name}", "KeyPolicy", listed)
        case TargetKind.ARTIFACT_STORE:
            return (
                f"# in AWS::CodePipeline::Pipeline {name}\n"
                "Properties:\n  ArtifactStore:\n    EncryptionKey:\n"
                f"      Id: {value}\n      Type: KMS\n"
            )
        case TargetKind.PROJECT_KEY:
            return f"# in AWS::CodeBuild::Project {name}\nProperties:\n  EncryptionKey: {value}\n"
        case TargetKind.BUCKET_OWNERSHIP:
            return (
                f"# in AWS::S3::Bucket {name}\nProperties:\n  OwnershipControls:\n"
                f"    Rules:\n      - ObjectOwnership: {value}\n"
            )


def _under(resource: str, document: str, listed: str) -> str:
    return (
        f"# in {resource}: add to the statements\nProperties:\n"
        f"  {document}:\n      Statement:\n{listed}\n"
    )


_CDK_METHOD = {
    TargetKind.ROLE_POLICY: "role.addToPrincipalPolicy",
    TargetKind.TRUST_POLICY: "role.assumeRolePolicy?.addStatements",
    TargetKind.BUCKET_POLICY: "bucket.addToResourcePolicy",
    TargetKind.KEY_POLICY: "key.addToResourcePolicy",
}


def _cdk(target: Target, statements: Sequence[Statement], value: str) -> str:
    name = _name(target.id)
    match target.kind:
        case TargetKind.ARTIFACT_STORE:
            return (
                f"// pipeline {name}: give the artifact bucket this key\n"
                f'const key = kms.Key.fromKeyArn(this, "ArtifactKey", "{value}");\n'
                'new s3.Bucket(this, "Artifacts", { encryptionKey: key });\n'
            )
        case TargetKind.PROJECT_KEY:
            return (
                f"// project {name}\n"
                f'encryptionKey: kms.Key.fromKeyArn(this, "ProjectKey", "{value}"),\n'
            )
        case TargetKind.BUCKET_OWNERSHIP:
            member = {
                "BucketOwnerPreferred": "BUCKET_OWNER_PREFERRED",
                "BucketOwnerEnforced": "BUCKET_OWNER_ENFORCED",
            }.get(value, value)
            return f"// bucket {name}\nobjectOwnership: s3.ObjectOwnership.{member},\n"
    method = _CDK_METHOD[target.kind]
    return f"// {name}\n" + "".join(
        f"{method}(iam.PolicyStatement.fromJson({_json(each, '')}));\n" for each in statements
    )


def _terraform(target: Target, statements: Sequence[Statement], value: str) -> str:
    name = _name(target.id)
    # HCL takes JSON as an expression; only its own interpolation has to be escaped.
    listed = ",\n".join(f"      {_json(each, '      ')}" for each in statements)
    body = f'    "Version": "2012-10-17",\n    "Statement": [\n{listed}\n    ]'
    body = body.replace("${", "$${").replace("%{", "%%{")
    match target.kind:
        case TargetKind.ROLE_POLICY:
            return (
                f'resource "aws_iam_role_policy" "pipeline_access" {{\n'
                f'  name   = "{target.name}"\n  role   = "{name}"\n'
                f"  policy = jsonencode({{\n{body}\n  }})\n}}\n"
            )
        case TargetKind.ARTIFACT_STORE:
            return (
                f'# in aws_codepipeline "{name}"\nartifact_store {{\n'
                f'  encryption_key {{\n    id   = "{value}"\n    type = "KMS"\n  }}\n}}\n'
            )
        case TargetKind.PROJECT_KEY:
            return f'# in aws_codebuild_project "{name}"\nencryption_key = "{value}"\n'
        case TargetKind.BUCKET_OWNERSHIP:
            return (
                'resource "aws_s3_bucket_ownership_controls" "pipeline_access" {\n'
                f'  bucket = "{name}"\n  rule {{\n    object_ownership = "{value}"\n  }}\n}}\n'
            )
    where = {
        TargetKind.TRUST_POLICY: f'assume_role_policy of aws_iam_role "{name}"',
        TargetKind.BUCKET_POLICY: f'policy of aws_s3_bucket_policy "{name}"',
        TargetKind.KEY_POLICY: f'policy of aws_kms_key "{name}"',
    }[target.kind]
    return f"# add to the statements in {where}\njsonencode({{\n{body}\n  }})\n"


def _name(id: str) -> str:
    return id.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
