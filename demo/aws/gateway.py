"""The one endpoint for all AWS services: a WSGI application in front of moto's.

For every call: who calls, may they, what bad luck was asked for, then the answer (moto's own,
or a simulated one that says so), and a CloudTrail event for what was written.
"""

from __future__ import annotations

import io
import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from moto.core.request import Request
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Response

from demo.aws import identifiers
from demo.aws.actions import is_write, resources
from demo.aws.control import PREFIX, Control
from demo.aws.counting import CallLog, CountedCall
from demo.aws.faults import Faults, Gate, When
from demo.aws.identity import Caller
from demo.aws.names import ID_HEADER
from demo.aws.services import Services
from demo.aws.simulated import HEADER, LABEL, operations
from demo.aws.wire import AwsError, Call, Unreadable, read_call, write_error, write_result

_log = logging.getLogger(__name__)
_MOTO_ACCOUNT = "HTTP_X_MOTO_ACCOUNT_ID"
_CODE = re.compile(r"<Code>([^<]+)</Code>|\"__type\":\s*\"(?:[^\"#]*#)?([^\"]+)\"")
_MESSAGE = re.compile(r"<Message>([^<]+)</Message>|\"[Mm]essage\":\s*\"([^\"]+)\"")


class Gateway:
    """The WSGI application. `latency_ms` is added to every AWS call."""

    def __init__(self, services: Services, latency_ms: float = 0) -> None:
        self.services = services
        self.latency_ms = latency_ms
        self.calls = CallLog()
        self.faults = Faults()
        self.gate = Gate()
        self._simulated = operations()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._control = Control(self)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        if request.path.startswith(PREFIX):
            response = self._control.answer(request)
        elif request.path.startswith("/moto-api"):
            response = Response("Not here: the world builds itself anew instead.", status=404)
        else:
            response = self._aws(request)
        return response(environ, start_response)

    def _aws(self, request: Request) -> Response:
        body = request.get_data()
        if self.latency_ms:
            time.sleep(self.latency_ms / 1000)
        try:
            call = read_call(request)
        except Unreadable as error:
            return Response(f"No AWS call: {error}\n", status=400)
        caller: Caller | None = None
        try:
            caller = self.services.identities.caller(call)
            response = self._answer(request, body, call, caller)
        except AwsError as error:
            response = write_error(call, error)
        except NotImplementedError:
            text = f"{call.name} is not part of this local world."
            response = write_error(call, AwsError("UnknownOperationException", text))
        except Exception:
            _log.exception("%s failed", call.name)
            response = write_error(
                call, AwsError("InternalFailure", f"{call.name} failed in the local world.", 500)
            )
        self._keep(call, caller, response)
        return response

    def _answer(self, request: Request, body: bytes, call: Call, caller: Caller) -> Response:
        self.faults.strike(call, caller.account, caller.arn)
        self.services.authorization.check(call, caller)
        self.services.refusals.check(call, caller)
        # The world's own building and breaking is no write of somebody under test.
        write = is_write(call.operation) and not caller.is_root
        number = self.gate.number() if write else 0
        if write:
            self.gate.pass_through(number, When.BEFORE)
        response = self._perform(request, body, call, caller)
        if write:
            self.gate.pass_through(number, When.AFTER)
        return response

    def _perform(self, request: Request, body: bytes, call: Call, caller: Caller) -> Response:
        simulated = self._simulated.get(call.name)
        if simulated is not None:
            response = write_result(call, simulated.handler(self.services, call, caller))
            response.headers[HEADER] = LABEL
            return response
        _check_bucket_owner(call, self.services)
        response = self._forward(request, body, call, caller)
        if call.name == "codebuild:CreateProject" and response.status_code == 200:
            self.services.projects.remember(call, caller.account)
        return response

    def _forward(self, request: Request, body: bytes, call: Call, caller: Caller) -> Response:
        body = _normal_key_request(call, body)
        environ = dict(request.environ)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ[_MOTO_ACCOUNT] = self._account(call, caller)
        for cached in [name for name in environ if name.startswith("werkzeug.")]:
            if cached != "werkzeug.socket":
                del environ[cached]
        with identifiers.chosen(request.headers.get(ID_HEADER)):
            return Response.from_app(self._moto, environ, buffered=True)

    def _account(self, call: Call, caller: Caller) -> str:
        """The account in whose state moto must look: the owner's, for what is named by ARN."""
        if call.service == "s3" and call.params.get("Bucket"):
            return self.services.live.bucket_owner(str(call.params["Bucket"])) or caller.account
        if call.service == "kms" and str(call.params.get("KeyId", "")).startswith("arn:"):
            return str(call.params["KeyId"]).split(":")[4]
        if call.service == "organizations":
            return self.services.live.management_account(caller.account) or caller.account
        return caller.account

    def _keep(self, call: Call, caller: Caller | None, response: Response) -> None:
        account = caller.account if caller else ""
        arns = resources(call, caller, self.services.live) if caller else ("*",)
        self.calls.add(
            CountedCall(
                service=call.service,
                operation=call.operation,
                account=account,
                region=call.region,
                caller=caller.arn if caller else "",
                resource=arns[0] if arns else "*",
                at=time.time(),
                status=response.status_code,
            )
        )
        if caller is None or caller.is_root or not is_write(call.operation):
            return
        self.services.trail.record(
            service=call.service,
            operation=call.operation,
            caller=caller,
            account=caller.account,
            region=call.region,
            params=_recorded(call),
            resources=tuple(arn for arn in arns if arn != "*"),
            error=_error(response),
            source_ip=call.source_ip,
        )


def _normal_key_request(call: Call, body: bytes) -> bytes:
    """moto looks keys up by id in several operations that AWS lets name them by ARN, and knows
    no default for the name of the key policy."""
    if call.service != "kms":
        return body
    changed = {}
    key = str(call.params.get("KeyId", ""))
    if ":key/" in key:
        changed["KeyId"] = key.split(":key/", 1)[1]
    if call.operation in ("GetKeyPolicy", "PutKeyPolicy") and "PolicyName" not in call.params:
        changed["PolicyName"] = "default"
    return json.dumps({**json.loads(body), **changed}).encode() if changed else body


def _check_bucket_owner(call: Call, services: Services) -> None:
    """ExpectedBucketOwner, which moto ignores
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html)."""
    expected = call.params.get("ExpectedBucketOwner") if call.service == "s3" else None
    if expected is None:
        return
    owner = services.live.bucket_owner(str(call.params["Bucket"]))
    if owner is not None and owner != expected:
        raise AwsError("AccessDenied", "Access Denied", 403)


def _recorded(call: Call) -> Mapping[str, Any]:
    if call.name == "s3:PutBucketPolicy":
        return {"bucketName": call.params["Bucket"], "bucketPolicy": call.params["Policy"]}
    if call.service == "s3" and "Bucket" in call.params:
        return {"bucketName": call.params["Bucket"]}
    return call.params


def _error(response: Response) -> tuple[str, str] | None:
    if response.status_code < 400:
        return None
    text = response.get_data(as_text=True)
    code, message = _CODE.search(text), _MESSAGE.search(text)
    return (
        next(filter(None, code.groups()), "") if code else str(response.status_code),
        next(filter(None, message.groups()), "") if message else "",
    )
