"""The page, used in a real browser by the people of the workspace."""

from __future__ import annotations

import re
from typing import Any

import pytest
import urllib3
from playwright.sync_api import Browser, Page, expect
from slack_sdk import WebClient

from demo.workspace import Workspace
from tests.end_to_end.browser import WorkspacePage
from tests.workspace.bolt import Bot

# -- the main story


def test_from_the_command_to_the_request(workspace: Workspace, bot: Bot, page: Page) -> None:
    here = WorkspacePage(page, workspace.url)
    here.open_channel("payments-deploys")
    here.type("/pipeline-access payments-deploy")

    queued = here.message("Queued")
    expect(queued).to_contain_text("Only visible to you")
    thread = here.open_thread(here.message("Diagnosing payments-deploy"))
    expect(thread).to_contain_text("payments-deploy is blocked")

    thread.get_by_role("button", name="Retry stage").click()
    expect(page.locator("dialog.confirm")).to_contain_text("Retry the stage?")
    here.confirm(False)
    assert bot.received("block_actions") == []
    thread.get_by_role("button", name="Retry stage").click()
    here.confirm(True)
    expect(thread).to_contain_text("Retrying Deploy.")

    thread.get_by_role("button", name="Request a fix").click()
    expect(here.modal).to_contain_text("Adds s3:GetObject for deploy-role.")
    submit = here.modal.get_by_role("button", name="Request", exact=True)
    submit.click()
    expect(here.modal.get_by_role("alert")).to_contain_text(
        ["Please complete this required field."]
    )
    why = here.modal.get_by_label("Why is this needed?")
    expect(why).to_have_attribute("aria-invalid", "true")
    expect(why).to_be_focused()
    why.fill("I need it")
    submit.click()
    expect(here.modal).to_contain_text("Say because of what.")
    expect(why).to_have_value("I need it")
    why.fill("because prod is down")
    here.modal.get_by_label("This week").check()
    submit.click()
    expect(here.modal).to_have_count(0)
    values = bot.received("view_submission")[-1]["view"]["state"]["values"]
    assert values["why"]["text"]["value"] == "because prod is down"
    assert values["urgency"]["level"]["selected_option"]["value"] == "week"

    page.locator('.sidebar [data-channel="app"][data-unread="yes"]').click()
    page.locator('[data-tab="messages"]').click()
    expect(here.message("Requested")).to_contain_text("because prod is down")
    assert workspace.rejections == []


def test_only_the_right_person_sees_an_ephemeral_message(
    workspace: Workspace, client: WebClient, page: Page
) -> None:
    here = WorkspacePage(page, workspace.url, as_person="Dana Fischer")
    here.open_channel("platform")
    client.chat_postEphemeral(channel="C0PLATFORM", user="U0APPROVER", text="for Arjun")
    client.chat_postEphemeral(channel="C0PLATFORM", user="U0DEV", text="for Dana")
    expect(here.message("for Dana")).to_be_visible()
    expect(page.get_by_text("for Arjun")).to_have_count(0)
    here.act_as("Arjun Rao")
    expect(here.message("for Arjun")).to_be_visible()
    expect(page.get_by_text("for Dana")).to_have_count(0)
    here.message("for Arjun").get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("for Arjun")).to_have_count(0)
    assert workspace.ephemerals("U0APPROVER") == []


def test_app_home_is_asked_for_and_shown(workspace: Workspace, bot: Bot, page: Page) -> None:
    here = WorkspacePage(page, workspace.url, as_person="Sofia Marin")
    expect(here.open_home()).to_contain_text("Hello @Sofia Marin, nothing waits for you.")


def test_a_shortcut_from_the_menu_of_a_message(workspace: Workspace, bot: Bot, page: Page) -> None:
    workspace.message("U0DEV", "#platform", "AccessDenied on s3:GetObject")
    here = WorkspacePage(page, workspace.url)
    here.open_channel("platform")
    here.use_shortcut(here.message("AccessDenied"), "Why was this denied?")
    expect(here.message("Looking at")).to_contain_text("Only visible to you")


def test_messages_arrive_and_change_while_one_looks(
    workspace: Workspace, client: WebClient, page: Page
) -> None:
    here = WorkspacePage(page, workspace.url)
    here.open_channel("platform")
    posted = client.chat_postMessage(channel="C0PLATFORM", text="reading policies")
    expect(here.message("reading policies")).to_be_visible()
    client.chat_update(channel="C0PLATFORM", ts=str(posted["ts"]), text="2 of 40 denied")
    expect(here.message("2 of 40 denied")).to_contain_text("(edited)")
    client.chat_delete(channel="C0PLATFORM", ts=str(posted["ts"]))
    expect(page.get_by_text("2 of 40 denied")).to_have_count(0)
    workspace.message("U0APPROVER", "#payments-deploys", "elsewhere")
    expect(page.locator('[data-channel="payments-deploys"]')).to_have_attribute(
        "data-unread", "yes"
    )


