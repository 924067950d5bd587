"""Do the labels of a task and the answers of models mean the same?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from registry.catalog import EntryRecord
from registry.choosing.asked import Answered
from registry.data.examples import CLASSIFICATION
from registry.data.inputs import Input
from registry.data.spelling import plain, unmarked
from registry.errors import InputError

JUNK = 0.02  # of the texts: a voter who gives answers that are no label to more of them may mean one by these


@dataclass(frozen=True)
class Vocabulary:
    """What the labels of a task mean among the answers that were given.

    Where a label means none of the answers, nobody ever gave it, and on its texts all are wrong: unless there are
    answers that no label means, for then it may be one of these in other words, and nothing can be said. To leave its
    texts out would be worse: who always gives the other answers would be right on all that are left. Answers that no
    label means, and that nobody gives to more than `JUNK` of the texts, hinder nothing: they move no accuracy by more.

    Where something can be said, an answer that no label means is never right: a refusal, or a word too many.
    """

    meant: Mapping[str, str]  # the answer that each label means; its own text where that is none of them
    names: Mapping[str, str]  # the same by the labels' names, as `plain` spells them
    texts: Mapping[str, str]  # and by their texts
    unanswered: tuple[str, ...]  # texts of labels that are none of the answers
    strange: str | None  # why nothing can be said
    junk: tuple[str, ...] = ()  # answers that no label means, where something can be said
    spelt: Mapping[str, str] = field(default_factory=dict)  # answers that are others but for signs at their ends

    @classmethod
    def of(cls, task: EntryRecord, answered: Answered) -> Self | None:
        """Compare the labels of a task with answers, by their texts and their names; None for a task without labels."""
        text_of = _texts_of_labels(task)
        if not text_of:
            return None
        among = _Among.of(answered.answers, text_of)
        frequent = _frequent(answered, among)
        found = among.found(frequent)
        meant = {label: answer or text_of[label] for label, answer in found.items()}
        unanswered = tuple(meant[label] for label, answer in found.items() if answer is None)
        strange = among.why_unclear(frequent, meant, unanswered)
        taken = {plain(answer) for answer in meant.values()}
        others = [answer for answer in answered.answers if plain(answer) not in taken and strange is None]
        spelt = {answer: among.spelt[answer] for answer in others if among.spelt.get(answer) in meant.values()}
        junk = tuple(answer for answer in others if answer not in spelt)
        names = {plain(label): answer for label, answer in meant.items()}
        texts = {plain(text): meant[label] for label, text in text_of.items()}
        texts |= {plain(answer): answer for answer in meant.values()}
        return cls(meant, names, texts, unanswered, strange, junk, spelt)

    @property
    def are_others(self) -> bool:
        """Whether no label is an answer."""
        return len(self.unanswered) == len(self.meant)

    @property
    def named(self) -> dict[str, str]:
        """What labels mean by their texts, or else by their names."""
        return {**self.names, **self.texts}

    def translated(self, labels: Mapping[Input, str]) -> dict[Input, str]:
        """Return labels as answers, where they are names or texts of the task's labels.

        Raises:
            InputError: they may be either, and mean different answers.
        """
        said = {plain(label) for label in labels.values()}
        named = self.named
        twofold = sorted(word for word in said & self.names.keys() if self.names[word] != named[word])
        if twofold:
            fitting = [its for its in (self.names, self.texts) if said <= its.keys()]
            if len(fitting) != 1:
                word = twofold[0]
                ways = f"{self.names[word]!r} as a name of the task's labels, and {named[word]!r} as an answer"
                raise InputError(f"The label {word!r} means {ways}: give the task's labels other names.")
            named = dict(fitting[0])
        return {text: named.get(plain(label), label) for text, label in labels.items()}


def words_of_labels(task: EntryRecord) -> frozenset[str]:
    """Return the names and the texts of a task's labels, as `plain` spells them; none of a task without labels."""
    labels, texts = task.spec.get("labels") or (), task.spec.get("answers") or {}
    return frozenset(plain(str(word)) for word in (*labels, *texts.values()))


@dataclass(frozen=True)
class _Among:
    """Where the labels of a task are found among answers, if they are read as their texts, and if as their names."""

    by_text: Mapping[str, str | None]  # label -> answer, None where that is none of them
    by_name: Mapping[str, str | None]
    spelt: Mapping[str, str]  # answers that are one of these but for signs at their ends

    @classmethod
    def of(cls, answers: Sequence[str], text_of: Mapping[str, str]) -> Self:
        """Look for labels: for the same words first, and then for such with signs around them."""
        known = {unmarked(answer): answer for answer in answers} | {plain(answer): answer for answer in answers}
        by_text = {label: known.get(plain(text)) for label, text in text_of.items()}
        by_name = {label: known.get(plain(label)) for label in text_of}
        found = {unmarked(answer): answer for answer in (*by_name.values(), *by_text.values()) if answer is not None}
        others = [answer for answer in answers if answer not in found.values()]
        spelt = {answer: found[unmarked(answer)] for answer in others if unmarked(answer) in found}
        return cls(by_text, by_name, spelt)

    def found(self, answers: Collection[str]) -> dict[str, str | None]:
        """Return the answer of each label, by the one way where that explains all answers, else rather by its text."""
        is_by_name = _holds(self.by_name, answers) and not _holds(self.by_text, answers)
        first, second = (self.by_name, self.by_text) if is_by_name else (self.by_text, self.by_name)
        return {label: first[label] or second[label] for label in first}

    def why_unclear(self, answers: Collection[str], meant: Mapping[str, str], unanswered: Sequence[str]) -> str | None:
        """Say why nothing can be said of labels that seem to mean some answers; None where something can.

        Args:
            answers: those that count.
            meant: what the labels seem to mean.
            unanswered: those of these that nobody gave.
        """
        read_twice = any(
            name and text and name != text
            for name, text in zip(self.by_name.values(), self.by_text.values(), strict=True)
        )
        either_way = _holds(self.by_name, answers) == _holds(self.by_text, answers)
        if (read_twice and either_way) or len(set(meant.values())) < len(meant):
            return "an answer may be the name of one label and the text of another"
        unlabelled = [answer for answer in answers if answer not in meant.values()]
        if unanswered and unlabelled:
            return (
                f"{unanswered[0]!r} is none of the answers, and {unlabelled[0]!r} none of the labels "
                "(if it is no answer, leave its cells empty)"
            )
        return None


def _frequent(answered: Answered, among: _Among) -> list[str]:
    """Return the answers that count: not the other spellings, nor those that no label may mean and few texts have."""
    answers = [answer for answer in answered.answers if answer not in among.spelt]
    labelled = {*among.by_text.values(), *among.by_name.values()}
    odd = [answer for answer in answers if answer not in labelled]
    if len(odd) == len(answers) or answered.most_of(odd) > JUNK:
        return answers
    return [answer for answer in answers if answer not in odd]


def _texts_of_labels(task: EntryRecord) -> dict[str, str]:
    """Return the text of each label of a classification task; none of another."""
    if task.spec.get("kind") != CLASSIFICATION:
        return {}
    labels, texts = task.spec.get("labels") or (), task.spec.get("answers") or {}
    return {label: str(texts.get(label, label)) for label in map(str, labels)}


def _holds(meant: Mapping[str, str | None], answers: Collection[str]) -> bool:
    """Say whether each answer is what one of the labels means."""
    return set(answers) <= set(meant.values())
