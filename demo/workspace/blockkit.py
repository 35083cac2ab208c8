"""What Slack refuses: payloads that are no Block Kit, or too long.

Shape and documented limits come from blockkit.schema.json (made by schema/make_schema.py). What a
schema cannot say is here: ids that must be unique, text over all blocks, options that must exist.
https://docs.slack.dev/reference/block-kit
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

Json = dict[str, Any]
Surface = Literal["message", "modal", "home"]

SCHEMA = Path(__file__).with_name("blockkit.schema.json")

# Not documented: at about this much text in all blocks together Slack answers msg_blocks_too_long.
BLOCKS_CHARACTERS = 13_000
MARKDOWN_CHARACTERS = 12_000
TABLE_CHARACTERS = 10_000

_DEFINITIONS: dict[Surface, str] = {
    "message": "MessagePayload",
    "modal": "ModalPayload",
    "home": "HomePayload",
}


def problems(payload: Json, surface: Surface) -> list[str]:
    """Everything wrong with a message `{"text", "blocks", "metadata"}` or a view.

    Worded as Slack words it, each with the JSON pointer of the place: "must be less than 151
    characters [json-pointer:/blocks/0/text/text]". Views' pointers begin with /view.
    """
    prefix = "" if surface == "message" else "/view"
    found = [
        problem
        for error in _validator(surface).iter_errors(payload)
        for problem in _told(error, prefix)
    ]
    if not found:
        found = list(_beyond_schema(payload, surface, prefix))
    return list(dict.fromkeys(found))


def is_too_long(blocks: Iterable[Json]) -> bool:
    """Whether the blocks together pass what Slack takes in one message."""
    return _text_length(list(blocks)) > BLOCKS_CHARACTERS


def tables(blocks: Iterable[Json]) -> int:
    return sum(block.get("type") in ("table", "data_table") for block in blocks)


def elements(block: Json) -> list[Json]:
    """The interactive elements of a block, wherever the block keeps them."""
    match block.get("type"):
        case "actions" | "context_actions":
            found = block.get("elements", [])
        case "section":
            found = [block["accessory"]] if "accessory" in block else []
        case "input":
            found = [block["element"]]
        case "card":
            found = block.get("actions", [])
        case _:
            found = []
    return [element for element in found if element.get("type") != "image"]


@cache
def _validator(surface: Surface) -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return Draft202012Validator(
        {"$ref": f"#/definitions/{_DEFINITIONS[surface]}", "definitions": schema["definitions"]}
    )


def _told(error: ValidationError, prefix: str) -> Iterator[str]:
    pointer = prefix + "".join(f"/{step}" for step in error.absolute_path)
    where = f"[json-pointer:{pointer}]"
    limit: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "maxLength":
            yield f"must be less than {limit + 1} characters {where}"
        case "minLength":
            yield f"must be more than {limit - 1} characters {where}"
        case "maxItems":
            yield f"no more than {limit} items allowed {where}"
        case "minItems":
            yield f"no less than {limit} items allowed {where}"
        case "maximum":
            yield f"must be no more than {limit} {where}"
        case "minimum":
            yield f"must be no less than {limit} {where}"
        case "required":
            for name in limit:
                if name not in instance:
                    yield f"missing required field: {name} {where}"
        case "additionalProperties":
            for name in instance:
                if name not in _known_properties(error):
                    yield f"invalid additional property: {name} {where}"
        case "enum" if error.absolute_path and error.absolute_path[-1] == "type":
            yield f"unsupported type: {instance} {where}"
        case "enum":
            yield f"must be a valid enum value {where}"
        case "contains":
            yield f"only_one_table_allowed {where}"
        case "type":
            yield f"must provide {_article(limit)} {where}"
        case "pattern":
            yield f"invalid value {where}"
        case "anyOf" | "oneOf":
            yield f"failed to match all allowed schemas {where}"
            if all("required" in option and len(option) == 1 for option in limit):
                names = " or ".join(f"`{option['required'][0]}`" for option in limit)
                yield f"must define either {names} {where}"
            for inner in error.context or ():
                if inner.validator not in ("const", "required") or "$ref" in str(limit):
                    yield from _told(inner, prefix)
        case _:
            yield f"failed to match schema {where}"


def _known_properties(error: ValidationError) -> Any:
    return error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}


def _article(type_name: Any) -> str:
    return f"an {type_name}" if str(type_name)[0] in "aeiou" else f"a {type_name}"


def _beyond_schema(payload: Json, surface: Surface, prefix: str) -> Iterator[str]:
    blocks: list[Json] = payload.get("blocks", [])
    yield from _repeated_ids(blocks, prefix)
    for at, block in enumerate(blocks):
        where = f"[json-pointer:{prefix}/blocks/{at}"
        for element in elements(block):
            yield from _wrong_choice(element, f"{where}/{element['type']}]")
        if surface == "modal" and block["type"] == "input" and "submit" not in payload:
            yield f"must define `submit` to use an `input` block in modals {where}/input]"
        if block["type"] == "table":
            widths = {len(row) for row in block["rows"]}
            if len(widths) > 1:
                yield f"all rows must have the same number of cells {where}/rows]"
            if _text_length(block["rows"]) > TABLE_CHARACTERS:
                yield f"must be less than {TABLE_CHARACTERS + 1} characters {where}/rows]"
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > MARKDOWN_CHARACTERS:
        most = f"must be less than {MARKDOWN_CHARACTERS + 1} characters"
        yield f"{most} [json-pointer:{prefix}/blocks]"


def _repeated_ids(blocks: list[Json], prefix: str) -> Iterator[str]:
    seen: set[str] = set()
    for at, block in enumerate(blocks):
        where = f"[json-pointer:{prefix}/blocks/{at}"
        block_id = block.get("block_id")
        if block_id is not None and block_id in seen:
            yield f"`block_id` {block_id} already exists {where}/block_id]"
        seen.add(block_id or "")
        actions: set[str] = set()
        for element in elements(block):
            action_id = element.get("action_id")
            if action_id is not None and action_id in actions:
                yield f"`action_id` {action_id} already exists for `block_id` {block_id} {where}]"
            actions.add(action_id or "")


def _wrong_choice(element: Json, where: str) -> Iterator[str]:
    groups: list[Json] = element.get("option_groups", [])
    options = [*element.get("options", []), *(o for group in groups for o in group["options"])]
    if element["type"] in ("external_select", "multi_external_select") or not options:
        return
    chosen = [element["initial_option"]] if "initial_option" in element else []
    chosen += element.get("initial_options", [])
    values = {option.get("value") for option in options}
    for option in chosen:
        if option.get("value") not in values:
            yield f"initial option must be one of the options {where}"


def _text_length(node: Any) -> int:
    if isinstance(node, dict):
        own = len(node["text"]) if isinstance(node.get("text"), str) else 0
        return own + sum(_text_length(value) for value in node.values())
    if isinstance(node, list):
        return sum(_text_length(item) for item in node)
    return 0
