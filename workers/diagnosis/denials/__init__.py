"""AWS's denial messages, read: from any text to who was refused what, by which layer.

`parse_denial` is the reader, `catalogue.toml` what it knows, `words` says it to people.
"""

from workers.diagnosis.denials.model import Denial, Effect, Layer
from workers.diagnosis.denials.parser import parse_denial

__all__ = ["Denial", "Effect", "Layer", "parse_denial"]
