"""Faults of a pipeline's configuration that no policy explains and no policy cures.

Pure, like `requirements`. Each family has a module; texts and severities are data (texts.toml).
"""

from __future__ import annotations

from workers.pipeline.catalogue import Catalogue
from workers.pipeline.faults import absences, accounts, actions, stores
from workers.pipeline.faults.fault import Fault, FaultText, load_fault_texts
from workers.pipeline.situation import Situations
from workers.snapshot.model import Snapshot, State

__all__ = ["Fault", "FaultText", "faults", "load_fault_texts"]

_FAMILIES = (stores.find, accounts.find, actions.find, absences.find)


def faults(snapshot: Snapshot, catalogue: Catalogue) -> tuple[Fault, ...]:
    """Every configuration fault that the snapshot proves, each once.

    Faults of the pipeline as a whole come first, then those of its actions in their order.
    """
    if snapshot.pipeline.state is not State.PRESENT:
        return ()
    situations = Situations(snapshot, catalogue)
    found: dict[tuple[str, ...], Fault] = {}
    for family in _FAMILIES:
        for each in family(snapshot, situations):
            identity = (each.code, each.principal, each.resource, each.stage, each.pipeline_action)
            found.setdefault(identity, each)
    order = {(s.action.stage, s.action.name): place for place, s in enumerate(situations, 1)}
    return tuple(
        sorted(found.values(), key=lambda each: order.get((each.stage, each.pipeline_action), 0))
    )
