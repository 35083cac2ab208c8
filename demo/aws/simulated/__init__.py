"""The operations that this local world answers itself, because moto does not have them or
forgets half of what it was told. Every such answer carries the header `x-simulated`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from demo.aws.encoding import decode
from demo.aws.identity import Caller
from demo.aws.services import Services
from demo.aws.simulated import analyzer, codepipeline, simulator, token_service
from demo.aws.wire import Call

HEADER = "x-simulated"
LABEL = "pipeline-access-demo"

Handler = Callable[[Services, Call, Caller], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Simulated:
    """One simulated operation: `name` is `service:Operation`, `why` a line for people."""

    name: str
    why: str
    handler: Handler


def operations() -> Mapping[str, Simulated]:
    """All simulated operations by name; the page and the documentation print this."""
    return {each.name: each for each in _all()}


def _all() -> list[Simulated]:
    runs = "moto runs no actions; outcomes are rehearsed over the policies in force"
    return [
        Simulated("codepipeline:GetPipelineState", runs, codepipeline.get_pipeline_state),
        Simulated("codepipeline:ListActionExecutions", runs, codepipeline.list_action_executions),
        Simulated(
            "codepipeline:ListPipelineExecutions", runs, codepipeline.list_pipeline_executions
        ),
        Simulated("codepipeline:GetPipelineExecution", runs, codepipeline.get_pipeline_execution),
        Simulated(
            "codepipeline:StartPipelineExecution", runs, codepipeline.start_pipeline_execution
        ),
        Simulated("codepipeline:StopPipelineExecution", runs, codepipeline.stop_pipeline_execution),
        Simulated("codepipeline:RetryStageExecution", runs, codepipeline.retry_stage_execution),
        Simulated("codepipeline:PutApprovalResult", runs, codepipeline.put_approval_result),
        *_connections("codeconnections"),
        *_connections("codestar-connections"),
        Simulated(
            "cloudtrail:LookupEvents",
            "moto has no event history; writes made here are recorded",
            lambda services, call, caller: services.trail.look_up(
                caller.account, call.region, call.params
            ),
        ),
        Simulated(
            "codebuild:BatchGetProjects",
            "moto forgets a project's encryption key",
            lambda services, call, caller: services.projects.batch_get(call, caller.account),
        ),
        Simulated(
            "codebuild:UpdateProject",
            "moto has no UpdateProject",
            lambda services, call, caller: services.projects.update(call, caller.account),
        ),
        *_refused("iam:SimulatePrincipalPolicy", "iam:SimulateCustomPolicy"),
        *(
            Simulated(
                f"accessanalyzer:{operation}",
                "moto has no Access Analyzer; these are this project's own reader and evaluator",
                handler,
            )
            for operation, handler in (
                ("ValidatePolicy", analyzer.validate_policy),
                ("CheckNoNewAccess", analyzer.check_no_new_access),
                ("CheckAccessNotGranted", analyzer.check_access_not_granted),
            )
        ),
        Simulated(
            "sts:GetCallerIdentity",
            "moto does not know the root users and sessions of this world",
            token_service.get_caller_identity,
        ),
        Simulated(
            "sts:DecodeAuthorizationMessage",
            "moto has no encoded messages; those of this world can be decoded",
            lambda _services, call, _caller: decode(call.params),
        ),
        Simulated(
            "sts:AssumeRole",
            "moto lets anybody assume any role; here trust and identity policies decide",
            token_service.assume_role,
        ),
    ]


def _refused(*names: str) -> list[Simulated]:
    why = "a verdict of this project's own evaluator would be no second opinion: always refused"
    return [Simulated(name, why, simulator.refuse) for name in names]


def _connections(service: str) -> list[Simulated]:
    why = "moto has no CodeConnections"

    def bound(method: str) -> Handler:
        return lambda services, call, caller: getattr(services.connections, method)(
            call, caller.account
        )

    return [
        Simulated(f"{service}:GetConnection", why, bound("get_connection")),
        Simulated(f"{service}:ListConnections", why, bound("list_connections")),
        Simulated(f"{service}:ListTagsForResource", why, bound("list_tags")),
        Simulated(f"{service}:GetHost", why, bound("get_host")),
        Simulated(f"{service}:ListHosts", why, bound("list_hosts")),
    ]
