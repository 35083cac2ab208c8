"""Decoding of encoded authorization failure messages."""

from __future__ import annotations

import boto3
from botocore.exceptions import BotoCoreError, ClientError


class CannotDecode(Exception):
    """The message was not decoded; the text says why."""


def decode(message: str, region: str | None = None) -> str:
    """The decoded message, JSON text, under the credentials that boto3 finds.

    Needs sts:DecodeAuthorizationMessage. Raises CannotDecode. Follows
    https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html.
    """
    try:
        client = boto3.client("sts", region_name=region)
        answer = client.decode_authorization_message(EncodedMessage=message)
    except (BotoCoreError, ClientError) as error:
        raise CannotDecode(str(error)) from error
    return str(answer["DecodedMessage"])
