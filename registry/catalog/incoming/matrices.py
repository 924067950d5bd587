"""Brings in the rows of a matrix that a program holds."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict

import numpy as np

from registry.catalog import Catalog
from registry.catalog.incoming.bringing import AT_ONCE, BringOptions, BroughtReport, bring_in
from registry.data.vectors import VectorFile
from registry.errors import InputError, first_line
from registry.kinds import EntryKind
from registry.names import checked_text, in_order, several


class VectorOptions(TypedDict, total=False):
    """What `add_vectors` may be told."""

    space: str | None
    kind: str | Sequence[str]
    tags: Sequence[str]
    replace: bool


def add_vectors(
    catalog: Catalog,
    names: Iterable[str],
    matrix: object,
    *,
    space: str | None = None,
    kind: str | Sequence[str] = EntryKind.TASK,
    tags: Sequence[str] = (),
    replace: bool = False,
) -> BroughtReport:
    """Bring vectors into a space, each for the task or model of its name, which is entered where it is not there.

    They are checked before the first is kept; then each thousand is kept together. They are kept at length 1.

    Args:
        matrix: (names, dimension), finite, no row zero.
        space: the space's name; None for the current one.
        kind: `task`, `model` or `prompted-model`; of all, or one for each name.
        tags: of entries that are new.
        replace: whether a vector takes the place of another that is there.

    Raises:
        InputError: a name or a vector cannot be taken: nothing is kept.
    """
    record = catalog.spaces.get(space)
    is_one = isinstance(names, str)
    names = [*in_order(names, "names")]
    try:
        rows = np.asarray(matrix)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of several lengths, tensors of no kind of numpy's
        raise InputError(f"The matrix is none of numpy's: {first_line(error)}") from error
    kinds = [kind] * len(names) if isinstance(kind, str) else [*in_order(kind, "kind")]
    if is_one or rows.ndim != 2 or not len(names) == len(kinds) == len(rows):
        raise InputError(f"Give a name and a kind for each row of a matrix: {len(names)} names, shape {rows.shape}.")
    if np.ma.is_masked(matrix) or not np.issubdtype(rows.dtype, np.number) or np.iscomplexobj(rows):
        raise InputError("The matrix has masked or complex numbers, or none: give real ones, all of them.")
    called = [str(checked_text(name)) for name in names]  # a text of numpy's is one too

    def batches() -> Iterator[VectorFile]:
        for start in range(0, len(names), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            yield VectorFile(record.fingerprint, tuple(called[some]), tuple(kinds[some]), rows[some])

    return bring_in(catalog, record, batches, BringOptions(several(tags, "tags"), replace))
