"""What is left of botocore's data: nothing that a call needs is missing, all else is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.credentials import Credentials
from botocore.model import ListShape, MapShape, Shape, StructureShape

from workers.aws.models import Models, models
from workers.aws.operations import operations, services

NOBODY = Credentials("none", "none")
# One region of every partition, and one that has to be opted in to.
REGIONS = ("us-east-1", "eu-central-1", "ap-east-1", "cn-north-1", "us-gov-west-1")


@pytest.mark.parametrize(("service", "operation"), sorted(operations()))
def test_an_operation_takes_gives_and_refuses_what_it_does_in_the_whole_model(
    service: str, operation: str
) -> None:
    ours = _ours().base.get_service_model(service).operation_model(operation)
    whole = _whole().get_service_model(service).operation_model(operation)

    assert _described(ours.input_shape) == _described(whole.input_shape)
    assert _described(ours.output_shape) == _described(whole.output_shape)
    assert [_described(each) for each in ours.error_shapes] == [
        _described(each) for each in whole.error_shapes
    ]
    assert (ours.http, ours.metadata) == (whole.http, whole.metadata)


@pytest.mark.parametrize("service", services())
def test_a_client_is_at_the_address_that_botocore_gives_it(service: str) -> None:
    for region in REGIONS:
        ours = _ours().session().client_for(NOBODY, service, region_name=region)
        whole = _whole().create_client(
            service, region_name=region, aws_access_key_id="none", aws_secret_access_key="none"
        )
        assert ours.meta.endpoint_url == whole.meta.endpoint_url
        assert ours.meta.partition == whole.meta.partition


@pytest.mark.parametrize("service", services())
def test_pages_are_turned_as_in_the_whole_model(service: str) -> None:
    ours = _ours().session().client_for(NOBODY, service, region_name=REGIONS[0])
    whole = _whole().create_client(
        service, region_name=REGIONS[0], aws_access_key_id="none", aws_secret_access_key="none"
    )
    for python_name, name in ours.meta.method_to_api_mapping.items():
        assert ours.can_paginate(python_name) == whole.can_paginate(python_name), name


def test_what_nobody_calls_is_left_out() -> None:
    iam = _ours().base.get_service_model("iam")
    assert "GetRole" in iam.operation_names
    assert "CreateUser" not in iam.operation_names
    assert "GetRole" in json.dumps(_ours().loader.load_service_model("iam", "service-2"))
    assert iam.operation_model("GetRole").documentation == ""


def test_a_service_that_only_botocore_calls_stays_whole() -> None:
    """A worker whose credentials come from IAM Identity Center asks its portal for them."""
    whole = _whole().get_service_model("sso").operation_names
    assert _ours().base.get_service_model("sso").operation_names == whole


def test_s3_can_ask_where_a_bucket_is() -> None:
    """botocore follows a bucket to its region by HeadBucket, without being told to."""
    assert "HeadBucket" in _ours().base.get_service_model("s3").operation_names


@pytest.mark.parametrize("region", [*REGIONS, "eu-isoe-west-1", "us-iso-east-1"])
def test_a_regions_partition_is_known(region: str) -> None:
    whole = _whole().get_partition_for_region(region)
    assert _ours().base.get_partition_for_region(region) == whole


@cache
def _whole() -> botocore.session.Session:
    """botocore as it is. Made once: reading all of its models takes seconds."""
    return botocore.session.get_session()


@cache
def _ours() -> Models:
    """Of our own, for botocore writes into the models of clients that are used."""
    return models.__wrapped__()


def _described(shape: Shape | None, seen: tuple[str, ...] = ()) -> Any:
    """All that a request or an answer is built or read by; not the words about it."""
    if shape is None:
        return None
    said: dict[str, Any] = {
        "name": shape.name,
        "type": shape.type_name,
        "metadata": _plain(shape.metadata),
        "serialization": _plain(shape.serialization),
    }
    if shape.name in seen:
        return said
    below = (*seen, shape.name)
    if isinstance(shape, StructureShape):
        said["members"] = {k: _described(v, below) for k, v in shape.members.items()}
    elif isinstance(shape, ListShape):
        said["member"] = _described(shape.member, below)
    elif isinstance(shape, MapShape):
        said["key"], said["value"] = _described(shape.key, below), _described(shape.value, below)
    return said


def _plain(value: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(value))
