"""What people type, and what is understood: nothing raises, and only commands are queued."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.grammar import (
    NAME,
    Diagnose,
    Help,
    History,
    ListPipelines,
    Parsed,
    Reason,
    Refusal,
    parse,
)

ACCOUNT, ROLE = "111111111111", "arn:aws:iam::111111111111:role/team/Developer"
CONSOLE = "https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("payments-deploy", Diagnose("payments-deploy")),
        ("  payments-deploy  ", Diagnose("payments-deploy")),
        ("`payments-deploy`", Diagnose("payments-deploy")),
        ("“payments-deploy”", Diagnose("payments-deploy")),
        ("why payments-deploy", Diagnose("payments-deploy")),
        ("diagnose list", Diagnose("list")),
        ("payments.deploy@v2_x", Diagnose("payments.deploy@v2_x")),
        ("payments-deploy in prod", Diagnose("payments-deploy", "prod")),
        ("payments-deploy in Prod", Diagnose("payments-deploy", "prod")),
        (f"payments-deploy in {ACCOUNT}", Diagnose("payments-deploy", ACCOUNT)),
        ("payments-deploy eu-west-1", Diagnose("payments-deploy", None, "eu-west-1")),
        ("payments-deploy in eu-west-1", Diagnose("payments-deploy", None, "eu-west-1")),
        ("payments-deploy in prod eu-west-1", Diagnose("payments-deploy", "prod", "eu-west-1")),
        (
            "payments-deploy us-gov-west-1 in gov",
            Diagnose("payments-deploy", "gov", "us-gov-west-1"),
        ),
        (f"payments-deploy as {ROLE}", Diagnose("payments-deploy", None, None, ROLE)),
        (f"payments-deploy in prod as {ROLE}", Diagnose("payments-deploy", "prod", None, ROLE)),
        (
            f"arn:aws:codepipeline:eu-west-1:{ACCOUNT}:payments-deploy",
            Diagnose("payments-deploy", ACCOUNT, "eu-west-1"),
        ),
        (
            f"arn:aws-cn:codepipeline:cn-north-1:{ACCOUNT}:p/Build/Compile",
            Diagnose("p", ACCOUNT, "cn-north-1"),
        ),
        (f"{CONSOLE}/payments-deploy/view", Diagnose("payments-deploy", None, "eu-west-1")),
        (
            f"<{CONSOLE}/payments-deploy/view?region=us-east-1&amp;x=1>",
            Diagnose("payments-deploy", None, "us-east-1"),
        ),
        (
            f"<{CONSOLE}/a/executions/1f/timeline|the pipeline>",
            Diagnose("a", None, "eu-west-1"),
        ),
        (
            f"https://{ACCOUNT}-abc123.eu-west-1.console.aws.amazon.com"
            "/codesuite/codepipeline/pipelines/a/view",
            Diagnose("a", ACCOUNT, "eu-west-1"),
        ),
        (
            f"https://d-90.awsapps.com/start/#/console?account_id={ACCOUNT}&destination="
            "https%3A%2F%2Feu-west-1.console.aws.amazon.com%2Fcodesuite%2Fcodepipeline"
            "%2Fpipelines%2Fa%2Fview",
            Diagnose("a", ACCOUNT, "eu-west-1"),
        ),
        ("list", ListPipelines()),
        ("list pay", ListPipelines("pay")),
        ("LIST pay in prod eu-west-1", ListPipelines("pay", "prod", "eu-west-1")),
        ("history payments-deploy", History("payments-deploy")),
        ("history payments-deploy in prod", History("payments-deploy", "prod")),
        ("history", Diagnose("history")),
        ("help", Help()),
        ("HELP", Help()),
    ],
)
def test_understood(text: str, meant: Parsed) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.EMPTY),
        ("   ", Reason.EMPTY),
        ("``", Reason.EMPTY),
        ("x" * 10_240, Reason.TOO_LONG),
        ("x" * 101, Reason.NAME),
        ("pay\x00ments", Reason.CONTROL),
        ("pay\x1b[31mments", Reason.CONTROL),
        ("pay\u202ements", Reason.CONTROL),
        ("<!channel>", Reason.MENTION),
        ("<!here> payments", Reason.MENTION),
        ("@channel", Reason.MENTION),
        ("<@U0123ABC>", Reason.MENTION),
        ("<@U0123ABC|dana>", Reason.MENTION),
        ("<#C0123|general>", Reason.MENTION),
        ("<https://example.com>", Reason.LINK),
        ("https://example.com/codesuite/codepipeline/pipelines/a/view", Reason.LINK),
        (
            "https://console.aws.amazon.com.evil.example/codesuite/codepipeline/pipelines/a/view",
            Reason.LINK,
        ),
        (f"{CONSOLE}/..%2F..%2Fx/view", Reason.LINK),
        ("https://console.aws.amazon.com/s3/buckets/x", Reason.LINK),
        ("http://[", Reason.LINK),
        ("javascript://x", Reason.LINK),
        ("/deploy payments", Reason.OTHER_COMMAND),
        ("../../etc/passwd", Reason.NAME),
        ("a/../b", Reason.NAME),
        ("..", Reason.NAME),
        ("payments;rm", Reason.NAME),
        ("결제-배포", Reason.NAME),
        ("arn:aws:s3:::artifacts", Reason.OTHER_SERVICE),
        (f"arn:aws:iam::{ACCOUNT}:role/x", Reason.OTHER_SERVICE),
        ("arn:aws:codepipeline", Reason.ARN),
        ("arn:aws:codepipeline:eu-west-1:123:p", Reason.ARN),
        ("payments-deploy in", Reason.ACCOUNT),
        ("payments-deploy in a/b", Reason.ACCOUNT),
        ("payments-deploy in prod in test", Reason.ACCOUNT),
        ("payments-deploy as", Reason.PRINCIPAL),
        ("payments-deploy as dana", Reason.PRINCIPAL),
        ("payments-deploy eu-west-1 us-east-1", Reason.CONFLICT),
        (f"arn:aws:codepipeline:eu-west-1:{ACCOUNT}:p us-east-1", Reason.CONFLICT),
        (f"arn:aws:codepipeline:eu-west-1:{ACCOUNT}:p in 222222222222", Reason.CONFLICT),
        ("deploy payments to prod", Reason.WORDS),
        ("payments-deploy please", Reason.WORDS),
        ("list a b", Reason.WORDS),
    ],
)
def test_refused_with_its_reason(text: str, reason: Reason) -> None:
    parsed = parse(text)
    assert isinstance(parsed, Refusal)
    assert parsed.reason is reason


def test_an_alias_beside_an_arn_is_left_to_the_settings() -> None:
    parsed = parse(f"arn:aws:codepipeline:eu-west-1:{ACCOUNT}:p in prod")
    assert parsed == Diagnose("p", ACCOUNT, "eu-west-1")


@given(st.text(max_size=2_000))
def test_any_text_is_understood_or_refused(text: str) -> None:
    parsed = parse(text)
    if isinstance(parsed, Diagnose):
        assert NAME.fullmatch(parsed.name)
    if isinstance(parsed, ListPipelines):
        assert parsed.text == "" or NAME.fullmatch(parsed.text)


@given(st.from_regex(NAME, fullmatch=True).filter(lambda name: set(name) - set(".@-_")))
def test_every_name_that_a_pipeline_may_have_is_understood(name: str) -> None:
    parsed = parse(f"diagnose {name}")
    mention = name.startswith("@") or "@here" in name or "@channel" in name or "@everyone" in name
    assert parsed == Diagnose(name) or mention