def test_an_app_that_does_not_answer_is_told(workspace: Workspace, page: Page) -> None:
    workspace.connect("http://127.0.0.1:1")
    here = WorkspacePage(page, workspace.url)
    here.open_channel("platform")
    here.type("/pipeline-access x")
    expect(here.message("dispatch_failed")).to_contain_text("Only visible to you")


def test_slash_commands_do_not_work_in_threads(workspace: Workspace, bot: Bot, page: Page) -> None:
    root = workspace.message("U0DEV", "#platform", "root")
    here = WorkspacePage(page, f"{workspace.url}/#/C0PLATFORM/{root.ts}")
    here.type("/pipeline-access x", in_thread=True)
    expect(here.thread).to_contain_text("/pipeline-access is not supported in threads. Sorry!")
    assert bot.received("/pipeline-access") == []
    here.type("@pipeline-access why?", in_thread=True)
    expect(here.thread).to_contain_text("Which pipeline?")


def test_a_permalink_opens_the_thread(workspace: Workspace, client: WebClient, page: Page) -> None:
    root = client.chat_postMessage(channel="C0PLATFORM", text="the root")
    client.chat_postMessage(channel="C0PLATFORM", thread_ts=str(root["ts"]), text="the reply")
    reply = workspace.thread("#platform", str(root["ts"]))[1]
    here = WorkspacePage(page, workspace.permalink(reply))
    expect(here.thread).to_contain_text("the reply")


def test_a_guest_sees_only_what_is_shared(workspace: Workspace, page: Page) -> None:
    WorkspacePage(page, workspace.url, as_person="Gil Ortega")
    expect(page.locator(".sidebar [data-channel]")).to_have_count(2)
    expect(page.locator('.sidebar [data-channel="partner"]')).to_be_visible()


# -- by keyboard


def test_all_of_it_works_by_keyboard(workspace: Workspace, bot: Bot, page: Page) -> None:
    here = WorkspacePage(page, workspace.url)
    here.open_channel("platform")
    page.keyboard.type("/pip")
    expect(page.get_by_role("option", name="/pipeline-access")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type("payments-deploy")
    page.keyboard.press("Enter")
    link = here.message("Diagnosing").locator(".thread-link")
    link.focus()
    page.keyboard.press("Enter")
    button = here.thread.get_by_role("button", name="Request a fix")
    button.focus()
    page.keyboard.press("Enter")
    expect(here.modal.get_by_label("Why is this needed?")).to_be_focused()
    page.keyboard.press("Escape")
    expect(here.modal).to_have_count(0)
    assert len(bot.received("view_closed")) == 1
    page.keyboard.press("Escape")
    expect(here.thread).to_be_hidden()


def test_the_acting_person_is_chosen_by_keyboard(workspace: Workspace, page: Page) -> None:
    WorkspacePage(page, workspace.url)
    page.locator(".actor").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".actor")).to_contain_text("Arjun Rao")
    expect(page.locator(".actor")).to_have_attribute("aria-label", re.compile("^Acting as Arjun"))


# -- text is data

HOSTILE = [
    "<script>window.hurt = 1</script>",
    "<img src=x onerror='window.hurt = 1'>",
    '"><svg/onload=window.hurt=1>',
    "{{constructor.constructor('window.hurt=1')()}}",
    "javascript:window.hurt=1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(
    workspace: Workspace, client: WebClient, page: Page, text: str
) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = {"type": "plain_text", "text": text[:75]}
    block_list: list[dict[str, Any]] = [
        {"type": "header", "text": plain},
        {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": f"`{text}` *{text}*"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": f"```{text}```"}]},
        {"type": "markdown", "text": f"**x** {text}\n\n[link]({text})"},
        {"type": "table", "rows": [[{"type": "raw_text", "text": text}]]},
        {
            "type": "actions",
            "elements": [{"type": "button", "text": plain, "url": "javascript:window.hurt=1"}],
        },
    ]
    client.chat_postMessage(channel="C0PLATFORM", text=escaped, blocks=block_list)
    client.chat_postMessage(channel="C0PLATFORM", text=f"<{text}|label> <@U0DEV|{text}> {text}")
    workspace.message("U0DEV", "#platform", text)
    here = WorkspacePage(page, workspace.url)
    here.open_channel("platform")
    expect(page.locator(".main h3")).to_have_text(text[:75])
    expect(page.locator(".main th")).to_have_text(text)
    expect(page.locator(".main .message", has_text=text)).not_to_have_count(0)
    assert page.evaluate("window.hurt") is None
    assert (
        page.locator(".messages script, .messages img[src='x'], .messages svg[onload]").count() == 0
    )
    assert page.locator("a[href^='javascript:']").count() == 0


