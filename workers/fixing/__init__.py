"""From a requested fix to a cure: decide, apply, verify, roll back. See `workers.ledger.states`."""
