"""The space as a map: near entries stand near each other. A picture, a page to look around in, or points for others."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, SpaceRecord
from registry.errors import InputError, MissingExtraError
from registry.files.writing import written
from registry.ranking.compare import similarities
from registry.ranking.levels import as_told
from registry.results import Cell, Table
from registry.views.charts.page import ENDING as PAGE
from registry.views.charts.page import Page, built
from registry.views.charts.picture import ENDINGS as PICTURES
from registry.views.charts.picture import Picture
from registry.views.charts.plane import principal
from registry.views.charts.points import DISTANCES, LAYOUTS, PCA, TSNE, Points
from registry.views.charts.scatter import scatter
from registry.views.points import DRAWN, GROUPS, KIND, points_of

if TYPE_CHECKING:
    import pandas

POINTS = (".csv", ".parquet")
PROJECTOR = ".tsv"
ENDINGS = (*PICTURES, PAGE, *POINTS, PROJECTOR)
DIMENSIONS = 50  # of the points for the projector, at most
ON_A_PAGE = (DISTANCES, PCA, TSNE)  # the layouts that a page lets choose from


class MapOptions(TypedDict, total=False):
    """What `space_map` may be told."""

    space: str | None
    layout: str
    colour_by: str


class SpaceMap:
    """A map of a space. A notebook shows its page; `plot` draws it, `to_pandas` has its points, `save` writes it."""

    def __init__(self, catalog: Catalog, space: SpaceRecord, *, layout: str, colour_by: str) -> None:
        self._catalog: Catalog | None = catalog
        self._space = space
        self._layout = layout
        self._colour_by = colour_by
        self._points: dict[tuple[str, ...], Points] = {}

    def points(self, *more: str) -> Points:
        """Return the entries as points, in the map's layout, and in more of them."""
        layouts = tuple(dict.fromkeys((self._layout, *more)))
        if layouts not in self._points:
            self._points[layouts] = points_of(self._registry(), self._space, layouts)
        return self._points[layouts]

    def _registry(self) -> Catalog:
        if self._catalog is None:
            raise InputError("A copy of a map is without its registry, which this needs: ask for the map anew.")
        return self._catalog

    def __getstate__(self) -> dict[str, Any]:
        """Return what stands alone when it is pickled or copied: the points of its picture and of its page."""
        self.points()
        self.points(*ON_A_PAGE)
        return {**vars(self), "_catalog": None}

    def plot(self, *, colour_by: str | None = None) -> Picture:
        """Draw the map, each entry tied to the nearest that is alike; `MissingExtraError` without matplotlib."""
        return scatter(self.points(), colour_by=_checked_group(colour_by or self._colour_by))

    def page(self, *, assets: str | None = None, leads: Mapping[str, str] | None = None) -> Page:
        """Return the map as a page: to be moved, searched, filtered, coloured and laid out anew.

        Args:
            assets: the address at which a server has its style and script; None for a page that stands alone.
            leads: addresses on that server: `entry`, to which an entry's name is added, and `back`.
        """
        points = self.points(*ON_A_PAGE)
        values = _values(points, self._colour_by)
        return built("map", points.title, values | {"leads": dict(leads or {})}, assets=assets)

    def table(self) -> Table["_OnMap"]:
        """Return the points as a table: a row for each entry, with its place and its nearest."""
        points = self.points()
        return Table([_OnMap(points, number) for number in range(len(points.names))], title=points.title)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the points as a DataFrame with the columns name, kind, ..., x and y."""
        return self.table().to_pandas()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the map.

        .png, .svg and .pdf are pictures, .html is a page, .csv and .parquet are points with x and y, and .tsv are
        points for the TensorBoard projector: vectors, and beside them NAME-metadata.tsv.

        Raises:
            InputError: the ending is another, or there are fewer than three entries.
            MissingExtraError: what it takes is not installed.
        """
        place = Path(path)
        ending = place.suffix.lower()
        if ending in PICTURES:
            self.plot().save(place)
        elif ending == PAGE:
            self.page().save(place)
        elif ending in POINTS:
            self._save_points(place)
        elif ending == PROJECTOR:
            self._save_for_projector(place)
        else:
            raise InputError(f"{path}: a map is written as {', '.join(ENDINGS)}.")

    def _save_points(self, place: Path) -> None:
        names, rows = self.table().exact()
        with written(place) as draft:
            if place.suffix.lower() == ".csv":
                with draft.open("w", encoding="utf-8", newline="") as file:
                    csv.writer(file).writerows([names, *rows])
            else:
                _write_parquet(draft, names, rows)

    def _save_for_projector(self, place: Path) -> None:
        vectors, similarity = similarities(self._registry(), self._space, most=DRAWN)
        rows = principal(similarity, min(DIMENSIONS, len(vectors.names)))
        names, cells = Table([_OnMap(self.points(), number) for number in range(len(vectors.names))]).exact()
        kept = [place for place, name in enumerate(names) if name not in ("x", "y")]
        lines = [[names[i] for i in kept], *([_plain(own[i]) for i in kept] for own in cells)]
        with written(place) as draft:
            draft.write_text("".join("\t".join(f"{value:.6g}" for value in row) + "\n" for row in rows.tolist()))
        with written(place.with_name(f"{place.stem}-metadata{place.suffix}")) as draft:
            draft.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")

    def _repr_html_(self) -> str:
        return self.page()._repr_html_()

    def __repr__(self) -> str:
        return f"<SpaceMap of space {self._space.name}; plot(), page(), to_pandas(), save(PATH)>"


