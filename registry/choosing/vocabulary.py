"""Do the labels of a task and the answers of models mean the same?"""

from collections.abc import Mapping
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
        labels, texts = task.spec.get("labels"), task.spec.get("answers") or {}
        if task.spec.get("kind") != CLASSIFICATION or not labels:
            return None
        known = {plain(answer): answer for answer in answered.answers}
        spelt = {label: str(texts.get(label, label)) for label in map(str, labels)}
        found_as = {unmarked(word): answer for word, answer in known.items()} | known
        by_text = {label: found_as.get(plain(text)) for label, text in spelt.items()}
        by_name = {label: found_as.get(plain(label)) for label in spelt}
        forms = {unmarked(answer): answer for answer in (*by_name.values(), *by_text.values()) if answer is not None}
        as_others = {answer: forms[unmarked(word)] for word, answer in known.items() if unmarked(word) in forms}
        as_others = {answer: other for answer, other in as_others.items() if answer not in forms.values()}
        known = {word: answer for word, answer in known.items() if answer not in as_others}
        odd = [known[word] for word in known if known[word] not in {*by_text.values(), *by_name.values()}]
        if answered.most_of(odd) <= JUNK and len(odd) < len(known):
            known = {word: answer for word, answer in known.items() if answer not in odd}
        first, second = (
            (by_name, by_text) if _holds(by_name, known) and not _holds(by_text, known) else (by_text, by_name)
        )
        found = {label: first[label] or second[label] for label in spelt}
        meant = {label: answer or spelt[label] for label, answer in found.items()}
        unanswered = tuple(meant[label] for label in spelt if found[label] is None)
        unlabelled = [answer for answer in known.values() if answer not in meant.values()]
        both = [label for label in spelt if by_text[label] and by_name[label] and by_text[label] != by_name[label]]
        strange = None
        if (both and _holds(by_name, known) == _holds(by_text, known)) or len(set(meant.values())) < len(meant):
            strange = "an answer may be the name of one label and the text of another"
        elif unanswered and unlabelled:
            strange = (
                f"{unanswered[0]!r} is none of the answers, and {unlabelled[0]!r} none of the labels "
                "(if it is no answer, leave its cells empty)"
            )
        taken = {plain(answer) for answer in meant.values()}
        others = [answer for answer in answered.answers if plain(answer) not in taken and strange is None]
        junk = tuple(answer for answer in others if as_others.get(answer) not in meant.values())
        as_others = {answer: other for answer, other in as_others.items() if answer in others and answer not in junk}
        names = {plain(label): answer for label, answer in meant.items()}
        said = {plain(text): meant[label] for label, text in spelt.items()}
        said |= {plain(answer): answer for answer in meant.values()}
        return cls(meant, names, said, unanswered, strange, junk, as_others)

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


def _holds(meant: Mapping[str, str | None], known: Mapping[str, str]) -> bool:
    """Say whether each answer is what one of the labels means."""
    return set(known.values()) <= set(meant.values())
