"""AWS's wire formats: what a request asks for, and how an answer or an error is written.

Service models come from botocore, parsers and serializers from moto's core, so that every
service is spoken in the protocol that boto3 uses with it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import uuid4

from botocore.exceptions import UnknownServiceError
from moto.core.exceptions import ServiceException
from moto.core.model import ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

_CREDENTIAL = re.compile(
    r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request"
)

# Names that services sign with, where botocore files them under another one.
_SIGNING_NAMES = {
    "access-analyzer": "accessanalyzer",
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}


class AwsError(ServiceException):
    """An error in AWS's own words. `code` is the error code a client sees."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS API call as its sender meant it.

    `service` is botocore's name (`iam`, `codestar-connections`), `operation` the API's
    (`GetRole`); `params` are the parsed input. `access_key` and `token` are as sent.
    """

    service: str
    operation: str
    params: Mapping[str, Any]
    region: str
    access_key: str
    token: str | None
    content_type: str
    source_ip: str = "127.0.0.1"
    request_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def name(self) -> str:
        """`service:Operation`, the key under which calls are counted."""
        return f"{self.service}:{self.operation}"


class Unreadable(Exception):
    """The request is no AWS API call that can be told from its bytes."""


def service_model(service: str) -> ServiceModel:
    """botocore's model of a service, loaded once. Raises UnknownServiceError."""
    with _LOADING:
        return _load_model(service)


@functools.cache
def _load_model(service: str) -> ServiceModel:
    """The model with all its operations: while moto makes one, a second thread that asks for it
    gets botocore's, which lacks what moto adds."""
    model = get_service_model(service)
    for name in model.operation_names:
        model.operation_model(name)
    return model


_LOADING = Lock()


def read_call(request: Request) -> Call:
    """Tell service, operation and input of a SigV4-signed request.

    Raises Unreadable for unsigned requests, unknown services and unknown operations.
    """
    signature = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    if signature is None:
        raise Unreadable("the request carries no SigV4 Authorization header")
    service = _SIGNING_NAMES.get(signature["service"], signature["service"])
    try:
        model = service_model(service)
    except UnknownServiceError as error:
        raise Unreadable(f"no service signs with the name {signature['service']!r}") from error
    content_type = request.headers.get("Content-Type", "")
    operation, uri_params = _operation(request, service, model)
    if operation not in model.operation_names:
        raise Unreadable(f"{service} has no operation {operation!r}")
    return Call(
        service=service,
        operation=operation,
        params=_params(request, model, operation, uri_params, content_type),
        region=signature["region"],
        access_key=signature["key"],
        token=request.headers.get("X-Amz-Security-Token"),
        content_type=content_type,
        source_ip=request.remote_addr or "127.0.0.1",
    )


def write_result(call: Call, result: Mapping[str, Any] | None) -> Response:
    """The answer of an operation, in the protocol of its service."""
    return _respond(call, dict(result or {}))


def write_error(call: Call, error: AwsError) -> Response:
    """An error, in the protocol of the service, with its status code."""
    response = _respond(call, error)
    if response.status_code < 400 or error.status != 400:
        response.status_code = error.status
    response.headers["x-amzn-ErrorType"] = error.code
    return response


def _operation(request: Request, service: str, model: ServiceModel) -> tuple[str, dict[str, Any]]:
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.rsplit(".", 1)[-1], {}
    action = request.values.get("Action") if model.protocol in ("query", "ec2") else None
    if action:
        return str(action), {}
    try:
        operation, uri_params = get_service_router(service).match(request)
    except (HTTPException, NotImplementedError) as error:
        raise Unreadable(f"{request.method} {request.path} is no {service} operation") from error
    return operation.name, dict(uri_params)


def _params(
    request: Request,
    model: ServiceModel,
    operation: str,
    uri_params: Mapping[str, Any],
    content_type: str,
) -> dict[str, Any]:
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, content_type)]
    parsed = parser(model.operation_model(operation)).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": dict(uri_params),
        }
    )
    return dict(parsed or {})


def _respond(call: Call, result: object) -> Response:
    model = service_model(call.service)
    protocol = determine_request_protocol(model, call.content_type)
    serializer = get_serializer_class(model.service_name, protocol)
    written = serializer(operation_model=model.operation_model(call.operation)).serialize(result)
    headers = dict(written["headers"])
    headers["x-amzn-RequestId"] = call.request_id
    return Response(written["body"], status=written["status_code"], headers=headers)
