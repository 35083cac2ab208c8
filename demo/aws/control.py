"""The back door under `/_demo/` for tests, the builder of the world and the incident script.

It is no AWS API, and nothing of the product uses it. JSON in, JSON out; a wrong request gets 400
and a sentence.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from demo.aws.faults import When
from demo.aws.identity import Caller
from demo.aws.simulated import operations
from demo.aws.simulated.token_service import open_session
from demo.aws.steps import Where
from demo.aws.wire import AwsError

if TYPE_CHECKING:
    from demo.aws.gateway import Gateway

PREFIX = "/_demo/"


class Control:
    """Answers `/_demo/<word>`: GET reads, POST changes, DELETE clears."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def answer(self, request: Request) -> Response:
        word = request.path.removeprefix(PREFIX).strip("/")
        handlers: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Any]] = {
            ("GET", "health"): lambda _: {"ok": True, "cpu_seconds": time.process_time()},
            ("GET", "calls"): lambda _: [asdict(each) for each in self._gateway.calls.all()],
            ("DELETE", "calls"): lambda _: self._gateway.calls.clear(),
            ("POST", "latency"): self._latency,
            ("POST", "faults"): self._gateway.faults.add,
            ("DELETE", "faults"): lambda _: self._gateway.faults.clear(),
            ("GET", "gate"): lambda _: self._gateway.gate.state(),
            ("POST", "gate"): lambda body: self._gateway.gate.set(
                int(body["at"]), When(body.get("when", "before"))
            ),
            ("DELETE", "gate"): lambda body: self._gateway.gate.open(bool(body.get("drop"))),
            ("GET", "simulated"): lambda _: [
                {"name": each.name, "why": each.why} for each in operations().values()
            ],
            ("GET", "buckets"): lambda _: self._gateway.services.live.bucket_owners(),
            ("POST", "bucket-tags"): lambda body: self._gateway.services.live.tag_bucket(
                body["bucket"], body["tags"]
            ),
            ("POST", "session"): self._session,
            ("POST", "connection"): self._connection,
            ("POST", "runs"): self._runs,
            ("POST", "rehearsal"): self._rehearsal,
            ("POST", "trail"): self._trail,
            ("POST", "queue"): lambda body: self._gateway.services.events.deliver_to(
                body["account"], body["region"], body["queue"]
            ),
            ("POST", "event"): self._gateway.services.events.send,
            ("POST", "failing-build"): self._failing_build,
            ("POST", "needs"): self._needs,
        }
        handler = handlers.get((request.method, word))
        if handler is None:
            return _json({"error": f"There is no {request.method} {request.path}."}, 404)
        try:
            body = json.loads(request.get_data() or b"{}")
            return _json(handler(body))
        except AwsError as error:
            return _json({"error": str(error)}, 400)
        except (KeyError, TypeError, ValueError) as error:
            return _json({"error": f"{request.path}: {type(error).__name__}: {error}"}, 400)

    def _latency(self, body: Mapping[str, Any]) -> None:
        self._gateway.latency_ms = float(body["ms"])

    def _session(self, body: Mapping[str, Any]) -> dict[str, str]:
        """A session of a role without asking its trust policy: what a container or a person
        who signed in is given in a real account."""
        answer = open_session(
            self._gateway.services,
            role_arn=body["role"],
            session_name=body.get("session", "demo"),
            seconds=int(body.get("seconds", 12 * 3600)),
        )
        credentials = answer["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }

    def _connection(self, body: Mapping[str, Any]) -> dict[str, str]:
        return {"arn": self._gateway.services.connections.put(body).arn}

    def _runs(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Seed executions: `succeeded` and `ended` are minutes ago."""
        key = (body["account"], body["region"], body["name"])
        runs = self._gateway.services.runs
        for minutes in body.get("succeeded", ()):
            runs.seed_success(key, _ago(minutes))
        if "ended" not in body:
            return {}
        run = runs.seed(key, _ago(body["ended"]), body.get("failure"))
        return {"execution": run.id, "status": run.status}

    def _rehearsal(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Every step of every action, each decided on its own by the documents in force."""
        key = (body["account"], body["region"], body["name"])
        services = self._gateway.services
        pipeline = services.runs.pipeline(key)
        return [
            asdict(step)
            for stage in pipeline["stages"]
            for action in stage["actions"]
            for step in services.rehearsal.steps(
                Where(pipeline, key[0], key[1], stage["name"], action)
            )
        ]

    def _trail(self, body: Mapping[str, Any]) -> None:
        """Seed a CloudTrail event, `ago` minutes old, by the principal with ARN `actor`."""
        actor = str(body["actor"])
        account = actor.split(":")[4]
        name = actor.rsplit("/", 1)[-1]
        identity = actor
        if ":assumed-role/" in actor:
            identity = f"arn:aws:iam::{account}:role/{actor.split('/')[1]}"
        self._gateway.services.trail.record(
            service=body["service"],
            operation=body["operation"],
            caller=Caller(account, actor, identity, "AIDA", session_name=name),
            account=body["account"],
            region=body.get("region", "us-east-1"),
            params=body.get("params", {}),
            resources=tuple(body.get("resources", ())),
            at=_ago(body["ago"]),
            error=("AccessDenied", body["refusal"]) if body.get("refusal") else None,
            source_ip=body.get("source_ip", "198.51.100.7"),
        )

    def _needs(self, body: Mapping[str, Any]) -> None:
        self._gateway.services.rehearsal.extra[str(body["pipeline"])] = list(body["needs"])

    def _failing_build(self, body: Mapping[str, Any]) -> None:
        self._gateway.services.rehearsal.failing_builds.add(str(body["project"]))


def _ago(minutes: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(minutes=float(minutes))


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status=status, content_type="application/json")
