"""Why is a match near? What the data of both have in common at first sight, and the facet that says most."""

from collections.abc import Collection, Mapping

from registry.catalog import Catalog, EntryRecord, SpaceRecord
from registry.data.models import ModelSpec
from registry.data.spelling import meanings_of
from registry.data.tasks import task_of
from registry.errors import DataError
from registry.kinds import EntryKind
from registry.ranking.finding import UsualAnswer
from registry.ranking.matches import Match

MOST_ANSWERS = 3  # are listed
WHY_FACET = {
    "inputs": "their texts are alike",
    "answers": "their answers mean alike",
    "joint": "their texts and answers together are alike",
    "map": "their answers depend on the texts in like ways",
}


def answered(catalog: Catalog, space: SpaceRecord, names: Collection[str]) -> dict[str, UsualAnswer]:
    """Return what black boxes answered on a space's corpus, by name; no task, no number, and nothing that is not kept.

    Args:
        names: of entries of any kind, in the latest version or, as `NAME:VERSION`, in another.
    """
    if space.corpus_version_id is None or not names:
        return {}
    older = {name: catalog.entries.get(name) for name in names if ":" in name}
    latest = {entry.name: entry for entry in catalog.entries.some([name for name in names if name not in older])}
    entries = {name: entry for name, entry in (older | latest).items() if entry.kind is not EntryKind.TASK}
    asked = {entry.version_id: name for name, entry in entries.items() if not _is_number(entry)}
    given = catalog.predictions.answers_given(asked, space.corpus_version_id)
    found = {}
    for version, counts in given.items():
        if counts.total():
            ((usual, most),) = counts.most_common(1)
            found[asked[version]] = UsualAnswer(asked[version], tuple(counts), usual, most / counts.total())
    return found


def because(
    catalog: Catalog, query: EntryRecord | None, said: UsualAnswer | None, match: Match, weights: Mapping[str, float]
) -> str:
    """Say in a few words what makes a match plausible: what the data share, and the facet that adds most to it.

    Args:
        query: None for a vector from a file.
        said: what the query answered, if it is a black box.
        weights: of the facets.
    """
    other = None if query is None else catalog.entries.get(match.name)
    answers = None if query is None or other is None else _same_answers(query, said, other)
    weighty = [name for name in match.facets if weights.get(name, 0.0) and not (answers and name == "answers")]
    facet = max(weighty or match.facets, key=lambda name: weights.get(name, 0.0) * match.facets[name])
    reason = f"{WHY_FACET.get(facet, 'their vectors are alike')} ({facet} {match.facets[facet]:.2f})"
    if answers:
        return f"both answer {answers}, and {reason}"
    judge_pairs = query is not None and other is not None and _judge_pairs(catalog, query, other)
    return f"both judge a pair of texts, and {reason}" if judge_pairs else reason


def _same_answers(one: EntryRecord, said: UsualAnswer | None, other: EntryRecord) -> str | None:
    """Return the answers that an entry and a task give both, the first few; None where they are not the same."""
    own = said.answers if said is not None else _texts(one)
    theirs = _texts(other) if other.kind is EntryKind.TASK else ()
    if not own or meanings_of(own) != meanings_of(theirs):
        return None
    few = theirs if len(theirs) <= MOST_ANSWERS else [*theirs[:MOST_ANSWERS], f"{len(theirs) - MOST_ANSWERS} more"]
    return " or ".join(few)


def _texts(task: EntryRecord) -> tuple[str, ...]:
    """Return the texts of a task's labels, which may be called 0 and 1."""
    texts = task.spec.get("answers") or {}
    return tuple(str(texts.get(label, label)) for label in task.spec.get("labels") or ())


def _judge_pairs(catalog: Catalog, one: EntryRecord, other: EntryRecord) -> bool:
    both_tasks = one.kind is EntryKind.TASK and other.kind is EntryKind.TASK
    return both_tasks and one.task_kind == other.task_kind and all(_has_pairs(catalog, its) for its in (one, other))


def _has_pairs(catalog: Catalog, task: EntryRecord) -> bool:
    """Say whether a task's first example has a second text; the others need not be read."""
    if "train" not in task.contents:
        return False  # a vector alone
    first = catalog.entries.content(task.contents["train"]).partition(b"\n")[0]
    return task_of(task.spec, {"train": first}, task.name).train[0].text_pair is not None


def _is_number(entry: EntryRecord) -> bool:
    try:
        return ModelSpec.from_document(entry.spec).range is not None
    except DataError:
        return False
