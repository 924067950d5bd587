"""What several models, or prompts of one, answered to the same texts: brought into one table."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EntryRecord, SpaceRecord
from registry.catalog.predictions import CONTENT_FREE, joined
from registry.catalog.records import NewEntry
from registry.data.answer_tables import NONE
from registry.data.inputs import Input, parse_corpus, with_passage
from registry.data.models import HeadKind, ModelKind, ModelSpec
from registry.data.predictions import Predictions
from registry.data.recordings import Recording
from registry.data.spelling import meanings_of, numbered, plain
from registry.errors import InputError
from registry.estimates.votes import Votes
from registry.kinds import EntryKind
from registry.names import listed
from registry.prompts.prompt import Prompt

Voter = TypeVar("Voter")
EMBED_FIRST = "embed models there first"


@dataclass(frozen=True, eq=False)
class Answered:
    """What several models or prompts answered to the same inputs of a corpus."""

    names: tuple[str, ...]
    answers: tuple[str, ...]
    votes: Votes
    inputs: tuple[Input, ...]
    rows: NDArray[np.int64]  # of the corpus, (inputs,)

    def most_of(self, answers: Iterable[str]) -> float:
        """Return to which share of the inputs a voter gave one of some answers: the largest of the voters' shares."""
        columns = [self.answers.index(answer) for answer in answers]
        return float(np.isin(self.votes.said, columns).mean(axis=1).max())

    def without(self, answers: Iterable[str], spelt: Mapping[str, str]) -> "Answered":
        """Return the same as if some answers had not been given, and could not be.

        Args:
            answers: that are none.
            spelt: others that are spellings, each with the answer that it is.
        """
        gone = {*answers, *spelt}
        kept = tuple(answer for answer in self.answers if answer not in gone)
        renumbered = np.full(len(self.answers) + 1, NONE)  # the last one is for `NONE` itself
        for number, answer in enumerate(self.answers):
            if answer in spelt or answer not in gone:
                renumbered[number] = kept.index(spelt.get(answer, answer))
        return replace(self, answers=kept, votes=Votes(renumbered[self.votes.said], len(kept)))

    def offering(self, more: Iterable[str]) -> "Answered":
        """Return the same with further answers that could have been given, and were not."""
        answers = (*self.answers, *(answer for answer in dict.fromkeys(more) if answer not in self.answers))
        return replace(self, answers=answers, votes=Votes(self.votes.said, len(answers)))


@dataclass(frozen=True, eq=False)
class Comparable(Generic[Voter]):
    """Who chooses alike and answered the same texts, and who is left out."""

    kept: list[Voter]
    asked: NDArray[np.int64]  # the rows of the corpus that they answered
    left_out: list[tuple[list[Voter], str]]  # with why


def corpus_of(space: SpaceRecord) -> int:
    """Return the version of a space's corpus; raise `InputError` where it has none."""
    if space.corpus_version_id is None:
        raise InputError(f"Space {space.name} has no corpus, so no model has answered anything there.")
    return space.corpus_version_id


def said_by(catalog: Catalog, space: SpaceRecord, voters: Mapping[str, int]) -> dict[str, Predictions]:
    """Return what voters, by the versions of their entries, answered to the texts of a space; without those silent."""
    assert space.corpus_version_id is not None, "a space without corpus embeds no models"  # noqa: S101
    chunks = catalog.predictions.chunks_of(list(voters.values()), space.corpus_version_id)
    said = {name: joined(chunks[version]) for name, version in voters.items()}
    return {name: predictions for name, predictions in said.items() if len(predictions)}


def answered_by(
    catalog: Catalog,
    space: SpaceRecord,
    voters: Mapping[str, int],
    said: Mapping[str, Predictions],
    words: Set[str],
    notes: list[str],
) -> Answered:
    """Bring what voters answered into one table; notes say who is left out, and why.

    Args:
        catalog: where the texts are kept.
        space: whose corpus was asked.
        voters: names and the versions of their entries.
        said: what they answered.
        words: of the task's labels. Who answers some of them is kept; where nobody does, those who choose from the same
            answers as most.
        notes: where to say what is left out.

    Raises:
        InputError: nobody answered.
    """
    if not said:
        raise InputError(f"Nobody has answered the texts of space {space.name}: {_elsewhere(catalog, space, voters)}.")
    found = comparable(catalog, space, voters, said, words)
    for those, why in found.left_out:
        count = "1 is" if len(those) == 1 else f"{len(those)} are"
        notes.append(f"{count} left out, which {why}: {listed(those)}")
    return in_one_table(catalog, space, {name: said[name] for name in found.kept}, found.asked)


