"""Messages on their way to Slack: in order, later when Slack is down, and each of them once.

Everything that must arrive is put into the outbox of its thread first and sent from there. What
was sent is recorded by its step, so that a job that runs again sends nothing twice. When a worker
dies or Slack breaks off between sending and recording, nobody knows whether the message was
posted: then it is looked for by its metadata before it is sent again.

    outbox:<thread>           list of items as JSON, the next to send first
    outbox:<thread>:steps     set of all steps that were ever put in
    outbox:<thread>:posted    hash: step -> "<channel> <timestamp>"
    outbox:<thread>:sending   hash: step -> time when sending began
    outboxes:due              sorted set: thread by the time of its next attempt

https://docs.slack.dev/apis/web-api/rate-limits
https://docs.slack.dev/messaging/message-metadata
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.error import URLError

import structlog
from pydantic import BaseModel, ConfigDict
from redis import Redis
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from workers.slack import files
from workers.slack.blocks import Message
from workers.slack.refusals import BAD_BLOCKS, LATER, NO_ENTRY, refusal

PREFIX = "pipeline-access:"
DUE = f"{PREFIX}outboxes:due"
KEEP_SECONDS = 7 * 24 * 3600
LOCK_SECONDS = 20
PATIENCE_SECONDS = 5  # a shorter wait is waited out, a longer one is left to a later job
BACKOFF_SECONDS = (2, 5, 10, 20, 40, 60, 120, 300)
EVENT_TYPE = "pipeline_access_step"
ROOT = "root"

log = structlog.get_logger(__name__)


class Item(BaseModel):
    """One call to make. `thread` is a timestamp, "root" for the thread's own root, or nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    method: Literal["post", "update", "ephemeral", "file"]
    channel: str = ""
    user: str = ""  # of an ephemeral message
    thread: str = ""
    of: str = ""  # the step whose message an update replaces
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Posted:
    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of a delivery. `refused` is Slack's word when the channel lets nobody in."""

    complete: bool
    refused: str = ""


class _Later(Exception):
    def __init__(self, seconds: float | None = None) -> None:
        super().__init__("later")
        self.seconds = seconds


class _NoEntry(Exception):
    pass


# Puts items in whose step is new. KEYS[1] = outbox, KEYS[2] = steps, KEYS[3] = due
# ARGV[1] = thread, ARGV[2] = now, ARGV[3] = seconds to keep, ARGV[4..] = step, item, step, item, …
_ADD = """
local added = 0
for index = 4, #ARGV, 2 do
  if redis.call("SADD", KEYS[2], ARGV[index]) == 1 then
    redis.call("RPUSH", KEYS[1], ARGV[index + 1])
    added = added + 1
  end
end
redis.call("EXPIRE", KEYS[2], ARGV[3])
if added > 0 then
  redis.call("EXPIRE", KEYS[1], ARGV[3])
  redis.call("ZADD", KEYS[3], "NX", ARGV[2], ARGV[1])
end
return added
"""


