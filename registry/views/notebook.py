"""What a notebook shows of a registry as a whole, and the pictures that it draws."""

import os
from typing import TYPE_CHECKING, Unpack

from registry.catalog import Catalog
from registry.errors import together
from registry.markup import framed, pairs, sentences
from registry.results import Table
from registry.views.rows import SpaceRow, Status

if TYPE_CHECKING:
    from registry.views.heatmap import Heatmap
    from registry.views.space_map import MapOptions, SpaceMap

PLURALS = {"task": "tasks", "model": "models", "prompt": "prompts", "prompted-model": "prompted models"}


class Drawing:
    """What a registry can draw of its spaces."""

    catalog: Catalog

    def __repr__(self) -> str:
        return f"<Registry at {self.catalog.database.location}>"

    def map(self, **options: "Unpack[MapOptions]") -> "SpaceMap":
        """Return a space's entries in two dimensions, to look at or to `save`; see `registry.views.space_map`."""
        from registry.views.space_map import space_map

        return space_map(self.catalog, **options)

    def draw_map(self, path: str | os.PathLike[str], **options: "Unpack[MapOptions]") -> None:
        """Write the map as a picture, a page, or a table of points."""
        self.map(**options).save(path)

    def heatmap(self, *, space: str | None = None) -> "Heatmap":
        """Return how alike all of a space are, in clusters; see `registry.views.heatmap`."""
        from registry.views.heatmap import heatmap

        return heatmap(self.catalog, space=space)


def registry_html(status: Status, spaces: Table[SpaceRow]) -> str:
    """Return what a registry holds, as HTML: how many entries of each kind, its spaces, what went wrong."""
    entries = ", ".join(f"{count:,} {PLURALS.get(kind, 'corpora')}" for kind, count in status.entries.items() if count)
    told = {
        "entries": entries or "none yet",
        "packs": ", ".join(status.packs),
        "running": f"{status.jobs['running']:,} jobs" if status.jobs.get("running") else None,
        "failed": "; ".join(f"{names}: {why}" for names, why in together(status.failures)),
    }
    table = Table(list(spaces), title="spaces").drawn().html() if spaces else sentences(None, ["No space yet."])
    return framed(pairs(f"registry {status.location}", told), table)
