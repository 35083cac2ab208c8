"""The access map: a picture of who may and may not reach what when the pipeline runs.

`draw` makes the SVG, `alt_text` the words for those who do not see it; `raster.png` makes the
picture that Slack can show.
"""

from workers.diagnosis.map.graph import access_map
from workers.diagnosis.map.svg import draw
from workers.diagnosis.map.words import alt_text

__all__ = ["access_map", "alt_text", "draw"]