MARKUP = [
    (
        "*bold* _italic_ ~gone~ `code`",
        "<strong>bold</strong> <em>italic</em> <s>gone</s> <code>code</code>",
    ),
    ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
    ("*bold _and italic_*", "<strong>bold <em>and italic</em></strong>"),
    ("`*not bold*`", "<code>*not bold*</code>"),
    ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
    ("> quoted\nafter", "<blockquote>quoted</blockquote>after"),
    ("&gt; one\n&gt; two", "<blockquote>one<br>two</blockquote>"),
    ("```\n{\n  *x*\n}\n```", '<pre tabindex="0">{\n  *x*\n}</pre>'),
    ("`unclosed", "`unclosed"),
    ("* not bold*", "* not bold*"),
    ("<!unknown>", "&lt;!unknown&gt;"),
    ("a < b > c", "a &lt; b &gt; c"),
]


@pytest.mark.parametrize(("text", "html"), MARKUP, ids=[case[0][:24] for case in MARKUP])
def test_mrkdwn(workspace: Workspace, client: WebClient, page: Page, text: str, html: str) -> None:
    client.chat_postMessage(channel="C0PLATFORM", text=text)
    here = WorkspacePage(page, workspace.url)
    here.open_channel("platform")
    assert page.locator(".message .plain").inner_html() == html


def test_tokens(workspace: Workspace, client: WebClient, page: Page) -> None:
    client.chat_postMessage(
        channel="C0PLATFORM",
        text="<@U0APPROVER> <#C0PAYMENTS> <!subteam^S0CLOUD> <!here> :no_entry: "
        "<https://docs.slack.dev/?a=1&amp;b=2|the page> "
        "<!date^1392734382^{date_num} {time_secs}^https://example.com/|18 February>",
    )
    here = WorkspacePage(page, workspace.url)
    here.open_channel("platform")
    said = page.locator(".message .plain")
    expect(said).to_have_text(
        "@Arjun Rao #payments-deploys @cloud-platform @here ⛔ the page 2014-02-18 3:39:42 PM"
    )
    expect(said.get_by_role("link", name="the page")).to_have_attribute(
        "href", "https://docs.slack.dev/?a=1&b=2"
    )
    expect(said.get_by_role("img", name="no entry")).to_be_visible()


def test_blocks_are_drawn(workspace: Workspace, client: WebClient, page: Page) -> None:
    cell = {"type": "raw_text", "text": "kms:Decrypt"}
    bold = {"type": "text", "text": "denied", "style": {"bold": True}}
    code = {"type": "text", "text": '{"Effect": "Deny"}'}
    section = {"type": "rich_text_section", "elements": [bold]}
    client.chat_postMessage(
        channel="C0PLATFORM",
        text="x",
        blocks=[
            {
                "type": "table",
                "column_settings": [{"align": "left"}, {"align": "right"}],
                "rows": [[cell, cell], [cell, {"type": "rich_text", "elements": [section]}]],
            },
            {
                "type": "rich_text",
                "elements": [
                    {"type": "rich_text_list", "style": "ordered", "elements": [section, section]},
                    {"type": "rich_text_preformatted", "elements": [code]},
                    {"type": "rich_text_quote", "elements": [bold]},
                ],
            },
            {
                "type": "markdown",
                "text": "## Cure\n1. **Add** `s3:GetObject`\n\n| a | b |\n|-|-|\n| 1 | 2 |",
            },
        ],
    )
    here = WorkspacePage(page, workspace.url)
    here.open_channel("platform")
    table = page.locator(".block-table")
    expect(table.get_by_role("columnheader")).to_have_count(2)
    expect(table.locator("td").nth(1)).to_have_class(re.compile("align-right"))
    expect(table.locator("td strong")).to_have_text("denied")
    rich = page.locator(".block-rich_text")
    expect(rich.locator("ol li")).to_have_count(2)
    expect(rich.locator("pre")).to_have_text('{"Effect": "Deny"}')
    expect(rich.locator("blockquote strong")).to_have_text("denied")
    markdown = page.locator(".block-markdown")
    expect(markdown.get_by_role("heading", name="Cure")).to_be_visible()
    expect(markdown.locator("li code")).to_have_text("s3:GetObject")
    expect(markdown.locator("td")).to_have_text(["1", "2"])


