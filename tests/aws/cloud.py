"""A moto server on 127.0.0.1 behind a gate that records, refuses, delays and simulates calls.

moto answers what it can. The gate adds what a test of reading needs: faults for chosen
operations, a delay, the owner condition of S3 (which moto ignores) and the operations that moto
lacks, whose answers a test sets by hand.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, unquote

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_S3_QUERIES = {
    "policy": "GetBucketPolicy",
    "location": "GetBucketLocation",
    "ownershipControls": "GetBucketOwnershipControls",
    "encryption": "GetBucketEncryption",
    "publicAccessBlock": "GetPublicAccessBlock",
    "versioning": "GetBucketVersioning",
    "tagging": "GetBucketTagging",
}


@dataclass(frozen=True)
class Call:
    """One HTTP request as it arrived."""

    service: str
    operation: str
    region: str
    access_key: str
    body: str
    path: str
    headers: dict[str, str] = field(hash=False, compare=False, default_factory=dict)

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes two requests the same call."""
        return (self.service, self.operation, self.region, self.access_key, self.path, self.body)


@dataclass
class Fault:
    service: str
    operation: str
    code: str
    message: str
    status: int
    when: Callable[[Call], bool]
    times: int | None


class Cloud:
    """The gate's controls and its record."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.answers: dict[tuple[str, str], Callable[[Call], Any]] = {}
        self.delay = 0.0
        self.slow: dict[tuple[str, str], float] = {}
        self.url = ""
        self._lock = threading.Lock()

    def refuse(
        self,
        service: str,
        operation: str,
        *,
        code: str = "AccessDenied",
        message: str = "no identity-based policy allows it",
        status: int = 403,
        when: Callable[[Call], bool] = lambda call: True,
        times: int | None = None,
    ) -> None:
        """Answer this operation with an error (the first `times` times)."""
        self.faults.append(Fault(service, operation, code, message, status, when, times))

    def answer(self, service: str, operation: str, answer: Any) -> None:
        """Simulate an operation: JSON values or XML text, or a function of the call for them."""
        self.answers[service, operation] = answer if callable(answer) else lambda call: answer

    def made(self, service: str | None = None, operation: str | None = None) -> list[Call]:
        return [
            call
            for call in self.calls
            if service in (None, call.service) and operation in (None, call.operation)
        ]

    def client(self, service: str, account: str, region: str = "eu-west-1") -> Any:
        """A client inside an account, to build the world with. Not recorded as a read."""
        made: Any = boto3.client  # not one of the services that its stubs name
        return made(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=f"BUILDER{account}",
            aws_secret_access_key="x",
        )

    # --- WSGI ----------------------------------------------------------------------------------

    def gate(self, application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            body = environ["wsgi.input"].read(length)
            environ["wsgi.input"] = BytesIO(body)
            call = _call(environ, body.decode("utf-8", "replace"))
            if call.access_key.startswith("BUILDER"):
                environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.access_key.removeprefix("BUILDER")
                return application(environ, start)
            with self._lock:
                self.calls.append(call)
                fault = self._fault(call)
            time.sleep(self.slow.get((call.service, call.operation), self.delay))
            if fault is not None:
                return _error(call, fault, start)
            simulated = self.answers.get((call.service, call.operation))
            if simulated is not None:
                return _json(simulated(call), start)
            owner = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER")
            if owner and not _owns(owner, call.path):
                return _error(
                    call, Fault("", "", "AccessDenied", "Access Denied", 403, bool, None), start
                )
            return application(environ, start)

        return app

    def _fault(self, call: Call) -> Fault | None:
        for fault in self.faults:
            if (fault.service, fault.operation) != (call.service, call.operation):
                continue
            if fault.times == 0 or not fault.when(call):
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None


@contextmanager
def running() -> Iterator[Cloud]:
    """A cloud at `cloud.url`, empty, until the block ends."""
    cloud = Cloud()
    application = cloud.gate(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    cloud.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _call(environ: dict[str, Any], body: str) -> Call:
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = scope.groups() if scope else ("", "", "")
    query = environ.get("QUERY_STRING", "")
    path = unquote(environ.get("PATH_INFO", ""))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        operation = target.rpartition(".")[2]
    elif service == "s3":
        named = next((_S3_QUERIES[q] for q in parse_qs(query, True) if q in _S3_QUERIES), "?")
        verb = {"PUT": "Put", "DELETE": "Delete"}.get(environ["REQUEST_METHOD"], "Get")
        operation = named.replace("Get", verb, 1)
    elif "Action=" in body:
        operation = parse_qs(body)["Action"][0]
    else:
        operation = f"{environ['REQUEST_METHOD']} {path}"
    headers = {name: str(value) for name, value in environ.items() if name.startswith("HTTP_")}
    return Call(service, operation, region, key, body, f"{path}?{query}", headers)


def _owns(account: str, path: str) -> bool:
    bucket = path.lstrip("/").partition("/")[0].partition("?")[0]
    owners = [
        owner
        for owner, by_partition in s3_backends.items()
        for backend in by_partition.values()
        if bucket in backend.buckets
    ]
    return not owners or account in owners


def _json(answer: Any, start: Callable[..., Any]) -> Iterable[bytes]:
    if isinstance(answer, str):
        start("200 OK", [("Content-Type", "text/xml")])
        return [answer.encode()]
    start(
        "200 OK",
        [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", "simulated-1")],
    )
    return [json.dumps(answer).encode()]


def _error(call: Call, fault: Fault, start: Callable[..., Any]) -> Iterable[bytes]:
    line = f"{fault.status} Error"
    if call.service in ("s3", "iam", "sts", "sns", "cloudformation", "ec2"):
        inner = f"<Code>{fault.code}</Code><Message>{fault.message}</Message>"
        body = {
            "s3": f"<Error>{inner}</Error>",
            "ec2": f"<Response><Errors><Error>{inner}</Error></Errors></Response>",
        }.get(call.service, f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>")
        start(line, [("Content-Type", "text/xml")])
        return [body.encode()]
    start(
        line,
        [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", fault.code)],
    )
    return [json.dumps({"__type": fault.code, "message": fault.message}).encode()]
