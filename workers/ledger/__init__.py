"""Requested fixes, decisions and the audit trail. See `store` for how each step happens once."""

from workers.ledger.request import Cured, Document, Entitled, Entry, FixRequest
from workers.ledger.states import Move, State
from workers.ledger.store import Busy, Ledger, Result, Stepped

__all__ = [
    "Busy",
    "Cured",
    "Document",
    "Entitled",
    "Entry",
    "FixRequest",
    "Ledger",
    "Move",
    "Result",
    "State",
    "Stepped",
]
