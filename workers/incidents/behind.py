"""The inquiry behind a message's buttons: a diagnosis that nobody asked for by command."""

from __future__ import annotations

from workers.diagnosis.model import Report
from workers.diagnosis.report_json import to_json
from workers.inquiry import Inquiry, State
from workers.room import Room


def keep(room: Room, inquiry: Inquiry, report: Report) -> None:
    """Keep the report under the inquiry's id, once, so that its buttons work as after a command."""
    inquiries = room.inquiries
    if inquiries.report(inquiry.id) is not None:
        return
    inquiries.open(inquiry)
    inquiries.save_report(inquiry.id, to_json(report))
    inquiries.close(inquiry, State.ANSWERED)
