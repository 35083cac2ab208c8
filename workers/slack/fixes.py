"""A requested fix in its thread: what, where, why, who may decide, and how it ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.models.blocks import ButtonElement, ConfirmObject

from workers.ledger.request import Entry, FixRequest
from workers.ledger.states import OPEN, STANDING, State
from workers.settings import People, Settings
from workers.slack import blocks, markup, modals
from workers.slack.blocks import Json, Message
from workers.slack.differences import SHOW_DIFFERENCE
from workers.slack.findings import Requested
from workers.slack.markup import Mrkdwn, code, dotted, escape, moment
from workers.slack.texts import Texts

APPROVE = "approve_fix"
REJECT = "reject_fix"
WITHDRAW = "withdraw_fix"
ROLL_BACK = "roll_back_fix"
RETRY_STAGE = "retry_stage"
SHOW_REQUESTED = "show_requested"

HISTORY = 12  # requests shown; `pipeline-access requests` has them all
DIFF_LINES, DIFF_CHARACTERS = 30, 2_200
MARKS = {
    State.REQUESTED: "requested",
    State.APPROVED: "approved",
    State.REJECTED: "rejected",
    State.WITHDRAWN: "rejected",
    State.EXPIRED: "expired",
    State.STALE: "stale",
    State.APPLYING: "working",
    State.APPLIED: "applied",
    State.FAILED: "failed",
    State.VERIFIED: "verified",
    State.NOT_CURED: "not_cured",
    State.ROLLING_BACK: "working",
    State.ROLLED_BACK: "rolled_back",
    State.DIVERGED: "diverged",
    State.INCOMPLETE: "incomplete",
}
# In these the reason is part of what is shown.
TOLD = frozenset({State.REJECTED, State.FAILED, State.STALE, State.DIVERGED, State.INCOMPLETE})


def posted(entry: Entry, settings: Settings, texts: Texts) -> Message:
    """The request as a reply in its thread; posted once, updated with every state."""
    request = entry.request
    mark = texts(f"mark.{MARKS[entry.state]}")
    heading = texts(
        f"request.heading.{entry.state}",
        mark=mark,
        user=markup.user(request.requester),
        access=escape(request.access, 700),
    )
    lines = [heading, *_documents(request, settings, texts), *_why(request, texts)]
    if entry.reason and entry.state in TOLD:
        lines.append(texts("request.because", reason=escape(entry.reason, 600)))
    shown: list[Json] = [blocks.section(Mrkdwn("\n".join(lines)))]
    diff, left = blocks.excerpt(
        "\n".join(each.diff for each in request.documents), DIFF_LINES, DIFF_CHARACTERS
    )
    shown.append(blocks.preformatted(diff))
    if left:
        button = texts.plain("button.change")
        shown.append(blocks.context(texts("finding.more_lines", number=left, button=button)))
    if entry.state is State.REQUESTED:
        shown.append(blocks.section(_deciders(entry, texts)))
    shown.append(blocks.context(_small_print(entry, texts)))
    if buttons := _buttons(entry, settings, texts):
        shown.append(blocks.actions(*buttons, block_id=f"{_block(request.id)}{entry.revision}"))
    return blocks.message(heading, shown)


def is_button_of(request_id: str, block_id: str) -> bool:
    """Whether a pressed button stands under the request that it names: nobody decides over what
    another message showed."""
    return block_id.startswith(_block(request_id))


def _block(request_id: str) -> str:
    return f"fix:{request_id}:"


def direct(entry: Entry, thread: Mrkdwn | None, settings: Settings, texts: Texts) -> Message:
    """The request as each approver has it in a direct message: the same, and where it came from."""
    message = posted(entry, settings, texts)
    if thread is None:
        return message
    name = code(entry.request.pipeline, 120)
    origin = blocks.context(texts("request.direct", name=name, thread=thread))
    return Message(message.text, (origin, *message.blocks))


def _buttons(entry: Entry, settings: Settings, texts: Texts) -> list[ButtonElement]:
    request = entry.request
    change = blocks.button(texts.plain("button.change"), SHOW_REQUESTED, request.id)
    if entry.state is State.REQUESTED:
        return [
            blocks.button(
                texts.plain("button.approve"),
                APPROVE,
                request.id,
                style="primary",
                confirm=_confirm("approve", request, settings, texts),
            ),
            blocks.button(texts.plain("button.reject"), REJECT, request.id),
            blocks.button(texts.plain("button.withdraw"), WITHDRAW, request.id),
            change,
        ]
    if entry.state in STANDING:
        back = blocks.button(
            texts.plain("button.roll_back"),
            ROLL_BACK,
            request.id,
            style="danger",
            confirm=_confirm("roll_back", request, settings, texts, danger=True),
        )
        retry = blocks.button(
            texts.plain("button.retry_stage"),
            RETRY_STAGE,
            request.id,
            style="primary",
            confirm=_confirm("retry_stage", request, settings, texts),
        )
        offered = entry.state is State.VERIFIED and request.stage
        return [*([retry] if offered else []), back, change]
    if entry.state is State.DIVERGED:
        return [
            blocks.button(texts.plain("button.difference"), SHOW_DIFFERENCE, request.id),
            change,
        ]
    return [change]


def _confirm(
    what: str, request: FixRequest, settings: Settings, texts: Texts, *, danger: bool = False
) -> ConfirmObject:
    """Repeats the account and the documents before anything is decided."""
    targets = Mrkdwn("\n".join(_documents(request, settings, texts)))
    return blocks.confirm(
        texts.plain(f"confirm.{what}"),
        texts(
            f"confirm.{what}_text",
            targets=targets,
            stage=code(request.stage, 100),
            name=code(request.pipeline, 100),
        ),
        texts.plain(f"button.{what}"),
        texts.plain("input.cancel"),
        danger=danger,
    )


def requested(entry: Entry) -> Requested:
    """What the finding's own message says of it."""
    settled = entry.state not in OPEN | STANDING
    return Requested(entry.request.requester, entry.state, settled)


