"""IAM policy evaluation: pure functions of policies and a request.

It knows no AWS client, no pipeline and no chat. The reference is AWS's documentation; each module
names the page that it follows. ``docs/evaluation.md`` has the whole in words.
"""

from workers.policy.actions import ActionTable, action_exists, nearest_action, nearest_service
from workers.policy.diagnostics import Diagnostic
from workers.policy.documents import Document, Unreadable, parse
from workers.policy.evaluation import evaluate
from workers.policy.explanation import (
    Element,
    Explanation,
    Failure,
    LayerExplanation,
    NearMiss,
    Stance,
    explain,
)
from workers.policy.layers import Decision, Effect, Layer, PolicyKind
from workers.policy.policies import (
    Grant,
    Level,
    Ownership,
    Policies,
    Policy,
    PublicAccessBlock,
)
from workers.policy.principals import Principal, PrincipalType, is_unique_id, principal_of
from workers.policy.remedy import Addition, Remedy, enough, with_additions
from workers.policy.requests import Request
from workers.policy.statements import Statement
from workers.policy.verdicts import Dependency, Match, Verdict

__all__ = [
    "ActionTable",
    "Addition",
    "Decision",
    "Dependency",
    "Diagnostic",
    "Document",
    "Effect",
    "Element",
    "Explanation",
    "Failure",
    "Grant",
    "Layer",
    "LayerExplanation",
    "Level",
    "Match",
    "NearMiss",
    "Ownership",
    "Policies",
    "Policy",
    "PolicyKind",
    "Principal",
    "PrincipalType",
    "PublicAccessBlock",
    "Remedy",
    "Request",
    "Stance",
    "Statement",
    "Unreadable",
    "Verdict",
    "action_exists",
    "enough",
    "evaluate",
    "explain",
    "is_unique_id",
    "nearest_action",
    "nearest_service",
    "parse",
    "principal_of",
    "with_additions",
]
