"""Alerts shown in threads: opened, counted, closed, as fast as the channel's rate allows."""

from __future__ import annotations

import hashlib
import time

import structlog
from redis import RedisError

from workers.diagnosis.report_json import from_json
from workers.freshness import outdate
from workers.incidents.alerts import Alert, Alerts
from workers.incidents.triage import alerts_of
from workers.incidents.watches import Watches
from workers.room import Room
from workers.slack import alerts as words
from workers.slack import delivery, findings
from workers.slack.delivery import ROOT, Item
from workers.telling import link

COUNT = "count"

log = structlog.get_logger(__name__)


def show_changed(room: Room) -> None:
    """Bring every thread up to date whose alert changed. Raises redis.RedisError."""
    alerts = alerts_of(room)
    for alert_id in alerts.changed(time.time()):
        alert = alerts.alert(alert_id)
        if alert is None or alert.shown == alert.state:
            alerts.drop(alert_id)
            continue
        try:
            _show(room, alerts, alert)
        except RedisError:
            raise
        except Exception:  # a fault of ours must not hold up all other alerts
            log.exception("alert not shown", alert=alert_id)
            alerts.later(alert_id)


def mark_requested(room: Room, inquiry_id: str, number: int) -> bool:
    """Let an alert's root line say how many fixes are asked for in its thread. False when the
    inquiry is not an alert's."""
    alerts = alerts_of(room)
    if alerts.alert(inquiry_id) is None:
        return False
    alerts.requested(inquiry_id, number)
    return True


def _show(room: Room, alerts: Alerts, alert: Alert) -> None:
    items = _items(room, alert)
    new = sum(1 for each in items if each.method == "post")
    if new and not alerts.may_say(alert.channel, new):
        log.info("said later", alert=alert.id, channel=alert.channel)
        alerts.later(alert.id)
        return
    room.outbox.add(alert.id, *items)
    alerts.shown(alert, counted=_several(alert))
    delivered = room.outbox.deliver(alert.id)
    outdate(room)
    if delivered.refused:
        _refused(room, alerts, alert, delivered.refused)
        return
    standing = room.inquiries.standing(alert.id)
    if standing is not None and not standing.permalink:
        link(room, standing.inquiry)


def _items(room: Room, alert: Alert) -> list[Item]:
    """What the thread lacks: messages that are not there yet, and those whose numbers moved."""
    texts = room.texts
    root = words.root(alert, room.settings, texts)
    mark = hashlib.sha256(alert.state.encode()).hexdigest()[:12]
    items: list[Item] = []
    if not alert.shown:
        items.append(delivery.post(ROOT, alert.channel, root))
        items.append(_finding(room, alert))
    else:
        items.append(delivery.update(f"{ROOT}:{mark}", ROOT, root))
    if _several(alert):
        counted = words.count(alert, texts)
        if not alert.counted:
            items.append(delivery.reply(COUNT, counted))
        else:
            items.append(delivery.update(f"{COUNT}:{mark}", COUNT, counted))
    if alert.healthy:
        items.append(delivery.reply(f"healthy:{mark}", words.recovered(alert, texts)))
    return items


def _several(alert: Alert) -> bool:
    """Whether there is anything to count."""
    return alert.counted or alert.failures > 1 or len(alert.members) > 1


def _finding(room: Room, alert: Alert) -> Item:
    """The finding under its own step, so that it says later that its fix was requested."""
    known = room.inquiries.report(alert.id)
    if known is not None and alert.finding:
        found = from_json(known).findings
        for position, each in enumerate(found, start=1):
            if each.id == alert.finding:
                message = findings.finding(each, position, len(found), alert.id, room.texts)
                return delivery.reply(findings.step_of(each), message)
    standing = room.inquiries.standing(alert.id)
    text = standing.inquiry.errors[0] if standing and standing.inquiry.errors else ""
    return delivery.reply("said", words.said(alert, text, room.texts))


def _refused(room: Room, alerts: Alerts, alert: Alert, why: str) -> None:
    """The channel lets nobody in: its watches rest, and who set them is told, once each."""
    alerts.refused(alert, why)
    by_person: dict[str, list[str]] = {}
    paused = Watches(room.redis).pause(alert.channel, why)
    for each in paused:
        by_person.setdefault(each.user, []).append(each.target.id)
    for user, targets in by_person.items():
        theirs = [each for each in paused if each.user == user and each.target.id in targets]
        message = words.paused(alert.channel, why, theirs, room.texts)
        thread = f"{alert.id}-paused-{user}"
        room.outbox.add(thread, delivery.post(ROOT, user, message))
        room.outbox.deliver(thread)