class Outbox:
    """The outboxes of all threads. Raises redis.RedisError; never a Slack error."""

    def __init__(
        self,
        redis: Redis,
        posting: WebClient,
        client: WebClient,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._redis = redis
        self._posting = posting
        self._client = client
        self._sleep = sleep
        self._add = redis.register_script(_ADD)

    def add(self, thread: str, *items: Item) -> int:
        """Put items in, those whose step was put in before left out. How many were new."""
        pairs = [text for item in items for text in (item.step, item.model_dump_json())]
        keys = [_key(thread), _key(thread, "steps"), DUE]
        return int(self._add(keys=keys, args=[thread, time.time(), KEEP_SECONDS, *pairs]))

    def deliver(self, thread: str) -> Delivered:
        """Send what is waiting, in order. Not complete means: it is due again later."""
        lock = self._redis.lock(_key(thread, "lock"), timeout=LOCK_SECONDS, blocking_timeout=60)
        if not lock.acquire():
            self._postpone(thread, None)
            return Delivered(False)
        try:
            while (item := self._next(thread)) is not None:
                lock.reacquire()
                self._send(thread, item)
        except _Later as later:
            self._postpone(thread, later.seconds)
            return Delivered(False)
        except _NoEntry as word:
            self._drop(thread)
            return Delivered(True, str(word))
        finally:
            if lock.owned():
                lock.release()
        self._redis.zrem(DUE, thread)
        self._redis.delete(_key(thread, "attempts"))
        if self._next(thread) is not None:  # put in while the lock was being released
            self._redis.zadd(DUE, {thread: time.time()})
        return Delivered(True)

    def refresh(self, thread: str, of: str, message: Message) -> None:
        """Replace a posted message if that works right now: progress is worth no second try."""
        posted = self.posted(thread, of)
        if posted is None or self._next(thread) is not None:
            return
        try:
            self._posting.chat_update(channel=posted.channel, ts=posted.ts, **message.payload())
        except (SlackClientError, URLError, OSError) as error:
            log.info("progress not shown", thread=thread, error=_told(error))

    def posted(self, thread: str, step: str) -> Posted | None:
        found = cast("bytes | None", self._redis.hget(_key(thread, "posted"), step))
        if found is None:
            return None
        channel, ts = found.decode().split(" ")
        return Posted(channel, ts)

    def _next(self, thread: str) -> Item | None:
        head = cast("bytes | None", self._redis.lindex(_key(thread), 0))
        return None if head is None else Item.model_validate_json(head)

    def _send(self, thread: str, item: Item) -> None:
        match item.method:
            case "post":
                posted = self._post(thread, item)
            case "update":
                posted = None
                self._update(thread, item)
            case "ephemeral":
                posted = None
                self._ephemeral(thread, item)
            case "file":
                posted = None
                self._file(thread, item)
        with self._redis.pipeline() as pipeline:
            pipeline.lpop(_key(thread))
            pipeline.hdel(_key(thread, "sending"), item.step)
            if posted is not None:
                pipeline.hset(_key(thread, "posted"), item.step, f"{posted.channel} {posted.ts}")
                pipeline.expire(_key(thread, "posted"), KEEP_SECONDS)
            pipeline.execute()

    def _target(self, thread: str, item: Item) -> dict[str, Any] | None:
        """The conversation and the thread of an item; None when its root was never posted."""
        if item.thread != ROOT:
            return {"channel": item.channel, **({"thread_ts": item.thread} if item.thread else {})}
        root = self.posted(thread, ROOT)
        if root is None:
            log.error("no thread to reply to", thread=thread, step=item.step)
            return None
        return {"channel": root.channel, "thread_ts": root.ts}

    def _in_doubt(self, thread: str, item: Item) -> float | None:
        """Since when an item may have been sent, if a worker died over it; notes a new sending."""
        sending = _key(thread, "sending")
        since = cast("bytes | None", self._redis.hget(sending, item.step))
        if since is None:
            self._redis.hset(sending, item.step, str(time.time()))
            self._redis.expire(sending, KEEP_SECONDS)
        return None if since is None else float(since)

    def _post(self, thread: str, item: Item) -> Posted | None:
        target = self._target(thread, item)
        if target is None:
            return None
        since = self._in_doubt(thread, item)
        if since is not None and (found := self._look(thread, item, target, since)):
            return found
        metadata = {
            "event_type": EVENT_TYPE,
            "event_payload": {"thread": thread, "step": item.step},
        }
        answer = self._call(
            thread,
            item,
            lambda payload: self._posting.chat_postMessage(
                **target, **payload, metadata=metadata, unfurl_links=False, unfurl_media=False
            ),
        )
        return None if answer is None else Posted(str(answer["channel"]), str(answer["ts"]))

    def _update(self, thread: str, item: Item) -> None:
        posted = self.posted(thread, item.of)
        if posted is None:
            log.warning("no message to update", thread=thread, step=item.step)
            return
        self._call(
            thread,
            item,
            lambda payload: self._client.chat_update(
                channel=posted.channel, ts=posted.ts, **payload
            ),
        )

    def _ephemeral(self, thread: str, item: Item) -> None:
        """Where the bot is no member it cannot whisper: then it tells the person directly."""
        try:
            self._call(
                thread,
                item,
                lambda payload: self._posting.chat_postEphemeral(
                    channel=item.channel, user=item.user, thread_ts=item.thread or None, **payload
                ),
            )
        except _NoEntry:
            direct = item.model_copy(update={"method": "post", "channel": item.user, "thread": ""})
            self._post(thread, direct)

    def _file(self, thread: str, item: Item) -> None:
        """Share a file. It says nothing that is not in words too, so it is worth one try only."""
        target = self._target(thread, item)
        if target is None:
            return
        since, name = self._in_doubt(thread, item), str(item.payload["name"])
        if since is not None and self._look(thread, item, target, since):
            return
        files.share(
            self._client,
            target["channel"],
            target.get("thread_ts", ""),
            name,
            base64.b64decode(item.payload["content"]),
            title=str(item.payload["title"]),
            alt=str(item.payload["alt"]),
        )

    def _call(
        self, thread: str, item: Item, call: Callable[[dict[str, Any]], SlackResponse]
    ) -> SlackResponse | None:
        """Make the call; None when Slack will never take it (logged)."""
        payload = item.payload
        while True:
            try:
                return call(payload)
            except SlackApiError as error:
                word, seconds = refusal(error)
                if seconds is not None:
                    # Limited: certainly not posted.
                    self._redis.hdel(_key(thread, "sending"), item.step)
                    if seconds > PATIENCE_SECONDS:
                        raise _Later(seconds) from None
                    self._sleep(seconds)
                elif word in LATER:
                    log.warning("Slack is failing", thread=thread, step=item.step, error=word)
                    raise _Later from None
                elif word in NO_ENTRY and item.method != "update":
                    raise _NoEntry(word) from None
                elif word in BAD_BLOCKS and "blocks" in payload:
                    log.error("blocks refused", thread=thread, step=item.step, error=word)
                    payload = {"text": payload["text"]}
                else:
                    log.error("message refused", thread=thread, step=item.step, error=word)
                    return None
            except (SlackClientError, URLError, OSError) as error:
                log.warning("Slack is away", thread=thread, step=item.step, error=_told(error))
                raise _Later from None

    def _look(self, thread: str, item: Item, target: dict[str, Any], since: float) -> Posted | None:
        """The message of this step if it was posted after all."""
        oldest = f"{since - 60:.6f}"
        try:
            if "thread_ts" in target:
                answer = self._client.conversations_replies(
                    channel=target["channel"],
                    ts=target["thread_ts"],
                    oldest=oldest,
                    include_all_metadata=True,
                    limit=200,
                )
            else:
                answer = self._client.conversations_history(
                    channel=target["channel"], oldest=oldest, include_all_metadata=True, limit=200
                )
        except SlackApiError as error:
            word, seconds = refusal(error)
            if seconds is not None or word in LATER:
                raise _Later(seconds) from None
            # No scope to look (a direct message, say): a doubled message beats a lost one.
            log.info("cannot look for the message", thread=thread, step=item.step, error=word)
            return None
        except (SlackClientError, URLError, OSError):
            raise _Later from None
        for message in cast("Sequence[dict[str, Any]]", answer.get("messages") or ()):
            if _is_of(message, thread, item):
                return Posted(str(target["channel"]), str(message["ts"]))
        return None

    def _postpone(self, thread: str, seconds: float | None) -> None:
        attempts = int(self._redis.incr(_key(thread, "attempts")))
        self._redis.expire(_key(thread, "attempts"), KEEP_SECONDS)
        wait = BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1]
        self._redis.zadd(DUE, {thread: time.time() + (wait if seconds is None else seconds)})

    def _drop(self, thread: str) -> None:
        with self._redis.pipeline() as pipeline:
            pipeline.delete(_key(thread), _key(thread, "attempts"), _key(thread, "sending"))
            pipeline.zrem(DUE, thread)
            pipeline.execute()


