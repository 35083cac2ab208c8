"""The strict JSON Schema of Block Kit: demo/workspace/blockkit.schema.json."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    ImageBlock,
    InputBlock,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    SectionBlock,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from demo.workspace import blockkit
from demo.workspace.schema import make_schema

SCHEMA = json.loads(blockkit.SCHEMA.read_text(encoding="utf-8"))


def validator(definition: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"#/definitions/{definition}", "definitions": SCHEMA["definitions"]}
    )


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_nothing_in_it_is_left_open() -> None:
    """Every object with declared fields refuses others."""

    def objects(node: Any) -> Any:
        if isinstance(node, dict):
            chooses = any("if" in part for part in node.get("allOf", []))
            if node.get("type") == "object" and "properties" in node and not chooses:
                yield node
            for value in node.values():
                yield from objects(value)
        elif isinstance(node, list):
            for item in node:
                yield from objects(item)

    found = list(objects(SCHEMA["definitions"]))
    assert len(found) > 80
    assert [node for node in found if node.get("additionalProperties") is not False] == []


@pytest.mark.parametrize("limit", make_schema.read_limits(), ids=lambda x: f"{x['on']}.{x['at']}")
def test_every_limit_names_a_page_and_a_declared_field(limit: dict[str, Any]) -> None:
    assert limit["page"].startswith("https://docs.slack.dev/reference/")
    if limit["on"] == "*" or not limit["at"]:
        return
    body = SCHEMA["definitions"][limit["on"]]
    shapes = [body, *body.get("anyOf", [])]
    field = limit["at"].split(".")[0].removesuffix("[]")
    assert any(field in shape.get("properties", {}) for shape in shapes)


def test_the_committed_schema_carries_every_limit() -> None:
    """Whoever edits limits.toml has to run make_schema.py again."""
    missing = []
    for limit in make_schema.read_limits():
        properties: dict[str, Any] = {limit["at"].split(".")[0].rstrip("[]"): {}}
        one = {"definitions": {"X": {"properties": properties}}}
        added = make_schema.strict(one, [{**limit, "on": "X"}])["definitions"]["X"]["allOf"][0]
        names = [limit["on"]] if limit["on"] != "*" else list(SCHEMA["definitions"])
        if not any(added in SCHEMA["definitions"][name].get("allOf", []) for name in names):
            missing.append(f"{limit['on']}.{limit['at']}")
    assert missing == []


def test_limits_are_added_and_alternatives_are_told_apart_by_type() -> None:
    """What the maker does, on declarations small enough to read."""
    text = {"type": "string"}
    declared = {
        "definitions": {
            "Row": {"type": "object", "properties": {"type": {"const": "row"}, "cells": {}}},
            "Note": {"type": "object", "properties": {"type": {"const": "note"}, "text": text}},
            "Part": {"anyOf": [{"$ref": "#/definitions/Row"}, {"$ref": "#/definitions/Note"}]},
        }
    }
    limits = [
        {"on": "Note", "at": "text", "page": "", "maxLength": 3},
        {"on": "Row", "at": "cells[]", "page": "", "maxItems": 2},
    ]
    made = make_schema.strict(declared, limits)
    part = Draft202012Validator({**made, "$ref": "#/definitions/Part"})
    assert part.is_valid({"type": "note", "text": "abc"})
    assert part.is_valid({"type": "row", "cells": [[1, 2], [3]]})
    assert not part.is_valid({"type": "row", "cells": [[1, 2, 3]]})
    assert not part.is_valid({"type": "other"})
    (error,) = part.iter_errors({"type": "note", "text": "abcd"})
    assert (list(error.absolute_path), error.validator) == (["text"], "maxLength")


def test_what_slack_sdk_s_own_classes_make_is_valid() -> None:
    blocks = [
        HeaderBlock(text="payments-deploy is blocked"),
        SectionBlock(
            text=MarkdownTextObject(text="*deploy-role* may not `s3:GetObject`"),
            fields=["*Account*\n111122223333"],
            accessory=StaticSelectElement(
                action_id="account",
                placeholder="Account",
                options=[Option(value="a", text="payments-prod")],
            ),
        ),
        ContextBlock(elements=[MarkdownTextObject(text="proven")]),
        DividerBlock(),
        ImageBlock(image_url="http://127.0.0.1/map.png", alt_text="Access map"),
        ActionsBlock(
            elements=[
                ButtonElement(
                    text="Approve",
                    action_id="approve",
                    value="r-1",
                    style="primary",
                    confirm=ConfirmObject(
                        title="Approve?", text="Writes the bucket policy.", confirm="Approve"
                    ),
                )
            ]
        ),
    ]
    payload = {"text": "blocked", "blocks": [block.to_dict() for block in blocks]}
    assert list(validator("MessagePayload").iter_errors(payload)) == []


def test_a_view_of_slack_sdk_is_valid() -> None:
    view = View(
        type="modal",
        title="Request a fix",
        submit="Request",
        close="Cancel",
        callback_id="request",
        private_metadata="{}",
        blocks=[
            InputBlock(label="Why?", element=PlainTextInputElement(action_id="why", multiline=True))
        ],
    )
    assert list(validator("ModalPayload").iter_errors(view.to_dict())) == []


@pytest.mark.parametrize(
    "block",
    [
        {"type": "section"},
        {"type": "section", "text": "plain string"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "colour": "red"},
        {"type": "header", "text": {"type": "mrkdwn", "text": "headers are plain text"}},
        {"type": "image", "image_url": "https://example.com/x.png"},
        {"type": "image", "alt_text": "neither address nor file"},
        {"type": "actions", "elements": [{"type": "button", "action_id": "no text"}]},
        {"type": "actions", "elements": [{"type": "image"}]},
        {"type": "context", "elements": [{"type": "button"}]},
        {"type": "rich_text", "elements": [{"type": "text", "text": "no section"}]},
        {"type": "sectoin", "text": {"type": "mrkdwn", "text": "x"}},
        {"text": {"type": "mrkdwn", "text": "no type"}},
        {"type": "file", "source": "remote", "external_id": "x"},
    ],
    ids=lambda block: json.dumps(block)[:60],
)
def test_what_is_no_block_is_refused(block: dict[str, Any]) -> None:
    assert not validator("MessagePayload").is_valid({"blocks": [block]})


@pytest.mark.parametrize("kind", ["table", "markdown", "data_table", "plan"])
def test_blocks_for_messages_are_refused_in_views(kind: str) -> None:
    title = {"type": "plain_text", "text": "x"}
    view = {"type": "modal", "title": title, "blocks": [{"type": kind}]}
    assert blockkit.problems(view, "modal") == [
        f"unsupported type: {kind} [json-pointer:/view/blocks/0/type]"
    ]
