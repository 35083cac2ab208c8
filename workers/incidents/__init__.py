"""Incidents: failures that AWS tells of, what they have in common, and who is told where.

`events` reads AWS's events, `causes` finds what pipelines fail of in common, `timeline` puts it in
order: pure. `intake`, `watches` and `alerts` keep it in Redis; `jobs` are what the worker does.
"""
