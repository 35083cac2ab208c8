"""/pipeline-access: understand, answer at once, and put the job in. No call to Slack or AWS."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import structlog
from slack_bolt.context.respond import Respond

from bot.desk import Desk, Ticket
from bot.grammar import (
    Diagnose,
    Help,
    History,
    Investigate,
    ListPipelines,
    Reason,
    Refusal,
    Watch,
    Watching,
    parse,
)
from bot.wishes import Wish, wish
from workers.inquiry import Inquiry, Standing, State, new_id
from workers.queue import DIAGNOSE, HISTORY, LIST_PIPELINES
from workers.settings import Account
from workers.slack import answers, blocks, markup
from workers.slack.answers import COMMAND
from workers.slack.blocks import Message
from workers.slack.markup import Mrkdwn, code
from workers.slack.report import ASK_AGAIN

Json = dict[str, Any]
Ack = Callable[..., Any]

log = structlog.get_logger(__name__)


class Commands:
    """The listeners of the slash command, of its menus and of `Diagnose again`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def typed(self, ack: Ack, command: Json) -> None:
        """A command was typed. The answer is ephemeral and part of the acknowledgement."""
        answer = self.answer(command)
        ack(**answer.payload(), response_type="ephemeral")

    def chosen(self, ack: Ack, body: Json, action: Json, respond: Respond) -> None:
        """One of several pipelines was chosen from a menu or by its button."""
        ack()
        value = (action.get("selected_option") or action).get("value", "")
        answer = self._choose(body, str(action.get("block_id", "")), str(value))
        respond(**answer.payload(), replace_original=True)

    def again(self, ack: Ack, body: Json, action: Json, respond: Respond) -> None:
        """Diagnose anew what the message was about, in its thread."""
        ack()
        answer = self._again(body, str(action.get("value", "")))
        respond(**answer.payload(), replace_original=False, response_type="ephemeral")

    def answer(self, command: Mapping[str, Any]) -> Message:
        """What the person is told; whatever is to be done is in the queue by then."""
        parsed = parse(str(command.get("text") or ""))
        match parsed:
            case Refusal():
                return self._refuse(parsed)
            case Help():
                return self._help()
            case Diagnose() | ListPipelines() | History():
                return self._ask(parsed, command)
            case Watch() | Watching() | Investigate():
                return self._wish(wish(parsed, self._desk.settings), command)

    # --- asking ---------------------------------------------------------------------------------

    def _ask(
        self, parsed: Diagnose | ListPipelines | History, command: Mapping[str, Any]
    ) -> Message:
        desk, texts = self._desk, self._desk.texts
        account: Account | None = None
        if parsed.account is not None:
            account = desk.settings.account(parsed.account)
            if account is None:
                return self._unknown_account(parsed.account)
        elif not desk.settings.accounts:
            return blocks.message(texts("answer.no_accounts"))
        inquiry = Inquiry(
            id=new_id(),
            name=parsed.text if isinstance(parsed, ListPipelines) else parsed.name,
            account=account.id if account else None,
            region=parsed.region,
            caller=parsed.caller if isinstance(parsed, Diagnose) else None,
            user=str(command["user_id"]),
            team=str(command.get("team_id") or ""),
            channel=str(command["channel_id"]),
            visibility=_visibility(command),
            thread=_thread(command),
        )
        if (refusal := self._not_here(inquiry, account)) is not None:
            return refusal
        if isinstance(parsed, Diagnose):
            return self.diagnose(inquiry)
        if isinstance(parsed, History):
            self._desk.put(HISTORY, inquiry, inquiry.id)
            return blocks.message(self._desk.texts("history.asking", name=code(inquiry.name, 120)))
        return self._list(inquiry)

    def diagnose(self, inquiry: Inquiry) -> Message:
        """Queue an inquiry, or join the one that answers the same question already."""
        holder = self._desk.inquiries.reserve(inquiry)
        if holder != inquiry.id:
            standing = self._desk.inquiries.standing(holder)
            # Another channel's thread may be private, whatever the command said: only a worker
            # who asked Slack knows.
            if standing is not None and (
                standing.shared or standing.inquiry.channel == inquiry.channel
            ):
                return self._join(inquiry, standing)
        return self._queued(inquiry, self._desk.put(DIAGNOSE, inquiry, inquiry.id))

    def _queued(self, inquiry: Inquiry, ticket: Ticket) -> Message:
        texts = self._desk.texts
        log.info("queued", inquiry=inquiry.id, user=inquiry.user, place=ticket.place)
        if ticket.idle:
            place = texts("answer.no_worker")
        elif ticket.place <= 1:
            place = texts("answer.place_next")
        else:
            place = texts("answer.place", place=ticket.place)
        direct = inquiry.visibility == "direct"
        return blocks.message(
            texts(
                "answer.queued_direct" if direct else "answer.queued",
                name=code(inquiry.name, 120),
                where=self._desk.where(inquiry),
                place=place,
            )
        )

    def _join(self, inquiry: Inquiry, standing: Standing) -> Message:
        texts = self._desk.texts
        values: dict[str, object] = {
            "name": code(inquiry.name, 120),
            "user": markup.user(standing.inquiry.user),
            "ago": _ago(time.time() - standing.opened, self._desk),
        }
        if not standing.permalink:
            self._desk.inquiries.wait(standing.inquiry.id, inquiry.channel, inquiry.user)
            return blocks.message(texts("answer.joined_soon", **values))
        values["thread"] = markup.link(standing.permalink, texts.plain("answer.thread"))
        key = "answer.joined_done" if standing.state is State.ANSWERED else "answer.joined"
        text = texts(key, **values)
        again = blocks.button(texts.plain("button.again"), ASK_AGAIN, standing.inquiry.id)
        return blocks.message(text, blocks.section(text), blocks.actions(again))

    def _list(self, inquiry: Inquiry) -> Message:
        self._desk.put(LIST_PIPELINES, inquiry, inquiry.id)
        return blocks.message(self._desk.texts("answer.listing", where=self._desk.where(inquiry)))

    def _wish(self, wished: Wish | Refusal, command: Mapping[str, Any]) -> Message:
        """What is about this channel, or about many pipelines: nobody else's answer is joined."""
        if isinstance(wished, Refusal):
            if wished.reason is Reason.ACCOUNT:
                return self._unknown_account(wished.text)
            return self._refuse(wished)
        inquiry = Inquiry(
            id=new_id(),
            name=wished.name,
            account=wished.account,
            region=wished.region,
            user=str(command["user_id"]),
            team=str(command.get("team_id") or ""),
            channel=str(command["channel_id"]),
            visibility=_visibility(command),
            thread=_thread(command),
        )
        account = self._desk.settings.account(wished.account) if wished.account else None
        if (refusal := self._not_here(inquiry, account)) is not None:
            return refusal
        self._desk.inquiries.open(inquiry)
        ticket = self._desk.put(
            wished.job, inquiry, inquiry.id, *wished.arguments, timeout=wished.timeout
        )
        key = "answer.no_worker_yet" if ticket.idle else wished.answer
        return blocks.message(self._desk.texts(key))

    # --- choosing and asking again --------------------------------------------------------------

    def _choose(self, body: Mapping[str, Any], inquiry_id: str, value: str) -> Message:
        desk = self._desk
        standing = desk.inquiries.standing(inquiry_id)
        try:
            account, region, name = answers.choice(value)
        except ValueError:
            standing = None
            name = value
        if standing is None:
            return blocks.message(
                desk.texts("choose.gone", command=COMMAND, name=markup.escape(name, 120))
            )
        if body["user"]["id"] != standing.inquiry.user:
            return blocks.message(desk.texts("answer.only_asker"))
        if standing.state is not State.CHOOSING:
            return blocks.message(desk.texts("answer.busy"))
        chosen = standing.inquiry.model_copy(
            update={"id": new_id(), "name": name, "account": account, "region": region}
        )
        return self.diagnose(chosen)

    def _again(self, body: Mapping[str, Any], inquiry_id: str) -> Message:
        desk = self._desk
        standing = desk.inquiries.standing(inquiry_id)
        if standing is None:
            return blocks.message(desk.texts("choose.gone", command=COMMAND, name="…"))
        message = body.get("message") or {}
        thread = (
            message.get("thread_ts") if not body.get("container", {}).get("is_ephemeral") else None
        )
        again = standing.inquiry.model_copy(
            update={
                "id": new_id(),
                "user": body["user"]["id"],
                "channel": body["channel"]["id"],
                "thread": thread or standing.inquiry.thread,
            }
        )
        if thread is None:
            desk.inquiries.release(again)
        return self.diagnose(again)

    # --- refusing -------------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> Message:
        return blocks.message(
            self._desk.texts(
                f"refusal.{refusal.reason}",
                command=COMMAND,
                text=code(refusal.text, 80),
                name=code(refusal.name, 120),
                service=code(refusal.service, 40),
                length=refusal.length,
            )
        )

    def _not_here(self, inquiry: Inquiry, account: Account | None) -> Message | None:
        rules, texts = self._desk.settings.slack, self._desk.texts
        if inquiry.visibility == "direct" and not rules.allow_direct_messages:
            return blocks.message(texts("answer.denied_direct"))
        if inquiry.visibility == "private" and not rules.allow_private_channels:
            return blocks.message(texts("answer.denied_private"))
        if account and account.channels and inquiry.channel not in account.channels:
            channels = Mrkdwn(" ".join(markup.channel(each) for each in account.channels[:10]))
            return blocks.message(
                texts("answer.denied_channel", account=code(account.alias), channels=channels)
            )
        return None

    def _unknown_account(self, typed: str) -> Message:
        settings, texts = self._desk.settings, self._desk.texts
        aliases = [account.alias for account in settings.accounts]
        if not aliases:
            return blocks.message(texts("answer.no_accounts"))
        near = answers.nearest(typed, aliases)
        return blocks.message(
            texts(
                "answer.unknown_account",
                account=code(typed, 80),
                near=texts("answer.near", near=code(near)) if near else Mrkdwn(""),
                known=Mrkdwn(", ".join(code(alias) for alias in aliases[:20])),
            )
        )

    def _help(self) -> Message:
        texts = self._desk.texts
        accounts = Mrkdwn(", ".join(code(each.alias) for each in self._desk.settings.accounts[:20]))
        text = texts("help.text", command=COMMAND)
        notes = [texts("help.mention")]
        if accounts:
            notes.append(texts("help.accounts", accounts=accounts))
        return blocks.message(text, blocks.section(text), blocks.context(*notes))


def _thread(command: Mapping[str, Any]) -> str | None:
    """A command given by a mention has the thread that it stands in, or opens."""
    return str(command["thread_ts"]) if command.get("thread_ts") else None


def _visibility(command: Mapping[str, Any]) -> Literal["public", "private", "direct"]:
    """https://docs.slack.dev/interactivity/implementing-slash-commands#app_command_handling"""
    channel, name = str(command["channel_id"]), str(command.get("channel_name") or "")
    if channel.startswith("D") or name == "directmessage":
        return "direct"
    return "private" if channel.startswith("G") or name == "privategroup" else "public"


def _ago(seconds: float, desk: Desk) -> Mrkdwn:
    if seconds < 2:
        return desk.texts("answer.just_now")
    return desk.texts("answer.seconds_ago", seconds=int(seconds))
