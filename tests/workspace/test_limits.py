"""Slack's documented limits, number by number: what just fits passes, one more is refused.

The numbers are those of https://docs.slack.dev/reference/block-kit and of the pages named in
demo/workspace/schema/limits.toml.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from demo.workspace import Workspace, blockkit

Json = dict[str, Any]


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def marked(length: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def section(**more: Any) -> Json:
    return {"type": "section", "text": marked(1), **more}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain(1), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def option(number: int = 0, **more: Any) -> Json:
    return {"text": plain(1), "value": str(number), **more}


def options(count: int) -> list[Json]:
    return [option(number) for number in range(count)]


def select(**more: Any) -> Json:
    return {"type": "static_select", "options": options(1), **more}


def confirm(**more: Any) -> Json:
    return button(confirm={"title": plain(1), "text": plain(1), **more})


def cell() -> Json:
    return {"type": "raw_text", "text": "x"}


# name, documented maximum, blocks of a message for a size
MESSAGES: list[tuple[str, int, Callable[[int], list[Json]]]] = [
    ("blocks of a message", 50, lambda n: [{"type": "divider"}] * n),
    ("text of a section", 3000, lambda n: [section(text=marked(n))]),
    ("fields of a section", 10, lambda n: [section(fields=[marked(1)] * n)]),
    ("text of a field", 2000, lambda n: [section(fields=[marked(n)])]),
    ("text of a header", 150, lambda n: [{"type": "header", "text": plain(n)}]),
    ("elements of a context", 10, lambda n: [{"type": "context", "elements": [marked(1)] * n}]),
    ("elements of actions", 25, lambda n: [actions(*[button()] * n)]),
    ("block_id", 255, lambda n: [section(block_id="x" * n)]),
    ("action_id", 255, lambda n: [actions(button(action_id="x" * n))]),
    ("text of a button", 75, lambda n: [actions(button(text=plain(n)))]),
    ("value of a button", 2000, lambda n: [actions(button(value="x" * n))]),
    ("address of a button", 3000, lambda n: [actions(button(url="https://x".ljust(n, "x")))]),
    ("label of a button", 75, lambda n: [actions(button(accessibility_label="x" * n))]),
    ("title of a confirmation", 100, lambda n: [actions(confirm(title=plain(n)))]),
    ("text of a confirmation", 300, lambda n: [actions(confirm(text=plain(n)))]),
    ("yes of a confirmation", 30, lambda n: [actions(confirm(confirm=plain(n)))]),
    ("no of a confirmation", 30, lambda n: [actions(confirm(deny=plain(n)))]),
    ("options of a select", 100, lambda n: [actions(select(options=options(n)))]),
    ("placeholder", 150, lambda n: [actions(select(placeholder=plain(n)))]),
    (
        "text of an option",
        75,
        lambda n: [actions(select(options=[option(text=plain(n))]))],
    ),
    (
        "value of an option",
        150,
        lambda n: [actions(select(options=[option(value="x" * n)]))],
    ),
    (
        "description of an option",
        75,
        lambda n: [actions(select(options=[option(description=plain(n))]))],
    ),
    (
        "label of an option group",
        75,
        lambda n: [
            actions(
                {
                    "type": "static_select",
                    "option_groups": [{"label": plain(n), "options": options(1)}],
                }
            )
        ],
    ),
    ("options of an overflow", 5, lambda n: [actions({"type": "overflow", "options": options(n)})]),
    (
        "options of radio buttons",
        10,
        lambda n: [actions({"type": "radio_buttons", "options": options(n)})],
    ),
    (
        "options of checkboxes",
        10,
        lambda n: [actions({"type": "checkboxes", "options": options(n)})],
    ),
    (
        "alternative text of an image",
        2000,
        lambda n: [{"type": "image", "image_url": "https://x/y.png", "alt_text": "x" * n}],
    ),
    (
        "title of an image",
        2000,
        lambda n: [
            {"type": "image", "image_url": "https://x/y", "alt_text": "x", "title": plain(n)}
        ],
    ),
    ("rows of a table", 100, lambda n: [{"type": "table", "rows": [[cell()]] * n}]),
    ("cells of a row", 20, lambda n: [{"type": "table", "rows": [[cell()] * n]}]),
    (
        "columns with settings",
        20,
        lambda n: [{"type": "table", "rows": [[cell()]], "column_settings": [{}] * n}],
    ),
    ("text of a markdown block", 12000, lambda n: [{"type": "markdown", "text": "x" * n}]),
    (
        "text of all markdown blocks",
        12000,
        lambda n: [
            {"type": "markdown", "text": "x" * 6000},
            {"type": "markdown", "text": "x" * (n - 6000)},
        ],
    ),
]


def modal(**more: Any) -> Json:
    return {"type": "modal", "title": plain(1), "submit": plain(1), "blocks": [section()], **more}


def field(**more: Any) -> Json:
    element = {"type": "plain_text_input"}
    return {"type": "input", "label": plain(1), "element": element, **more}


VIEWS: list[tuple[str, int, Callable[[int], Json]]] = [
    ("blocks of a modal", 100, lambda n: modal(blocks=[{"type": "divider"}] * n)),
    ("title", 24, lambda n: modal(title=plain(n))),
    ("submit", 24, lambda n: modal(submit=plain(n))),
    ("close", 24, lambda n: modal(close=plain(n))),
    ("private_metadata", 3000, lambda n: modal(private_metadata="x" * n)),
    ("callback_id", 255, lambda n: modal(callback_id="x" * n)),
    ("external_id", 255, lambda n: modal(external_id="x" * n)),
    ("label of an input", 2000, lambda n: modal(blocks=[field(label=plain(n))])),
    ("hint of an input", 2000, lambda n: modal(blocks=[field(hint=plain(n))])),
    (
        "max_length of a text input",
        3000,
        lambda n: modal(blocks=[field(element={"type": "plain_text_input", "max_length": n})]),
    ),
]


@pytest.mark.parametrize(("what", "most", "blocks"), MESSAGES, ids=[case[0] for case in MESSAGES])
def test_messages(what: str, most: int, blocks: Callable[[int], list[Json]]) -> None:
    assert blockkit.problems({"blocks": blocks(most)}, "message") == []
    found = blockkit.problems({"blocks": blocks(most + 1)}, "message")
    assert found
    assert all("json-pointer:/blocks" in problem for problem in found)
    assert any(
        f"less than {most + 1} characters" in problem or f"no more than {most} items" in problem
        for problem in found
    )


@pytest.mark.parametrize(("what", "most", "view"), VIEWS, ids=[case[0] for case in VIEWS])
def test_views(what: str, most: int, view: Callable[[int], Json]) -> None:
    assert blockkit.problems(view(most), "modal") == []
    found = blockkit.problems(view(most + 1), "modal")
    assert found
    assert all("json-pointer:/view" in problem for problem in found)


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        (
            [section(block_id="a"), section(block_id="a")],
            "`block_id` a already exists [json-pointer:/blocks/1/block_id]",
        ),
        (
            [{**actions(button(action_id="a"), button(action_id="a")), "block_id": "b"}],
            "`action_id` a already exists for `block_id` b [json-pointer:/blocks/0]",
        ),
        (
            [actions(select(initial_option=option(7)))],
            "initial option must be one of the options [json-pointer:/blocks/0/static_select]",
        ),
        (
            [{"type": "table", "rows": [[cell()], [cell(), cell()]]}],
            "all rows must have the same number of cells [json-pointer:/blocks/0/rows]",
        ),
        ([section(text=marked(0))], "must be more than 0 characters"),
        ([{"type": "section"}], "must define either `text` or `fields`"),
        ([section(accessory={"type": "image"})], "missing required field: alt_text"),
        ([section(colour="red")], "invalid additional property: colour [json-pointer:/blocks/0]"),
        ([{"type": "banner"}], "unsupported type: banner [json-pointer:/blocks/0/type]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_slack_says(blocks: list[Json], problem: str) -> None:
    found = blockkit.problems({"blocks": blocks}, "message")
    assert any(said.startswith(problem) for said in found), found


def test_the_same_action_id_in_two_blocks_is_fine() -> None:
    blocks = [actions(button(action_id="a")), actions(button(action_id="a"))]
    assert blockkit.problems({"blocks": blocks}, "message") == []


def test_a_modal_with_an_input_needs_submit() -> None:
    view = modal(blocks=[field()])
    del view["submit"]
    assert blockkit.problems(view, "modal") == [
        "must define `submit` to use an `input` block in modals [json-pointer:/view/blocks/0/input]"
    ]


# -- as the Web API answers


def refused(client: WebClient, **content: Any) -> Json:
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="C0PLATFORM", **content)
    body = caught.value.response.data
    assert isinstance(body, dict)
    return body


def test_invalid_blocks_are_named(workspace: Workspace, client: WebClient) -> None:
    answer = refused(client, text="x", blocks=[{"type": "header", "text": plain(151)}])
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]"
    ]
    (rejection,) = workspace.rejections
    assert (rejection.method, rejection.error) == ("chat.postMessage", "invalid_blocks")
    assert workspace.history("#platform") == []


def test_too_much_in_all_blocks_together(client: WebClient) -> None:
    fits = [section(text=marked(2600))] * 5
    client.chat_postMessage(channel="C0PLATFORM", text="x", blocks=fits)
    more = [*fits, section(text=marked(1))]
    assert refused(client, text="x", blocks=more)["error"] == "msg_blocks_too_long"


def test_one_table_to_a_message(client: WebClient) -> None:
    table = {"type": "table", "rows": [[cell()]]}
    answer = refused(client, text="x", blocks=[table, table])
    assert answer["error"] == "invalid_attachments"
    assert answer["response_metadata"]["messages"] == ["[ERROR] only_one_table_allowed"]


def test_text_has_limits_of_its_own(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="C0PLATFORM", text="x" * 40_000)
    assert refused(client, text="x" * 40_001)["error"] == "msg_too_long"
    where: dict[str, Any] = {"channel": "C0PLATFORM", "ts": str(posted["ts"])}
    client.chat_update(**where, text="x" * 4_000)
    with pytest.raises(SlackApiError, match="msg_too_long"):
        client.chat_update(**where, text="x" * 4_001)


def test_nothing_to_say(client: WebClient) -> None:
    assert refused(client, text="")["error"] == "no_text"


def test_invalid_metadata(client: WebClient) -> None:
    answer = refused(client, text="x", metadata={"event_type": "x"})
    assert answer["error"] == "invalid_metadata_format"
