"""An incident to play: somebody tidies up the policy of a key that three services share.

Everything goes through the API as a person who signed in, so CloudTrail has the change under a
name; the executions that fail are rehearsed, and their events arrive in the bot's queue.
"""

from __future__ import annotations

import json
from typing import Any

from demo.aws.cloud import Cloud
from demo.aws.world.model import World

PIPELINES = ("cart-service", "email-service", "media-service")
ACCOUNT, REGION = "111111111111", "us-east-1"
KEY = "alias/storefront-artifacts"
ACTOR, ROLE = "jordan.lee", "arn:aws:iam::111111111111:role/PlatformAdmin"
_SID = "UseByTheStorefront"
_NEW_USER = f"arn:aws:iam::{ACCOUNT}:role/PlatformAdmin"


def break_shared_key(cloud: Cloud) -> None:
    """Replace the users of the shared key by one role that deploys nothing."""
    _set_users(cloud, [_NEW_USER])


def heal_shared_key(cloud: Cloud, world: World) -> None:
    """Put the users back that the world was built with."""
    key = next(each for each in world.shared.keys if f"alias/{each.alias}" == KEY)
    statement: Any = next(
        each for each in key.policy if not isinstance(each, str) and each["Sid"] == _SID
    )
    _set_users(cloud, statement["Principal"]["AWS"])


def run_pipelines(cloud: Cloud) -> dict[str, str]:
    """Start all pipelines that use the key; execution ids by name. Their ends arrive as events."""
    client = cloud.client_as(cloud.role_session(ROLE, ACTOR), "codepipeline", REGION)
    return {
        name: client.start_pipeline_execution(name=name)["pipelineExecutionId"]
        for name in PIPELINES
    }


def _set_users(cloud: Cloud, users: list[str]) -> None:
    client = cloud.client_as(cloud.role_session(ROLE, ACTOR), "kms", REGION)
    key = client.describe_key(KeyId=KEY)["KeyMetadata"]["Arn"]
    policy = json.loads(client.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    for statement in policy["Statement"]:
        if statement["Sid"] == _SID:
            statement["Principal"] = {"AWS": users}
    client.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy, indent=2))
