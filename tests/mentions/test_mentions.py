"""People paste what they have; the bot finds the pipeline in it, or says that there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.diagnosis.mentions import read_mention

EXECUTION = "12345678-1234-5678-abcd-12345678abcd"

# codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html: Action FAILED,
# the emitted event and the one that a notification rule makes of it.
EMITTED: dict[str, Any] = {
    "version": "0",
    "id": "01234567-EXAMPLE",
    "detail-type": "CodePipeline Action Execution State Change",
    "source": "aws.codepipeline",
    "account": "123456789012",
    "time": "2020-01-31T18:55:43Z",
    "region": "us-west-2",
    "resources": ["arn:aws:codepipeline:us-west-2:123456789012:myPipeline"],
    "detail": {
        "pipeline": "myPipeline",
        "execution-id": EXECUTION,
        "stage": "Deploy",
        "execution-result": {
            "external-execution-summary": "Deployment d-1 failed",
            "error-code": "JobFailed",
        },
        "action-execution-id": "47f821c5-a902-44b2-ae61-b878d31ecd21",
        "action": "DeployAction",
        "state": "FAILED",
        "region": "us-west-2",
        "type": {"owner": "AWS", "provider": "CodeDeploy", "category": "Deploy", "version": "1"},
        "version": 4.0,
    },
}
PROCESSED: dict[str, Any] = {
    "account": "123456789012",
    "detailType": "CodePipeline Pipeline Execution State Change",
    "region": "us-west-2",
    "source": "aws.codepipeline",
    "detail": {"pipeline": "myPipeline", "execution-id": EXECUTION, "state": "FAILED"},
    "resources": ["arn:aws:codepipeline:us-west-2:123456789012:myPipeline"],
    "additionalAttributes": {
        "failedActionCount": 1,
        "failedActions": [
            {
                "action": "DeployAction",
                "additionalInformation": "The provided role does not have sufficient permissions",
            }
        ],
        "failedStage": "Deploy",
    },
}
WRAPPED = {
    "as it is": json.dumps(EMITTED),
    "with indent": json.dumps(EMITTED, indent=2),
    "in a sentence": f"what is this? {json.dumps(EMITTED)} please",
    "escaped by Slack": json.dumps(EMITTED).replace("<", "&lt;").replace(">", "&gt;"),
    "in a code block": f"```\n{json.dumps(EMITTED)}\n```",
    "in an SNS message": json.dumps({"Type": "Notification", "Message": json.dumps(EMITTED)}),
    "in a Lambda event": json.dumps({"Records": [{"Sns": {"Message": json.dumps(EMITTED)}}]}),
    "in an SQS body": json.dumps({"body": json.dumps({"Message": json.dumps(EMITTED)})}),
    "by a notification rule": json.dumps(PROCESSED),
}


@pytest.mark.parametrize("form", WRAPPED)
def test_an_event_is_understood_however_it_comes(form: str) -> None:
    mention = read_mention(WRAPPED[form])
    assert mention.pipeline == "myPipeline"
    assert mention.account == "123456789012"
    assert mention.region == "us-west-2"
    assert mention.execution == EXECUTION
    assert mention.stage == "Deploy"
    assert mention.action == "DeployAction"
    assert mention.understood[0] == "pipeline myPipeline (from the event)"


def test_the_error_inside_an_event_is_an_error() -> None:
    mention = read_mention(json.dumps(PROCESSED))
    assert mention.errors == ("The provided role does not have sufficient permissions",)
    assert "an AWS error: The provided role" in mention.understood[-1]


@pytest.mark.parametrize(
    ("link", "pipeline", "account", "region", "execution"),
    [
        (
            "https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/"
            "payments-deploy/view?region=eu-west-1",
            "payments-deploy", "", "eu-west-1", "",
        ),
        (
            "https://console.aws.amazon.com/codesuite/codepipeline/pipelines/payments-deploy/"
            f"executions/{EXECUTION}/timeline?region=eu-west-1",
            "payments-deploy", "", "eu-west-1", EXECUTION,
        ),
        (
            "https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/"
            f"payments-deploy/executions/{EXECUTION}/visualization",
            "payments-deploy", "", "eu-west-1", EXECUTION,
        ),
        (
            "https://console.aws.amazon.com/codepipeline/home?region=us-east-1#/view/my.pipe",
            "my.pipe", "", "us-east-1", "",
        ),
        (
            "https://111111111111-4kqbmzxq.us-east-1.console.aws.amazon.com/codesuite/"
            "codepipeline/pipelines/pay/view?region=us-east-1",
            "pay", "111111111111", "us-east-1", "",
        ),
        (
            "https://cn-north-1.console.amazonaws.cn/codesuite/codepipeline/pipelines/pay/view",
            "pay", "", "cn-north-1", "",
        ),
        (
            "https://console.amazonaws-us-gov.com/codesuite/codepipeline/pipelines/pay/view"
            "?region=us-gov-west-1",
            "pay", "", "us-gov-west-1", "",
        ),
        (
            "https://d-9067.awsapps.com/start/#/console?account_id=111111111111&role_name=Dev&"
            "destination=https%3A%2F%2Fus-east-1.console.aws.amazon.com%2Fcodesuite%2F"
            "codepipeline%2Fpipelines%2Fpay%2Fview%3Fregion%3Dus-east-1",
            "pay", "111111111111", "us-east-1", "",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["{}", "<{}>", "<{}|open>", "see {}, it is red", "[x]({})"])
def test_console_links(
    link: str, pipeline: str, account: str, region: str, execution: str, form: str
) -> None:
    mention = read_mention(form.format(link.replace("&", "&amp;") if "<" in form else link))
    assert mention.pipeline == pipeline
    assert (mention.account, mention.region) == (account, region)
    assert mention.execution == execution
    assert mention.others == ()


@pytest.mark.parametrize(
    "link",
    [
        "https://example.org/codesuite/codepipeline/pipelines/pay/view",
        "https://console.aws.amazon.com.example.org/codesuite/codepipeline/pipelines/pay/view",
        "https://eu-west-1.console.aws.amazon.com/codesuite/codebuild/projects/pay/view",
        "https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/%3Cscript%3E/view",
        "https://[::1",
    ],
)
def test_links_to_elsewhere_name_no_pipeline(link: str) -> None:
    assert read_mention(link).pipeline == ""


def test_an_arn_with_stage_and_action() -> None:
    mention = read_mention(
        "AccessDeniedException User: arn:aws:sts::111111111111:assumed-role/Admin/user is not "
        "authorized to perform: codepipeline:PutApprovalResult on resource: "
        "arn:aws:codepipeline:us-east-1:111111111111:ml-deploy/Staging/Approve because no "
        "identity-based policy allows the codepipeline:PutApprovalResult action"
    )
    assert (mention.pipeline, mention.stage, mention.action) == ("ml-deploy", "Staging", "Approve")
    assert (mention.account, mention.region) == ("111111111111", "us-east-1")
    assert len(mention.errors) == 1


def test_an_arn_of_an_action_type_is_no_pipeline() -> None:
    mention = read_mention("arn:aws:codepipeline:us-east-1:111111111111:actiontype:AWS/Deploy/S3/1")
    assert mention.pipeline == ""


NOTIFICATIONS = [
    # Amazon Q Developer in chat applications (before: AWS Chatbot)
    "❗ AWS CodePipeline Notification | ap-northeast-1 | Account: 111111111111\n\n"
    "CodePipeline pipeline execution FAILED.\n\nPipeline\npayments\n\n[Get info]",
    ":exclamation: *AWS CodePipeline Notification | ap-northeast-1 | Account: 111111111111*\n"
    "CodePipeline pipeline execution *FAILED*.\n*Pipeline*\npayments\n*Failed Stage*\nDeploy",
    # An EventBridge input transformer
    "AWS CodePipeline Notification | ap-northeast-1 | 111111111111\n"
    "- *Pipeline*: payments\n- *Execution ID*: 12345678-1234-5678-abcd-12345678abcd",
]


@pytest.mark.parametrize("text", NOTIFICATIONS)
def test_notifications_as_text(text: str) -> None:
    mention = read_mention(text)
    assert mention.pipeline == "payments"
    assert (mention.account, mention.region) == ("111111111111", "ap-northeast-1")
    assert "(from the notification)" in mention.understood[0]


def test_labels_without_a_title_count_when_there_are_two() -> None:
    mention = read_mention("Pipeline: payments\nStage: Deploy\nStatus: FAILED")
    assert (mention.pipeline, mention.stage) == ("payments", "Deploy")


@pytest.mark.parametrize(
    ("text", "pipeline"),
    [
        ("<@U0BOT> why is payments-deploy denied", "payments-deploy"),
        ("<@U0BOT> why is payments denied?", "payments"),
        ("payments-deploy", "payments-deploy"),
        ("`payments-deploy`", "payments-deploy"),
        ("the pipeline payments-deploy is red since noon", "payments-deploy"),
        ("the payments-deploy pipeline keeps failing", "payments-deploy"),
        ("“payments” pipeline is broken", "payments"),
        ("pipeline named production failed", "production"),
        ("pipeline: payments", "payments"),
        ("please diagnose payments", "payments"),
        ("payments-deploy is failing again", "payments-deploy"),
        ("our pipeline `paymentsDeploy` again", "paymentsDeploy"),
        ("aws codepipeline get-pipeline-state --name payments --region eu-west-1", "payments"),
        ("deploys are failing since noon", ""),
        ("our pipeline failed again", ""),
        ("why is it failing", ""),
        ("why is production failing", ""),
        ("the pipeline is red, who knows why?", ""),
        ("pipeline execution FAILED", ""),
        ("good morning everyone", ""),
        ("thanks!", ""),
        ("", ""),
    ],
)
def test_sentences(text: str, pipeline: str) -> None:
    assert read_mention(text).pipeline == pipeline


def test_where_and_which_execution_in_a_sentence() -> None:
    mention = read_mention(
        f"why is payments denied in account 111111111111 in eu-west-1, execution {EXECUTION}?"
    )
    assert (mention.account, mention.region) == ("111111111111", "eu-west-1")
    assert mention.execution == EXECUTION


def test_the_stronger_source_wins_and_the_other_pipeline_is_told() -> None:
    mention = read_mention(
        "is this like the search-deploy pipeline? arn:aws:codepipeline:eu-west-1:111111111111:pay"
    )
    assert mention.pipeline == "pay"
    assert mention.others == ("search-deploy",)


def test_nothing_of_another_pipeline_is_mixed_in() -> None:
    mention = read_mention(
        "arn:aws:codepipeline:eu-west-1:111111111111:pay and "
        "arn:aws:codepipeline:us-east-1:222222222222:search/Deploy/Go"
    )
    assert (mention.account, mention.region) == ("111111111111", "eu-west-1")
    assert (mention.stage, mention.action) == ("", "")


def test_an_error_alone_is_worth_something() -> None:
    mention = read_mention("Access Denied")
    assert mention.errors == ("Access Denied",)
    assert not mention.empty
    assert read_mention("good morning").empty


@given(
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from([*WRAPPED.values(), *NOTIFICATIONS, "<", "|", "\n", "`", "https://"])
        ).map("".join),
        st.recursive(
            st.one_of(st.none(), st.integers(), st.text()),
            lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        ).map(json.dumps),
    )
)
@settings(deadline=None)
def test_any_text_is_read_without_an_error_and_always_the_same(text: str) -> None:
    mention = read_mention(text)
    assert mention == read_mention(text)
    assert mention.pipeline not in mention.others


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "seed",
    ["{", "[", '{"a":', "https://", "https://console.aws.amazon.com/codepipeline/", "pipeline ",
     "arn:aws:codepipeline:us-east-1:", "Pipeline\n", "aws codepipeline x --name a ", "'a' ",
     "why is a ", "<@", "`a", "a", "aws codepipeline ", '"{\\"a\\":'],
)  # fmt: skip
def test_the_time_is_linear_in_the_length(seed: str) -> None:
    """Reading that is quadratic in 100 kB takes minutes: the test's own limit would end it."""
    read_mention((seed * 100_001)[:100_000])