def test_a_choice_in_a_menu_is_told(
    workspace: Workspace, bot: Bot, client: WebClient, page: Page
) -> None:
    def offered(name: str) -> dict[str, object]:
        return {"text": {"type": "plain_text", "text": name}, "value": name}

    menu = {
        "type": "static_select",
        "action_id": "account",
        "options": [offered("a"), offered("b")],
    }
    people = {"type": "users_select", "action_id": "who"}
    more = {"type": "overflow", "action_id": "more", "options": [offered("Show"), offered("Hide")]}
    client.chat_postMessage(
        channel="C0PLATFORM",
        text="x",
        blocks=[{"type": "actions", "block_id": "b", "elements": [menu, people, more]}],
    )
    for name in ("account", "who", "more"):
        bot.app.action(name)(lambda ack: ack())
    here = WorkspacePage(page, workspace.url)
    here.open_channel("platform")
    page.locator('[data-action="account"]').select_option("b")
    workspace.wait_for(lambda: len(bot.received("block_actions")) == 1, 5)
    page.locator('[data-action="who"]').select_option("Sofia Marin")
    workspace.wait_for(lambda: len(bot.received("block_actions")) == 2, 5)
    page.locator('[data-action="more"]').click()
    page.get_by_role("menuitem", name="Hide").click()
    workspace.wait_for(lambda: len(bot.received("block_actions")) == 3, 5)
    account, who, hidden = (body["actions"][0] for body in bot.received("block_actions"))
    assert account["selected_option"]["value"] == "b"
    assert who["selected_user"] == "U0AUDITOR"
    assert hidden["selected_option"]["value"] == "Hide"
    state = bot.received("block_actions")[-1]["state"]["values"]["b"]
    assert state["account"]["selected_option"]["value"] == "b"


# -- wherever it is looked at


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_window(
    workspace: Workspace, bot: Bot, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 760})
    workspace.command("U0DEV", "#payments-deploys", "/pipeline-access", "p" * 120)
    root = workspace.wait_for(lambda: workspace.history("#payments-deploys"), 5)[0]
    workspace.wait_for(lambda: len(workspace.thread("#payments-deploys", root.ts)) == 2, 5)
    here = WorkspacePage(page, f"{workspace.url}/#/C0PAYMENTS/{root.ts}")
    expect(here.thread.get_by_role("button", name="Request a fix")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.get_by_text("Local workspace, simulated Slack")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(
    workspace: Workspace, client: WebClient, browser: Browser, scheme: str
) -> None:
    """Contrast of at least 4.5:1, https://www.w3.org/TR/WCAG22/#contrast-minimum."""
    client.chat_postMessage(
        channel="C0PAYMENTS",
        text="x",
        blocks=[
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": "text `code` <@U0DEV> <@U0APPROVER>"},
            },
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "small"}]},
            {
                "type": "actions",
                "elements": [
                    {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "style": style}
                    for style in ("primary", "danger")
                ],
            },
        ],
    )
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    here = WorkspacePage(page, workspace.url, as_person="Dana Fischer")
    here.open_channel("payments-deploys")
    page.locator(".block-context").wait_for()
    weak = page.evaluate(CONTRAST)
    context.close()
    assert weak == []


CONTRAST = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const c = parse(getComputedStyle(at).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const node of document.querySelectorAll('#root *')) {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const style = getComputedStyle(node);
    const skipped = node.closest('.tools, .avatar, .emoji') || style.opacity !== '1';
    if (!own || !node.offsetParent || skipped) continue;
    const [a, b] = [light(parse(style.color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const words = node.textContent.slice(0, 30);
    if (ratio < 4.5) weak.push(`${node.className} ${words} ${ratio.toFixed(2)}`);
  }
  return weak;
}"""


# -- who may talk to the page


def test_another_site_cannot_act(workspace: Workspace) -> None:
    http = urllib3.PoolManager(retries=False)
    body = {"user": "U0DEV", "channel": "C0PLATFORM", "text": "forged"}
    url = f"{workspace.url}/act/message"
    foreign = http.request("POST", url, json=body, headers={"Origin": "https://evil.example"})
    rebound = http.request("POST", url, json=body, headers={"Host": "evil.example"})
    plain = http.request("POST", url, body=b"user=U0DEV", headers={"Content-Type": "text/plain"})
    assert (foreign.status, rebound.status, plain.status) == (403, 403, 415)
    assert workspace.history("#platform") == []