def comparable(
    catalog: Catalog,
    space: SpaceRecord,
    voters: Mapping[Voter, int],
    said: Mapping[Voter, Predictions],
    words: Set[str],
) -> Comparable[Voter]:
    """Return who of those who answered choose alike and answered the same texts. Arguments as of `answered_by`."""
    rows = rows_asked_by(catalog, space, voters, said)
    meanings = {voter: meanings_of(own.answers) for voter, own in said.items()}
    fitting = [voter for voter in said if meanings[voter] & words] or choosing_alike(meanings)
    kept = commonest({voter: rows[voter].tobytes() for voter in fitting})
    left_out = (
        ([voter for voter in said if voter not in fitting], "choose from other answers"),
        ([voter for voter in fitting if voter not in kept], "answered other texts"),
    )
    return Comparable(kept, rows[kept[0]], [(those, why) for those, why in left_out if those])


def in_one_table(
    catalog: Catalog, space: SpaceRecord, said: Mapping[str, Predictions], asked: NDArray[np.int64]
) -> Answered:
    """Return what voters answered to the same texts of a space, those in these rows of its corpus.

    Raises:
        InputError: they give fewer than two answers.
    """
    answers = columns_of(own.answers for own in said.values())
    if len(answers) < 2:
        raise InputError(
            f"{listed([*said])} give no other answer than {listed([*map(repr, answers)]) or 'none'} to the texts of "
            f"space {space.name}, so there is nothing to choose by: {EMBED_FIRST.replace('models', 'others')}."
        )
    texts = _texts(catalog, corpus_of(space))
    table = np.stack([_column(own, answers) for own in said.values()])
    return Answered(tuple(said), answers, Votes(table, len(answers)), tuple(texts[row] for row in asked), asked)


def _elsewhere(catalog: Catalog, space: SpaceRecord, voters: Mapping[str, int]) -> str:
    """Say where some of the voters have answered, else that they are to be asked here."""
    others = [other for other in catalog.spaces.all() if other.corpus_version_id not in (None, space.corpus_version_id)]
    there = [other.name for other in others if said_by(catalog, other, voters)]
    return f"models answered those of {', '.join(there)}: take '--space {there[0]}'" if there else EMBED_FIRST


def rows_asked_by(
    catalog: Catalog, space: SpaceRecord, voters: Mapping[Voter, int], said: Iterable[Voter]
) -> dict[Voter, NDArray[np.int64]]:
    """Return which texts of a space each answered of those who answered some, by the versions of their entries."""
    assert space.corpus_version_id is not None, "a space without corpus embeds no models"  # noqa: S101
    texts = _texts(catalog, space.corpus_version_id)
    places = catalog.predictions.places([voters[voter] for voter in said], space.corpus_version_id)
    return {
        voter: _rows_at(catalog, space.corpus_version_id, texts, voters[voter], places[voters[voter]]) for voter in said
    }


