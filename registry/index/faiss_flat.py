"""Nearest neighbours by cosine similarity over the centred vectors of one space."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.errors import MissingExtraError, SpaceMismatchError
from registry.index.contract import Neighbor
from registry.spaces.centring import centre_of
from registry.spaces.spec import Facet
from registry.spaces.vectors import unit


def load_faiss() -> ModuleType:
    """Import FAISS, or say which of its two wheels is missing or one too many."""
    builds = [name for name in ("faiss-cpu", "faiss-gpu") if _is_installed(name)]
    if len(builds) == 2:
        raise MissingExtraError(
            "faiss-cpu and faiss-gpu are both installed and overwrite each other: uninstall both, then", "cpu"
        )
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("The index needs FAISS ('cpu', or 'gpu' with CUDA)", "cpu") from error
    module: ModuleType = faiss
    return module


class VectorIndex:
    """An exact index of one space. A cache of the catalog: always rebuildable from it, never the only copy."""

    def __init__(self, index: Any, centre: NDArray[np.float32], facets: Sequence[Facet]) -> None:  # noqa: ANN401
        self.faiss_index = index
        self.centre = centre
        self._facets = tuple(facets)

    @classmethod
    def build(
        cls,
        ids: NDArray[np.int64],
        matrix: NDArray[np.float32],
        is_reference: NDArray[np.bool_],
        facets: Sequence[Facet],
    ) -> "VectorIndex":
        """Index the catalog's vectors: centred, each facet of unit length."""
        faiss = load_faiss()
        made = cls(faiss.IndexIDMap2(faiss.IndexFlatIP(matrix.shape[1])), centre_of(matrix, is_reference), facets)
        if len(ids):
            made.faiss_index.add_with_ids(made.centred(matrix), ids)
        return made

    def __len__(self) -> int:
        return int(self.faiss_index.ntotal)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids that are indexed, (n,)."""
        return np.array(load_faiss().vector_to_array(self.faiss_index.id_map), np.int64)

    def rows(self) -> NDArray[np.float32]:
        """Return the indexed vectors, (n, dimension), in the order of `ids`."""
        return np.array(self.faiss_index.index.reconstruct_n(0, len(self)), np.float32)

    def row(self, row_id: int) -> NDArray[np.float32]:
        """Return the indexed vector of an id, (dimension,)."""
        return np.array(self.faiss_index.reconstruct(row_id), np.float32)

    def centred(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors as they are compared: less the space's mean, each facet of unit length.

        Args:
            matrix: (n, dimension), as stored in the catalog.
        """
        if matrix.shape[1] != len(self.centre):
            raise SpaceMismatchError(
                f"A vector of {matrix.shape[1]} numbers does not belong to this space, which has {len(self.centre)}."
            )
        parts = np.split(matrix - self.centre, np.cumsum([facet.size for facet in self._facets])[:-1], axis=1)
        return np.ascontiguousarray(np.concatenate([unit(part) for part in parts], axis=1))

    def nearest(
        self,
        vector: NDArray[np.float32],
        *,
        limit: int,
        weights: dict[str, float],
        among: NDArray[np.int64],
    ) -> list[Neighbor]:
        """Return at most `limit` neighbours out of the ids in `among`, most similar first, ties by id.

        Args:
            vector: (dimension,), as stored in the catalog.
            weights: of the facets' cosines in the similarity; they add up to 1.
            among: (m,) the only ids that may be returned; the filter acts inside the search.
        """
        faiss = load_faiss()
        scale = np.repeat([weights[f.name] for f in self._facets], [f.size for f in self._facets])
        query = (self.centred(vector[None]) * scale).astype(np.float32)  # (1, dimension)
        most = min(len(self), len(among))  # FAISS pads with id -1 when asked for more, and refuses 0
        if limit < 1 or most == 0:
            return []
        chosen = faiss.SearchParameters(sel=faiss.IDSelectorBatch(among))
        spare = 16  # so that equals at the end of the list are told apart by id, not by chance
        similarities, found = self.faiss_index.search(query, min(most, limit + spare), params=chosen)
        pairs = zip(similarities[0], found[0], strict=True)
        neighbors = [Neighbor(int(i), float(s)) for s, i in pairs if i >= 0]
        return sorted(neighbors, key=lambda n: (-n.similarity, n.id))[:limit]


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
