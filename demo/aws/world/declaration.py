"""A pipeline of the world in the words of CodePipeline's CreatePipeline."""

from __future__ import annotations

from typing import Any

from demo.aws.world.model import Action, PipelineDefinition, Store


def declaration(name: str, definition: PipelineDefinition) -> dict[str, Any]:
    """The pipeline in the words of CreatePipeline."""
    declared: dict[str, Any] = {
        "name": name,
        "roleArn": definition.role,
        "pipelineType": definition.type,
        "stages": [
            {"name": stage.name, "actions": [_action(each) for each in stage.actions]}
            for stage in definition.stages
        ],
    }
    if definition.store:
        declared["artifactStore"] = _store(definition.store)
    if definition.stores:
        declared["artifactStores"] = {
            region: _store(store) for region, store in definition.stores.items()
        }
    return declared


def _action(action: Action) -> dict[str, Any]:
    category, owner, provider = action.type.split("/")
    declared: dict[str, Any] = {
        "name": action.name,
        "actionTypeId": {
            "category": category,
            "owner": owner,
            "provider": provider,
            "version": "1",
        },
        "runOrder": action.run_order,
        "configuration": dict(action.configuration),
        "inputArtifacts": [{"name": each} for each in action.inputs],
        "outputArtifacts": [{"name": each} for each in action.outputs],
    }
    if action.role:
        declared["roleArn"] = action.role
    if action.region:
        declared["region"] = action.region
    return declared


def _store(store: Store) -> dict[str, Any]:
    declared: dict[str, Any] = {"type": "S3", "location": store.bucket}
    if store.key:
        declared["encryptionKey"] = {"id": store.key, "type": "KMS"}
    return declared