def _rows_at(
    catalog: Catalog, corpus: int, texts: Sequence[Input], voter: int, places: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return which texts of a corpus stand at some places of those that a voter, a version of an entry, is asked."""
    if len(places) == len(texts):
        return places
    row = {text: number for number, text in enumerate(texts)}
    chunks = catalog.predictions.chunks(voter, corpus)
    asked = asked_of(catalog, catalog.entries.by_version_id(voter), texts, chunks)
    return np.array([row[asked[place]] for place in places.tolist()], np.int64)


def asked_of(
    catalog: Catalog, entry: EntryRecord | NewEntry, inputs: Sequence[Input], chunks: Mapping[int, Predictions]
) -> list[Input]:
    """Return the inputs that a model was asked, or is to be, in order.

    The description of a checkpoint of the hub does not tell a reader. Its answers do: each is a part of its passage.

    Args:
        chunks: what the model has answered so far, by where each run of answers begins.
    """
    spec = ModelSpec.from_document(entry.spec, name=entry.name)
    if spec.kind is ModelKind.HF and spec.head is None:
        passages = with_passage(inputs)
        runs = {start: said for start, said in chunks.items() if start != CONTENT_FREE}
        if runs and all(_are_spans(passages[start:], said) for start, said in runs.items()):
            return passages
    return answerable(catalog, entry, inputs)


def _are_spans(inputs: Sequence[Input], said: Predictions) -> bool:
    """Say whether answers are certain, and each a part of its input's passage."""
    if len(said) > len(inputs) or said.missing is not None or not np.isin(said.probabilities, (0.0, 1.0)).all():
        return False
    return all(text in (one.text_pair or "") for one, text in zip(inputs, said.likeliest(), strict=False))


def answerable(catalog: Catalog, entry: EntryRecord | NewEntry, inputs: Sequence[Input]) -> list[Input]:
    """Return the inputs that a model could be asked by its description, as those who ask it choose them."""
    spec = ModelSpec.from_document(entry.spec, name=entry.name)
    if spec.kind is ModelKind.RECORDED and isinstance(entry, EntryRecord):
        bodies = {role: catalog.entries.content(sha256) for role, sha256 in entry.contents.items()}
        known = set(Recording.from_contents(spec.answers or (), bodies).inputs)
        return [one for one in inputs if one in known]
    if spec.head is HeadKind.QUESTION_ANSWERING:
        return with_passage(inputs)
    prompt = prompt_of(catalog, spec)
    return list(inputs) if prompt is None else prompt.askable(inputs)


def space_of_its_texts(catalog: Catalog, entry: EntryRecord) -> SpaceRecord | None:
    """Return the space to most of whose texts a recorded model has answers, the current one of equals.

    None for a model that can be asked, and where there is no such space.
    """
    if ModelSpec.from_document(entry.spec, name=entry.name).kind is not ModelKind.RECORDED:
        return None
    spaces = catalog.spaces.all()
    corpora = {space.corpus_version_id for space in spaces if space.corpus_version_id is not None}
    found = {corpus: len(answerable(catalog, entry, _texts(catalog, corpus))) for corpus in corpora}
    answered = [(found.get(space.corpus_version_id or -1, 0), space.current, space) for space in spaces]
    count, _, best = max(answered, key=lambda row: row[:2], default=(0, False, None))
    return best if count else None


def _texts(catalog: Catalog, corpus_version_id: int) -> list[Input]:
    record = catalog.entries.by_version_id(corpus_version_id)
    return parse_corpus(catalog.entries.content(record.contents["texts"]), record.name)


def prompt_of(catalog: Catalog, spec: ModelSpec) -> Prompt | None:
    """Return the prompt of a prompted model; None for any other."""
    return Prompt.from_spec(catalog.entries.get(spec.prompt, EntryKind.PROMPT).spec) if spec.prompt else None


def columns_of(answers: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return all answers, each as it is spelt first."""
    columns: dict[str, str] = {}
    for text in chain.from_iterable(answers):
        columns.setdefault(plain(text), text)
    return tuple(columns.values())


def choosing_alike(meanings: Mapping[Voter, frozenset[str]]) -> list[Voter]:
    """Return who chooses from the answers that most choose from, or from some of these alone."""
    usual = meanings[commonest(meanings)[0]]
    return [voter for voter, own in meanings.items() if own <= usual]


def commonest(kinds: Mapping[Voter, Hashable]) -> list[Voter]:
    """Return who is of the commonest kind, the first of equals."""
    counted = Counter(kinds.values())
    usual = max(counted, key=lambda kind: counted[kind])
    return [voter for voter, kind in kinds.items() if kind == usual]


def _column(said: Predictions, answers: Sequence[str]) -> NDArray[np.int64]:
    """Return the numbers of the likeliest answers, (inputs,)."""
    number = numbered(answers)
    to = np.array([number[plain(text)] for text in said.answers])
    return np.where(said.is_decided, to[said.probabilities.argmax(axis=1)], NONE)
