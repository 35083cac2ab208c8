"""CodePipeline's execution operations
(https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_Operations.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from demo.aws.identity import Caller
from demo.aws.runs import ActionRun, Key, Run, latest_by_action
from demo.aws.services import Services
from demo.aws.wire import AwsError, Call

_PAGE = 100


def get_pipeline_state(services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    key = _key(call, caller, "name")
    pipeline = services.runs.pipeline(key)
    runs = services.runs.runs(key)
    return {
        "pipelineName": key[2],
        "pipelineVersion": pipeline["version"],
        "stageStates": [_stage_state(stage, runs) for stage in pipeline["stages"]],
    }


def list_action_executions(services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    key = _key(call, caller, "pipelineName")
    wanted = (call.params.get("filter") or {}).get("pipelineExecutionId")
    pipeline = services.runs.pipeline(key)
    details = [
        _action_detail(pipeline, key, run, action)
        for run in services.runs.runs(key)
        if wanted in (None, run.id)
        for action in reversed(run.actions)
    ]
    return _page(details, call, "actionExecutionDetails")


def list_pipeline_executions(services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    runs = services.runs.runs(_key(call, caller, "pipelineName"))
    return _page([_summary(run) for run in runs], call, "pipelineExecutionSummaries")


def get_pipeline_execution(services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    key = _key(call, caller, "pipelineName")
    run = services.runs.run(key, str(call.params["pipelineExecutionId"]))
    return {
        "pipelineExecution": {
            "pipelineName": key[2],
            "pipelineVersion": run.version,
            "pipelineExecutionId": run.id,
            "status": run.status,
            "trigger": {"triggerType": run.trigger, "triggerDetail": run.trigger_detail},
        }
    }


def start_pipeline_execution(services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    run = services.runs.start(_key(call, caller, "name"), trigger_detail=caller.arn)
    return {"pipelineExecutionId": run.id}


def stop_pipeline_execution(services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    key = _key(call, caller, "pipelineName")
    return {
        "pipelineExecutionId": services.runs.stop(key, str(call.params["pipelineExecutionId"])).id
    }


def retry_stage_execution(services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    params = call.params
    run = services.runs.retry(
        _key(call, caller, "pipelineName"),
        str(params["stageName"]),
        str(params["pipelineExecutionId"]),
        str(params["retryMode"]),
    )
    return {"pipelineExecutionId": run.id}


def put_approval_result(services: Services, call: Call, caller: Caller) -> Mapping[str, Any]:
    at = services.runs.approve(_key(call, caller, "pipelineName"), call.params, caller.arn)
    return {"approvedAt": at}


def _key(call: Call, caller: Caller, name: str) -> Key:
    return caller.account, call.region, str(call.params[name])


def _stage_state(stage: Mapping[str, Any], runs: Sequence[Run]) -> dict[str, Any]:
    name = str(stage["name"])
    run = next((each for each in runs if any(a.stage == name for a in each.actions)), None)
    state: dict[str, Any] = {
        "stageName": name,
        "inboundTransitionState": {"enabled": True},
        "actionStates": [_action_state(action, name, run) for action in stage["actions"]],
    }
    if run is not None:
        state["latestExecution"] = {
            "pipelineExecutionId": run.id,
            "status": _stage_status(stage, run),
        }
    return state


def _stage_status(stage: Mapping[str, Any], run: Run) -> str:
    actions = [a for (at, _), a in latest_by_action(run).items() if at == stage["name"]]
    for status in ("Failed", "InProgress"):
        if any(action.status == status for action in actions):
            return status
    if run.status == "Stopped":
        return "Stopped"
    return "Succeeded" if len(actions) == len(stage["actions"]) else "InProgress"


def _action_state(action: Mapping[str, Any], stage: str, run: Run | None) -> dict[str, Any]:
    state: dict[str, Any] = {"actionName": action["name"]}
    latest = latest_by_action(run).get((stage, str(action["name"]))) if run else None
    if latest is not None:
        execution: dict[str, Any] = {
            "actionExecutionId": latest.id,
            "status": latest.status,
            "lastStatusChange": latest.updated,
        }
        if latest.code:
            execution["errorDetails"] = {"code": latest.code, "message": latest.message}
        if latest.token and latest.status == "InProgress":
            execution["token"] = latest.token
        if latest.external_id:
            execution["externalExecutionId"] = latest.external_id
        if latest.approved_by:
            execution["lastUpdatedBy"] = latest.approved_by
        state["latestExecution"] = execution
    return state


def _action_detail(
    pipeline: Mapping[str, Any], key: Key, run: Run, action: ActionRun
) -> dict[str, Any]:
    stores = pipeline.get("artifactStores") or {}
    store = stores.get(action.region) or pipeline.get("artifactStore") or {}
    declared = action.action

    def artifacts(side: str) -> list[dict[str, Any]]:
        return [
            {
                "name": each["name"],
                "s3location": {
                    "bucket": store.get("location", ""),
                    "key": f"{key[2][:20]}/{each['name'][:10]}/{run.id[:7]}",
                },
            }
            for each in declared.get(side) or ()
        ]

    result: dict[str, Any] = {}
    if action.external_id:
        result["externalExecutionId"] = action.external_id
    if action.code:
        result["errorDetails"] = {"code": action.code, "message": action.message}
        result["externalExecutionSummary"] = action.message
    configuration = dict(declared.get("configuration") or {})
    return {
        "pipelineExecutionId": run.id,
        "actionExecutionId": action.id,
        "pipelineVersion": run.version,
        "stageName": action.stage,
        "actionName": declared["name"],
        "startTime": action.started,
        "lastUpdateTime": action.updated,
        "status": action.status,
        "input": {
            "actionTypeId": declared["actionTypeId"],
            "configuration": configuration,
            "resolvedConfiguration": configuration,
            "roleArn": action.role,
            "region": action.region,
            "inputArtifacts": artifacts("inputArtifacts"),
        },
        "output": {
            "outputArtifacts": artifacts("outputArtifacts") if action.status == "Succeeded" else [],
            "executionResult": result,
        },
    }


def _summary(run: Run) -> dict[str, Any]:
    return {
        "pipelineExecutionId": run.id,
        "status": run.status,
        "startTime": run.started,
        "lastUpdateTime": run.updated,
        "sourceRevisions": [],
        "trigger": {"triggerType": run.trigger, "triggerDetail": run.trigger_detail},
        "executionMode": "SUPERSEDED",
        "executionType": "STANDARD",
    }


def _page(found: list[dict[str, Any]], call: Call, name: str) -> dict[str, Any]:
    try:
        start = int(call.params.get("nextToken") or 0)
    except ValueError:
        raise AwsError("InvalidNextTokenException", "The next token is not valid.") from None
    end = start + min(int(call.params.get("maxResults") or _PAGE), _PAGE)
    page: dict[str, Any] = {name: found[start:end]}
    if end < len(found):
        page["nextToken"] = str(end)
    return page
