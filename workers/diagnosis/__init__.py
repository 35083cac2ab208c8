"""From a snapshot to findings and fixes: pure functions, no AWS and no Slack.

`diagnose` is the whole of it; `model` holds the values that it answers with.
"""

from workers.diagnosis.diagnose import diagnose

__all__ = ["diagnose"]
