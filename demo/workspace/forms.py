"""What people enter into elements: initial values, values from input, complaints.

Values are spelled as `state.values` spells them in payloads:
https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from demo.workspace import blockkit

Json = dict[str, Any]

# The field of `state.values` that holds the value, by type of element.
_FIELDS = {
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "rich_text_input": "rich_text_value",
}
_INITIAL = {
    "value": "initial_value",
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_users": "initial_users",
    "selected_channel": "initial_channel",
    "selected_channels": "initial_channels",
    "selected_conversation": "initial_conversation",
    "selected_conversations": "initial_conversations",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
    "rich_text_value": "initial_value",
}


def field_of(element: Json) -> str | None:
    """The field that carries this element's value; None for buttons."""
    return _FIELDS.get(element["type"])


def initial_values(blocks: Iterable[Json]) -> Json:
    """`state.values` before anybody touched anything."""
    values: Json = {}
    for block, element in _inputs(blocks):
        field = _FIELDS[element["type"]]
        initial = element.get(_INITIAL[field], [] if field.endswith("s") else None)
        _put(values, block, element, {"type": element["type"], field: initial})
    return values


def entered_value(element: Json, value: Any) -> Json:
    """The state of an element after somebody entered `value`.

    Text, dates, times, people and channels are given as strings, an option by its value, several
    by a list. Raises ValueError where the element has no such option.
    """
    kind = element["type"]
    field = _FIELDS[kind]
    if value is not None and field == "selected_option":
        value = _option(element, value)
    elif field == "selected_options":
        value = [_option(element, item) for item in value or []]
    elif field == "selected_date_time" and value is not None:
        value = int(value)
    elif field == "value":
        value = str(value) if value not in (None, "") else None
    return {"type": kind, field: value}


def entered_values(blocks: Iterable[Json], given: Mapping[Any, Any]) -> Json:
    """`state.values` with what was given over the initial values.

    `given` is keyed by action_id, by (block_id, action_id) or, nested, by block_id and action_id.
    Raises KeyError for a key that names no input of the view.
    """
    blocks = list(blocks)
    values = initial_values(blocks)
    entered = dict(_entries(given, set(values)))
    for block, element in _inputs(blocks):
        for key in ((block["block_id"], element["action_id"]), element["action_id"]):
            if key in entered:
                _put(values, block, element, entered_value(element, entered[key]))
    actions = {action for held in values.values() for action in held}
    pairs = {(block, action) for block, held in values.items() for action in held}
    unknown = [str(key) for key in entered if key not in actions and key not in pairs]
    if unknown:
        raise KeyError(f"The view has no input {', '.join(unknown)}.")
    return values


def complaints(blocks: Iterable[Json], values: Json) -> dict[str, str]:
    """What Slack itself asks to be put right before it submits, by block_id."""
    wrong: dict[str, str] = {}
    for block, element in _inputs(blocks):
        if block["type"] != "input":
            continue
        state = values[block["block_id"]][element["action_id"]]
        value = state[_FIELDS[element["type"]]]
        complaint = _complaint(block, element, value)
        if complaint:
            wrong[block["block_id"]] = complaint
    return wrong


def _entries(given: Mapping[Any, Any], block_ids: set[str]) -> Iterator[tuple[Any, Any]]:
    for key, value in given.items():
        if key in block_ids and isinstance(value, Mapping):
            yield from (((key, action), inner) for action, inner in value.items())
        else:
            yield key, value


def _complaint(block: Json, element: Json, value: Any) -> str | None:
    if value in (None, "", []):
        return None if block.get("optional") else "Please complete this required field."
    kind, length = element["type"], len(value) if isinstance(value, str) else 0
    if kind == "plain_text_input":
        least, most = element.get("min_length", 0), element.get("max_length", 3000)
        if length < least:
            return f"Please enter at least {least} characters."
        if length > most:
            return f"Please enter no more than {most} characters."
    if kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return "Please enter a valid email address."
    if kind == "url_text_input" and not re.match(r"https?://\S+$", value):
        return "Please enter a valid URL."
    if kind == "number_input":
        return _number_complaint(element, value)
    if kind.startswith("multi_") and len(value) > element.get("max_selected_items", 10**9):
        return f"Please choose no more than {element['max_selected_items']} items."
    return None


def _number_complaint(element: Json, value: str) -> str | None:
    pattern = r"-?\d+(\.\d+)?" if element["is_decimal_allowed"] else r"-?\d+"
    if not re.fullmatch(pattern, value):
        return "Please enter a valid number."
    if "min_value" in element and float(value) < float(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and float(value) > float(element["max_value"]):
        return f"Please enter a number of no more than {element['max_value']}."
    return None


def _inputs(blocks: Iterable[Json]) -> list[tuple[Json, Json]]:
    return [
        (block, element)
        for block in blocks
        for element in blockkit.elements(block)
        if element["type"] in _FIELDS and element["type"] != "overflow"
    ]


def _option(element: Json, value: Any) -> Json:
    if isinstance(value, dict):
        return value
    groups: list[Json] = element.get("option_groups", [])
    options = [*element.get("options", []), *(o for group in groups for o in group["options"])]
    for option in options:
        if option.get("value") == value:
            return dict(option)
    if element["type"] in ("external_select", "multi_external_select"):
        return {"text": {"type": "plain_text", "text": str(value), "emoji": True}, "value": value}
    offered = ", ".join(str(option.get("value")) for option in options)
    raise ValueError(f"{element['type']} {element.get('action_id')} offers {offered}, not {value}.")


def _put(values: Json, block: Json, element: Json, state: Json) -> None:
    values.setdefault(block["block_id"], {})[element["action_id"]] = state
