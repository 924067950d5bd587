"""Merges what was measured: the answers of black boxes, and transfers."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from registry.catalog.predictions import CONTENT_FREE, FIRST_READING, READINGS, columns_of
from registry.catalog.tables import PredictionChunk, Transfer
from registry.catalog.transfers import MeasuredBefore, Spelling, key_of
from registry.catalog.whole.fields import Fields
from registry.catalog.whole.merge import Merge
from registry.catalog.whole.pieces import Piece, Section
from registry.data.predictions import Missing, Predictions, check_predictions
from registry.data.transfers import TransferRecord, check_unit, checked_transfer
from registry.errors import InputError
from registry.kinds import ANSWERING, EntryKind


def merge_predictions(merge: Merge, piece: Piece) -> None:
    """Merge what a version answered on a run of a corpus; rows that are known otherwise clash.

    What a task reads of the texts, see `embedders.black_boxes.witnesses`, is made of what is here, so ours stays.
    """
    fields = Fields.of(piece)
    entry, corpus = fields.version("entry"), fields.version("corpus")
    if merge.leaves_out(Section.PREDICTIONS, entry[0], corpus[0]):
        return
    place = {
        "version_id": merge.version_id(fields, entry, *ANSWERING, EntryKind.TASK),
        "corpus_version_id": merge.version_id(fields, corpus, EntryKind.CORPUS),
    }
    is_reading = merge.kinds[entry[0]] is EntryKind.TASK
    start, least = fields.one("start", int), FIRST_READING - READINGS if is_reading else CONTENT_FREE
    if not least <= start < 2**31:
        raise fields.fault("start is not a row of a corpus.")
    values = columns_of(_predictions(fields, piece))
    columns = (PredictionChunk.start, PredictionChunk.count, PredictionChunk.answers, PredictionChunk.sha256)
    for known, count, answers, sha256 in merge.session.execute(select(*columns).filter_by(**place)):
        is_same = (known, count, answers, sha256) == (start, values["count"], values["answers"], values["sha256"])
        if is_same or (is_reading and known == start):
            merge.report.known[Section.PREDICTIONS] += 1
            return
        if not is_reading and _overlap(known, count, start, values["count"]):
            told = f"answers of '{entry[0]}:{entry[1]}' on {corpus[0]!r} from row {start} are others here"
            merge.clash(Section.PREDICTIONS, told)
            return
    merge.session.add(PredictionChunk(**place, start=start, **values))
    merge.session.flush()
    merge.report.added[Section.PREDICTIONS] += 1


def merge_transfers(merge: Merge, pieces: Iterable[Piece]) -> None:
    """Merge measured transfers; other scores of the same run clash, and so do percents beside fractions."""
    coming = [_transfer(Fields.of(piece)) for piece in pieces]
    names, held = Spelling.of(merge.session, coming), MeasuredBefore(merge.session)
    for one in coming:
        if merge.leaves_out(Section.TRANSFERS, one.target, one.source):
            continue
        record = names.spelled(one)
        like = held.like(record)
        row = like.get(key_of(record))
        if row is not None and (row.score_mean, row.score_std, row.seeds) == _scores_of(record):
            merge.report.known[Section.TRANSFERS] += 1
            continue
        clash = _clash(record, [other.score_mean for other in like.values()], is_known=row is not None)
        if clash is not None:
            merge.clash(Section.TRANSFERS, clash)
            continue
        like[key_of(record)] = row = Transfer(**vars(record))
        merge.session.add(row)
        merge.report.added[Section.TRANSFERS] += 1
    merge.session.flush()


def _scores_of(record: TransferRecord) -> tuple[float, float | None, int | None]:
    return record.score_mean, record.score_std, record.seeds


def _clash(record: TransferRecord, others: list[float], *, is_known: bool) -> str | None:
    if is_known:
        run = f" (run {record.run})" if record.run else ""
        setting = f"{record.model}/{record.adaptation}"
        return f"the transfer from {record.source!r} to {record.target!r} in {setting}{run} has other scores here"
    try:
        check_unit(record, others)
    except InputError as error:
        return str(error).rstrip(".")
    return None


def _transfer(fields: Fields) -> TransferRecord:
    names = {name: fields.one(name, str) for name in ("model", "adaptation", "target", "source", "run")}
    record = TransferRecord(
        **names,
        score_mean=fields.one("score_mean", float),
        score_std=fields.one_or_none("score_std", float),
        seeds=fields.one_or_none("seeds", int),
        recorded_at=None if fields.document.get("recorded_at") is None else fields.time("recorded_at"),
    )
    try:
        return checked_transfer(record)
    except InputError as error:
        raise fields.fault(str(error)) from error


def _overlap(known: int, count: int, start: int, more: int) -> bool:
    """Say whether two runs of rows share one; the inputs that say nothing are a run by themselves."""
    if CONTENT_FREE in (known, start):
        return known == start
    return known < start + more and start < known + count


def _predictions(fields: Fields, piece: Piece) -> Predictions:
    answers, replies = fields.texts("answers"), fields.one_or_none("replies", list)
    table, own, missing = (piece.arrays.get(name) for name in ("probabilities", "prompt_prob", "unanswered"))
    if table is None or not _are_numbers(table, np.float32, (*table.shape[:1], len(answers))) or not len(table):
        raise fields.fault("probabilities are not a column for each answer.")
    if own is not None and not _are_numbers(own, np.float32, (len(table),)):
        raise fields.fault("prompt_prob is not a number for each row.")
    if missing is not None and (not _are_numbers(missing, np.uint8, (len(table),)) or missing.max() > max(Missing)):
        raise fields.fault("unanswered is not a reason for each row.")
    if replies is not None and (len(replies) != len(table) or not all(isinstance(x, str | None) for x in replies)):
        raise fields.fault("replies are not a text or null for each row.")
    made = Predictions(tuple(answers), table, own, missing, None if replies is None else tuple(replies))
    try:
        check_predictions(made)
    except InputError as error:
        raise fields.fault(str(error)) from error
    return made


def _are_numbers(array: NDArray[Any], kind: type[np.generic], shape: tuple[int, ...]) -> bool:
    return array.dtype == kind and array.shape == shape and bool(np.isfinite(array.astype(np.float32)).all())
