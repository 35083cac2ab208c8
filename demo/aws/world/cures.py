"""Applies the cures that the world's data knows, as the root user: what a right fix would do.

Tests use it to prove that a truth is the whole truth; the product never sees it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from demo.aws.cloud import Cloud
from demo.aws.world.model import Cure, Pipeline, Statement, World

_POLICY = "cure"


def cure(cloud: Cloud, world: World, pipeline: Pipeline) -> None:
    """Make every change that removes what ails a pipeline."""
    for each in pipeline.cure:
        if each.document:
            _add_statement(cloud, each)
        elif each.action:
            _give_role(cloud, pipeline, each)
        elif each.call == "connection":
            cloud.post("connection", each.params)
        elif each.call == "organizations.detach":
            _detach(cloud, world, each.params)
        else:
            service, _, method = each.call.partition(".")
            client = cloud.client(service, each.account, each.region)
            getattr(client, method)(**each.params)


def _add_statement(cloud: Cloud, cure: Cure) -> None:
    assert cure.statement is not None
    kind, _, name = cure.document.partition(":")
    if kind == "bucket":
        account = _bucket_owner(cloud, name)
        s3 = cloud.client("s3", account)
        text = s3.get_bucket_policy(Bucket=name)["Policy"]
        s3.put_bucket_policy(Bucket=name, Policy=_with(text, cure.statement))
        return
    account, role = name.split(":")[4], name.rsplit("/", 1)[-1]
    if kind == "key":
        kms = cloud.client("kms", account, name.split(":")[3])
        text = kms.get_key_policy(KeyId=name, PolicyName="default")["Policy"]
        kms.put_key_policy(KeyId=name, PolicyName="default", Policy=_with(text, cure.statement))
        return
    iam = cloud.client("iam", account)
    if kind == "trust":
        trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        iam.update_assume_role_policy(
            RoleName=role, PolicyDocument=_with(json.dumps(trust), cure.statement)
        )
        return
    document = json.dumps({"Version": "2012-10-17", "Statement": [cure.statement]})
    iam.put_role_policy(RoleName=role, PolicyName=_POLICY, PolicyDocument=document)


def _give_role(cloud: Cloud, pipeline: Pipeline, cure: Cure) -> None:
    client = cloud.client("codepipeline", pipeline.account, pipeline.region)
    definition = client.get_pipeline(name=pipeline.name)["pipeline"]
    for stage in definition["stages"]:
        for action in stage["actions"]:
            if f"{stage['name']}/{action['name']}" == cure.action:
                action["roleArn"] = cure.role
    client.update_pipeline(pipeline=definition)


def _detach(cloud: Cloud, world: World, params: Mapping[str, Any]) -> None:
    client = cloud.client("organizations", world.organisation.management)
    root = client.list_roots()["Roots"][0]["Id"]
    units = client.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]
    client.detach_policy(
        PolicyId=params["policy"],
        TargetId=next(each["Id"] for each in units if each["Name"] == params["target"]),
    )


def _with(text: str, statement: Statement) -> str:
    document = json.loads(text)
    return json.dumps({**document, "Statement": [*document["Statement"], statement]}, indent=2)


def _bucket_owner(cloud: Cloud, bucket: str) -> str:
    owners: dict[str, str] = cloud.owners()
    return owners[bucket]
