"""What a pasted text speaks of: which pipeline, where, which execution, which errors.

People paste console links, ARNs, events, notifications and error texts, or write a sentence.
The reading is deterministic and says what it understood from what, so that a wrong guess is seen.
"""

from workers.diagnosis.mentions.read import Mention, read_mention

__all__ = ["Mention", "read_mention"]
