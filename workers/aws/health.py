"""Whether the bot can read what it is configured to read: each account's roles, tried out.

Nothing is changed. Every check says what is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from workers.aws import reasons
from workers.aws.calls import Calls, Chain, Place
from workers.aws.mandate import Mandate, role_for_check
from workers.aws.operations import operations
from workers.aws.sessions import CannotAssume, Sessions
from workers.settings import Account
from workers.snapshot.model import Reading, State

# Of a hundred actions the simulator answers as many in one call.
_ACTIONS_AT_ONCE = 100
_NAMES_SHOWN = 6


class Health(StrEnum):
    OK = "ok"
    ADVICE = "advice"  # works, and could be safer or know more
    FAILED = "failed"
    SKIPPED = "skipped"  # could not be tried


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried, how it went, and what to do."""

    what: str
    health: Health
    text: str = ""


def check_accounts(sessions: Sessions) -> tuple[Check, ...]:
    """The worker's credentials, then every account and the organisation, at the same time."""
    identity = _worker(sessions)
    if identity.health is Health.FAILED:
        return (identity,)
    with Calls(sessions, threads=sessions.settings.jobs.threads) as calls:
        chain = Chain(calls)
        organisation = chain.fork(_organisation)
        each = chain.each(_account, sessions.settings.complete())
        return (identity, *(check for checks in each for check in checks), organisation.join())


def _worker(sessions: Sessions) -> Check:
    what = reasons.text("check_worker")
    arn = sessions.worker()
    if not arn.startswith("arn:"):
        return Check(what, Health.FAILED, reasons.text("no_credentials"))
    return Check(what, Health.OK, arn)


def _account(chain: Chain, account: Account) -> Iterable[Check]:
    named = f"{account.alias} ({account.id})"
    what = reasons.text("check_read_role", account=named)
    sessions = chain.calls.sessions
    try:
        role = sessions.read_role(account.id)
        sessions.assume(role)
    except CannotAssume as error:
        return [Check(what, Health.FAILED, str(error))]
    checks = [Check(what, Health.OK, role.role_arn)]
    lists = chain.fork(lambda side: _lists(side, account, named))
    reads = chain.fork(lambda side: _reads(side, account.id, role.role_arn, named))
    checks.append(_external_id(sessions, account.id, named))
    checks.append(_fix_role(sessions, account.id, named))
    return [*checks, *lists.join(), reads.join()]


def _external_id(sessions: Sessions, account: str, named: str) -> Check:
    """Without the external id the role must refuse, or it does not protect anybody.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    what = reasons.text("check_external_id", account=named)
    role = sessions.read_role(account)
    if role.external_id is None:
        return Check(what, Health.ADVICE, reasons.text("external_id_missing"))
    try:
        sessions.assume(replace(role, external_id=None))
    except CannotAssume:
        return Check(what, Health.OK)
    return Check(what, Health.ADVICE, reasons.text("external_id_not_demanded", role=role.role_arn))


def _fix_role(sessions: Sessions, account: str, named: str) -> Check:
    """The fix role is tried with a session that may do nothing at all."""
    what = reasons.text("check_fix_role", account=named)
    try:
        sessions.assume(role_for_check(sessions, account, Mandate("doctor", "doctor", ())))
    except CannotAssume as error:
        return Check(what, Health.ADVICE, reasons.text("fix_role_missing", why=error))
    return Check(what, Health.OK)


def _lists(chain: Chain, account: Account, named: str) -> list[Check]:
    """Whether pipelines can be listed in every region, and how many there are."""
    regions = chain.calls.sessions.regions(account.id)
    answers = chain.each(
        lambda side, region: side.pages(
            Place("codepipeline", account.id, region), "ListPipelines", "pipelines"
        ),
        regions,
    )
    return [
        _listed(reasons.text("check_region", account=named, region=region), answer)
        for region, answer in zip(regions, answers, strict=True)
    ]


def _listed(what: str, answer: Reading[tuple[object, ...]]) -> Check:
    if answer.state is not State.PRESENT:
        return Check(what, Health.FAILED, answer.why)
    return Check(what, Health.OK, reasons.text("pipelines_found", number=len(answer.require())))


def _reads(chain: Chain, account: str, role_arn: str, named: str) -> Check:
    """Which of the reads the role's own policies lack, by IAM's simulator."""
    what = reasons.text("check_reads", account=named)
    actions = sorted(
        {
            action
            for each in operations().values()
            if "read" in each.roles
            for action in each.actions
        }
    )
    missing: list[str] = []
    for start in range(0, len(actions), _ACTIONS_AT_ONCE):
        answer = chain.pages(
            Place("iam", account, chain.calls.sessions.home_region),
            "SimulatePrincipalPolicy",
            "EvaluationResults",
            subject=role_arn,
            PolicySourceArn=role_arn,
            ActionNames=actions[start : start + _ACTIONS_AT_ONCE],
        )
        if answer.state is not State.PRESENT:
            return Check(what, Health.SKIPPED, answer.why)
        missing += [
            each["EvalActionName"] for each in answer.require() if each["EvalDecision"] != "allowed"
        ]
    if not missing:
        return Check(what, Health.OK, reasons.text("reads_allowed", number=len(actions)))
    shown = ", ".join(missing[:_NAMES_SHOWN]) + (" …" if len(missing) > _NAMES_SHOWN else "")
    return Check(
        what,
        Health.FAILED,
        reasons.text("reads_missing", number=len(missing), names=shown, role=role_arn),
    )


def _organisation(chain: Chain) -> Check:
    """Whether the organisation's policies can be read from where the configuration says."""
    what = reasons.text("check_organisation")
    sessions = chain.calls.sessions
    organisation = sessions.settings.organisation
    if organisation is None:
        return Check(what, Health.ADVICE, reasons.text("organisation_not_configured"))
    where = Place("organizations", organisation.account, sessions.home_region)
    roots = chain.pages(where, "ListRoots", "Roots")
    if roots.state is not State.PRESENT:
        return Check(what, Health.FAILED, roots.why)
    policies = chain.pages(
        where,
        "ListPoliciesForTarget",
        "Policies",
        TargetId=roots.require()[0]["Id"],
        Filter="SERVICE_CONTROL_POLICY",
    )
    if policies.state is not State.PRESENT:
        return Check(what, Health.FAILED, policies.why)
    for policy in policies.require()[:1]:
        text = chain.read(where, "DescribePolicy", subject=policy["Name"], PolicyId=policy["Id"])
        if text.state is not State.PRESENT:
            return Check(what, Health.FAILED, text.why)
    return Check(what, Health.OK, organisation.account)
