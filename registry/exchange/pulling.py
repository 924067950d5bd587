"""Pulls what was pushed: a bundle from a stranger, checked as every bundle that is imported."""

from dataclasses import dataclass

from registry.catalog.whole.merge import MergeReport
from registry.errors import DataError, InputError
from registry.exchange.addresses import far_end_of
from registry.exchange.far_end import BUNDLE, with_bundle
from registry.registry import Registry


@dataclass(frozen=True)
class Pulled:
    """What came of a pull."""

    where: str
    revision: str | None  # the commit, of a repository
    report: MergeReport


def pull(registry: Registry, where: str, **options: bool) -> Pulled:
    """Merge what was pushed to a place with what is here, all of it or nothing.

    Args:
        where: a folder, or `hf://datasets/OWNER/NAME[@REVISION]`.
        options: those of `ImportOptions`.

    Raises:
        DataError: it is damaged, or holds what cannot be used.
        InputError: nothing was pushed there, something clashes, or a model would run code.
        StorageError: nobody answers, or this account may not read it.
    """
    far_end = far_end_of(where)
    seen = far_end.look()
    if seen is None:
        mend = ", or not for you: run 'hf auth login', or set HF_TOKEN" if far_end.is_elsewhere else ""
        raise InputError(f"{far_end} is not there{mend}.")
    if BUNDLE not in seen.files:
        raise InputError(f"{far_end} has no {BUNDLE}: nothing was pushed there, or not to its end.")
    try:
        report = with_bundle(far_end, seen, lambda path: registry.import_bundle(path, **options))
    except DataError as error:
        if not far_end.is_elsewhere:
            raise
        raise DataError(str(far_end), f"what was pushed there cannot be taken in ({error}).") from error
    return Pulled(str(far_end), seen.state if far_end.is_elsewhere else None, report)