def history(name: str, entries: Sequence[Entry], settings: Settings, texts: Texts) -> Message:
    """What was asked for, decided and done for one pipeline, newest first."""
    if not entries:
        return blocks.message(texts("history.nothing", name=code(name, 120)))
    heading = texts("history.heading", name=code(name, 120), number=len(entries))
    shown = [blocks.section(heading)]
    for entry in entries[:HISTORY]:
        request = entry.request
        line = texts(
            "history.line",
            mark=texts(f"mark.{MARKS[entry.state]}"),
            access=escape(request.access, 400),
            state=texts(f"request.state.{entry.state}"),
        )
        notes = [
            moment(request.requested_at),
            texts("progress.asked_by", user=markup.user(request.requester)),
            texts("request.id", id=code(request.id)),
        ]
        if entry.approvals:
            people = Mrkdwn(" ".join(markup.user(each) for each in entry.approvals))
            notes.insert(2, texts("request.approved_by", people=people))
        shown += [
            blocks.section(Mrkdwn("\n".join([line, *_documents(request, settings, texts)]))),
            blocks.context(dotted(notes)),
        ]
    return blocks.message(heading, shown)


def approvers(people: People) -> tuple[Mrkdwn, ...]:
    """Mentions of groups and users."""
    return (
        *(markup.group(each) for each in people.groups),
        *(markup.user(each) for each in people.users),
    )


def _documents(request: FixRequest, settings: Settings, texts: Texts) -> list[Mrkdwn]:
    return [
        texts("request.document", target=modals.document(each, settings, texts))
        for each in request.documents[:6]
    ]


def _why(request: FixRequest, texts: Texts) -> list[Mrkdwn]:
    lines = [texts("request.reason", reason=escape(request.reason, 900))]
    if request.ticket:
        lines.append(texts("request.ticket", ticket=escape(request.ticket, 300)))
    return lines


def _deciders(entry: Entry, texts: Texts) -> Mrkdwn:
    request = entry.request
    mentions: list[Mrkdwn] = []
    for each in request.entitled:
        mentions += approvers(People(groups=each.groups, users=each.users))
    named = tuple(dict.fromkeys(mentions))
    if not named:
        return texts("request.no_approvers", account=code(", ".join(request.accounts), 200))
    lines = [
        texts(
            "request.approvers",
            approvers=Mrkdwn(" ".join(named)),
            user=markup.user(request.requester),
        )
    ]
    if request.needed > 1:
        lines.append(texts("request.needed", number=request.needed, given=len(entry.approvals)))
    return Mrkdwn("\n".join(lines))


def _small_print(entry: Entry, texts: Texts) -> Mrkdwn:
    request = entry.request
    state = texts(f"request.state.{entry.state}")
    notes = [texts("request.id", id=code(request.id)), state]
    if entry.approvals:
        people = Mrkdwn(" ".join(markup.user(each) for each in entry.approvals))
        notes.append(texts("request.approved_by", people=people))
    if entry.state is State.REQUESTED:
        notes.append(texts("request.expires", when=moment(request.expires_at)))
    return Mrkdwn(" · ".join(notes))
