"""Merges the whole of another catalog into this one: all of it, or nothing."""

from collections.abc import Callable

from registry.catalog import Catalog
from registry.catalog.whole.entries import merge_entry
from registry.catalog.whole.measures import merge_predictions, merge_transfers
from registry.catalog.whole.merge import Merge, MergeReport
from registry.catalog.whole.pieces import Section, Whole
from registry.catalog.whole.spaces import log_vectors, merge_space, merge_vector


class _UndoneError(Exception):
    """Ends a transaction that was only tried."""


def merge_whole(catalog: Catalog, whole: Whole, *, is_wanted: Callable[[MergeReport], bool]) -> MergeReport:
    """Merge a catalog or a bundle, in one transaction.

    Args:
        is_wanted: told what would come of it, when all is done but the end; False leaves everything as it was, and so
            does any error that it raises.

    Raises:
        DataError: a piece is faulty, or of one that is missing.
    """
    report = MergeReport()
    try:
        with catalog.database.write() as session:
            merge = Merge(session, whole.content, report)
            for section, merge_one in (
                (Section.ENTRIES, merge_entry),
                (Section.SPACES, merge_space),
                (Section.VECTORS, merge_vector),
                (Section.PREDICTIONS, merge_predictions),
            ):
                for piece in whole.pieces(section):
                    merge_one(merge, piece)
            log_vectors(merge)
            merge_transfers(merge, whole.pieces(Section.TRANSFERS))
            if not is_wanted(report):
                raise _UndoneError
    except _UndoneError:
        pass
    return report