def due(redis: Redis, now: float, again_in: float = 30) -> tuple[str, ...]:
    """The threads whose next attempt has come; each is handed out once per `again_in`."""
    found = cast("list[bytes]", redis.zrangebyscore(DUE, 0, now, start=0, num=100))
    threads = tuple(each.decode() for each in found)
    if threads:
        redis.zadd(DUE, dict.fromkeys(threads, now + again_in), xx=True)
    return threads


def post(step: str, channel: str, message: Message, thread: str = "") -> Item:
    return Item(step=step, method="post", channel=channel, thread=thread, payload=message.payload())


def reply(step: str, message: Message) -> Item:
    """A reply under the thread's root."""
    return Item(step=step, method="post", thread=ROOT, payload=message.payload())


def update(step: str, of: str, message: Message) -> Item:
    return Item(step=step, method="update", of=of, payload=message.payload())


def ephemeral(step: str, channel: str, user: str, message: Message, thread: str = "") -> Item:
    return Item(
        step=step,
        method="ephemeral",
        channel=channel,
        user=user,
        thread=thread,
        payload=message.payload(),
    )


def file(step: str, name: str, content: bytes, *, title: str, alt: str) -> Item:
    """A file under the thread's root: `alt` are its words for those who do not see it."""
    payload = {
        "name": name,
        "content": base64.b64encode(content).decode(),
        "title": title,
        "alt": alt,
    }
    return Item(step=step, method="file", thread=ROOT, payload=payload)


def _is_of(message: Mapping[str, Any], thread: str, item: Item) -> bool:
    """Whether a message is what an item posts: by its metadata, or by the file that it shares."""
    if item.method == "file":
        shared = message.get("files") or ()
        return any(each.get("name") == item.payload["name"] for each in shared)
    metadata = message.get("metadata") or {}
    wanted = {"thread": thread, "step": item.step}
    return metadata.get("event_type") == EVENT_TYPE and metadata.get("event_payload") == wanted


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _key(thread: str, part: str = "") -> str:
    return f"{PREFIX}outbox:{thread}{':' + part if part else ''}"