class _OnMap:
    """One entry as a row."""

    def __init__(self, points: Points, number: int) -> None:
        self._points, self._number = points, number

    def cells(self) -> dict[str, Cell]:
        points, number = self._points, self._number
        x, y = points.places[number].tolist()
        groups = {name: words[number] or None for name, words in points.groups.items()}
        nearest = points.names[int(points.nearest[number, 0])]
        likeness = float(points.likeness[number, 0])
        alike = as_told(int(points.alike[number, 0]))
        at: dict[str, Cell] = {"x": x, "y": y, "nearest": nearest, "similarity": likeness, "alike": alike}
        return {"name": points.names[number], **groups, **at}


def space_map(
    catalog: Catalog, *, space: str | None = None, layout: str = DISTANCES, colour_by: str = KIND
) -> SpaceMap:
    """Return a map of a space.

    Args:
        catalog: the catalog.
        space: its name; None for the current one.
        layout: `distances` keeps all distances as well as a plane can; `pca`; `tsne` and `umap` keep neighbours.
        colour_by: `kind`, `family`, `model` or `tag`.

    Raises:
        InputError: there is no such layout or group.
    """
    if layout not in LAYOUTS:
        raise InputError(f"No layout {layout!r}: there are {', '.join(LAYOUTS)}.")
    return SpaceMap(catalog, catalog.spaces.get(space), layout=layout, colour_by=_checked_group(colour_by))


def _checked_group(name: str) -> str:
    if name not in GROUPS:
        raise InputError(f"A map is not coloured by {name!r}, but by {', '.join(GROUPS)}.")
    return name


def _values(points: Points, colour_by: str) -> dict[str, Any]:
    """Return points as the JSON values that the page's script reads."""
    groups = {}
    for name, words in points.groups.items():
        if any(words):
            known = list(dict.fromkeys(words))
            groups[name] = {"words": known, "of": [known.index(word) for word in words]}
    return {
        "names": points.names,
        "shapes": points.shapes,
        "groups": groups,
        "colour": colour_by if colour_by in groups else KIND,
        "layouts": [
            {"name": name, "at": np.round(places, 4).ravel().tolist()} for name, places in points.positions.items()
        ],
        "nearest": points.nearest.tolist(),
        "likeness": np.round(points.likeness.astype(np.float64), 3).tolist(),
        "alike": points.alike.tolist(),
        "order": _sparse_first(points).tolist(),
        "note": points.note,
    }


def _sparse_first(points: Points) -> NDArray[np.int64]:
    """Return the points in the order in which they are named: those that stand apart first."""
    apart = np.hypot(*(points.places[:, None, :] - points.places[None, :, :]).transpose(2, 0, 1))
    near = np.sort(apart, axis=1)[:, min(3, len(apart) - 1)]
    return np.argsort(-near, kind="stable")


def _plain(value: Cell) -> str:
    return "" if value is None else " ".join(str(value).split())


def _write_parquet(target: Path, names: list[str], rows: list[list[Cell]]) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("A .parquet file needs pyarrow", "analysis") from error
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    parquet.write_table(pyarrow.table(columns), target)
