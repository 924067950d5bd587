"""How alike all entries of a space are to one another, those that belong together side by side."""

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.catalog import Catalog, SpaceRecord
from registry.data.vectors import Similarities
from registry.errors import InputError
from registry.ranking.compare import similarities
from registry.views.charts.heat import heat
from registry.views.charts.order import Clustering, clustered
from registry.views.charts.page import ENDING as PAGE
from registry.views.charts.page import Page, built
from registry.views.charts.picture import Picture, checked_ending
from registry.views.points import DRAWN

if TYPE_CHECKING:
    import pandas

FEWEST = 2


class Heatmap:
    """The similarities of a space, in clusters. A notebook shows its page; `plot` draws it, `save` writes it."""

    def __init__(self, catalog: Catalog, space: SpaceRecord) -> None:
        self.space = space.name
        self.similarities: Similarities = similarities(catalog, space, most=DRAWN)
        names = self.similarities.vectors.names
        if len(names) < FEWEST:
            raise InputError(f"Space {space.name!r} has {len(names)} vectors; a heatmap needs two.")
        self.clustering: Clustering = clustered(self.similarities.matrix)
        whole = catalog.spaces.counts()[space.name]
        of = f"{len(names):,} entries" if whole == len(names) else f"a sample of {len(names):,} of {whole:,} entries"
        self.title = f"How alike are {of} in space {space.name} ({space.spec['method']})?"

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order in which they stand."""
        return tuple(self.similarities.vectors.names[place] for place in self.clustering.order)

    def plot(self) -> Picture:
        """Draw it with the tree of clusters; raise `MissingExtraError` without matplotlib."""
        return heat(self.title, self.similarities.vectors.names, self.similarities.matrix, self.clustering)

    def page(self) -> Page:
        """Return it as a page: read cell by cell, zoomed, searched, ordered by clusters or by name."""
        return built("heat", self.title, self._values())

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the similarities as a DataFrame in the order of the clusters."""
        return self.similarities.to_pandas().loc[list(self.names), list(self.names)]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as .png, .svg, .pdf or .html; raise `InputError` for another ending."""
        place = checked_ending(Path(path), (PAGE,))
        (self.page() if place.suffix.lower() == PAGE else self.plot()).save(place)

    def _values(self) -> dict[str, Any]:
        vectors, matrix = self.similarities
        cells = np.clip(np.rint(100 * matrix), -100, 100).astype(np.int8)
        return {
            "names": vectors.names,
            "kinds": vectors.kinds,
            "order": self.clustering.order.tolist(),
            "merges": [[int(one), int(other), round(far, 4)] for one, other, far in self.clustering.merges.tolist()],
            "cells": base64.b64encode(cells.tobytes()).decode(),
            "note": "The tree joins groups by their mean similarity.",
        }

    def _repr_html_(self) -> str:
        return self.page()._repr_html_()

    def __repr__(self) -> str:
        return f"<Heatmap of space {self.space}; plot(), page(), to_pandas(), save(PATH)>"


def heatmap(catalog: Catalog, *, space: str | None = None) -> Heatmap:
    """Return the similarities of a space, the current one if none is named; raise `InputError` where it has no two."""
    return Heatmap(catalog, catalog.spaces.get(space))
