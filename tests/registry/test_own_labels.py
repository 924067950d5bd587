"""A task whose own examples are among the texts: their labels count as known, as those of `--labelled` do."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from registry import Registry
from registry.catalog import EntryRecord
from registry.choosing.asked import Answered
from registry.choosing.best import PromptQuery, PromptRanking
from registry.choosing.given import given_chances, given_labels, sample_of
from registry.choosing.own_labels import own_labels
from registry.choosing.vocabulary import Vocabulary
from registry.data.answer_tables import NONE
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.recordings import RecordedPrompt, Recording
from registry.data.tasks import TaskData
from registry.errors import InputError
from registry.estimates.votes import Votes
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from tests.helpers.told import surprises

CHOICES = ("negative", "positive")
COUNT = 60
TEXTS = tuple(Input(f"A text, number {number}.") for number in range(COUNT))
TRUTH = np.arange(COUNT) % 2
RIGHT = {"none": 0, "half": COUNT // 2, "most": COUNT - 6}  # how many of the texts each prompt gets right


def examples(count: int, labels: tuple[str, ...] = CHOICES) -> tuple[Example, ...]:
    """The first texts as a task writes them, with their true labels."""
    return tuple(Example(f"a text number {i}", labels[TRUTH[i]]) for i in range(count))


def others(count: int) -> tuple[Example, ...]:
    return tuple(Example(f"something else {i}", CHOICES[i % 2]) for i in range(count))


def others_of(labels: str) -> tuple[Example, ...]:
    return tuple(Example(f"something else {i}", label) for i, label in enumerate(labels))


def told(registry: Registry) -> Registry:
    """Three prompts that answered the texts; the worst two agree with nobody."""
    prompts = []
    for name, right in RIGHT.items():
        said = np.where(np.arange(COUNT) < right, TRUTH, 1 - TRUTH)
        answers = Predictions(CHOICES, np.eye(2, dtype=np.float32)[said])
        prompts.append(RecordedPrompt(name, f"{name} {{{{text}}}}", CHOICES, Recording(TEXTS, answers)))
    return answering(registry, prompts)


def answering(registry: Registry, prompts: list[RecordedPrompt], corpus: EntryRecord | None = None) -> Registry:
    """An LLM that answered the texts, or those of a corpus, under some prompts."""
    corpus = corpus or registry.add_corpus("texts", TEXTS, source="here")
    spec = SpaceSpec("5" * 64, "here", "mapemb", {"answers": "hard"}, (Facet("map", 2),), corpus.content_hash)
    space = registry.add_space("s", spec, corpus=corpus)
    said = {prompt.name: prompt.recording.predictions for prompt in prompts}
    for record in registry.add_recorded_llm("llm", prompts, source="x"):
        if "@" in record.name:
            answers = said[record.name.split("@")[1]]
            registry.catalog.predictions.put(record.version_id, corpus.version_id, start=0, predictions=answers)
            registry.catalog.embeddings.put(record.version_id, space, np.array([1, 0], np.float32), {})
    return registry


def asked(registry: Registry, task: TaskData, like: str | None = None) -> PromptRanking:
    registry.add_task("films", task)
    return registry.best_prompt(PromptQuery("films", "llm", like=like))


@pytest.mark.parametrize("split", ["train", "test"])
def test_where_a_task_holds_all_texts_the_accuracies_are_the_true_ones(registry: Registry, split: str) -> None:
    task = TaskData("classification", CHOICES, others(4), ())
    task = replace(task, **{split: (*getattr(task, split), *examples(COUNT))})

    ranking = asked(told(registry), task)

    assert {row.name: row.accuracy for row in ranking} == {
        name: pytest.approx(right / COUNT, abs=1e-9) for name, right in RIGHT.items()
    }
    assert ranking.judged.labelled == COUNT
    assert ranking.notes == ("60 of the 60 texts are examples of films: their labels count as known",)
    assert [(row.name, row.low, row.high) for row in ranking] == [
        ("most", ranking[0].accuracy, ranking[0].accuracy),
        ("half", 0.5, 0.5),
        ("none", 0.0, 0.0),
    ]
    assert ranking.verdict.sentence == (
        "Use most (right in 90% of the texts): by the labels of all texts none is better by more than 2 points."
    )


def test_labels_by_hand_that_contradict_those_of_the_task_count_and_are_told(registry: Registry) -> None:
    registry.add_task("films", TaskData("classification", CHOICES, examples(COUNT)))
    by_hand = {text: CHOICES[TRUTH[i] if i > 3 else 1 - TRUTH[i]] for i, text in enumerate(TEXTS[:30])}

    ranking = told(registry).best_prompt(PromptQuery("films", "llm"), labels=by_hand)

    assert {row.name: row.accuracy for row in ranking} == {
        "most": pytest.approx((RIGHT["most"] - 4) / COUNT),
        "half": pytest.approx((RIGHT["half"] - 4) / COUNT),
        "none": pytest.approx(4 / COUNT),
    }
    assert "4 of the labels are others than those of the same texts in films, and count" in ranking.notes


def test_the_labels_of_some_texts_count_as_the_same_labels_given_by_hand(registry: Registry) -> None:
    told(registry)
    own = asked(registry, TaskData("classification", CHOICES, examples(30)))
    registry.add_task("empty", TaskData("classification", CHOICES, others(4)))

    by_hand = {Input(row.text): row.label for row in examples(30)}
    given = registry.best_prompt(PromptQuery("empty", "llm"), labels=by_hand)

    assert own.judged.labelled == given.judged.labelled == 30
    assert [vars(row) for row in own] == [vars(row) for row in given]


def test_in_python_labels_are_of_texts_too(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    of_inputs = {Input(row.text): row.label for row in examples(30)}

    one, other = (
        registry.best_prompt(PromptQuery("films", "llm"), labels=labels)
        for labels in (of_inputs, {text.text: label for text, label in of_inputs.items()})
    )

    assert [vars(row) for row in one] == [vars(row) for row in other]


@pytest.mark.parametrize("labels", [["positive"], {"A text, number 1.": None}, {1: "positive"}, "positive"])
def test_what_are_no_labels_of_texts_is_refused_in_one_line(registry: Registry, labels: Any) -> None:  # noqa: ANN401
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    with pytest.raises(InputError, match=r"^labels: "):
        registry.best_prompt(PromptQuery("films", "llm"), labels=labels)


def test_a_text_that_is_labelled_otherwise_in_another_spelling_is_refused(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    with pytest.raises(InputError, match="has two labels, in two spellings"):
        registry.best_prompt(
            PromptQuery("films", "llm"), labels={TEXTS[0].text: "negative", TEXTS[0].text.upper(): "positive"}
        )


def test_a_label_given_by_hand_comes_before_the_tasks_own(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, examples(COUNT)))

    turned = {text: CHOICES[1 - true] for text, true in zip(TEXTS, TRUTH, strict=True)}
    ranking = registry.best_prompt(PromptQuery("films", "llm"), labels=turned)

    assert [row.name for row in ranking] == ["none", "half", "most"]


def test_labels_that_are_the_other_way_round_make_no_sure_pick(registry: Registry) -> None:
    answering(registry, recorded({"best": right_in(0.95), "good": right_in(0.9), "weak": right_in(0.6)}))
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    right = {text: CHOICES[true] for text, true in zip(TEXTS[:40], TRUTH[:40], strict=True)}
    turned = {text: CHOICES[1 - CHOICES.index(label)] for text, label in right.items()}

    verdicts = [registry.best_prompt(PromptQuery("films", "llm"), labels=its).verdict for its in (right, turned)]

    assert "the other way round" not in verdicts[0].sentence
    assert verdicts[1].kind == "open"
    assert "of the 40 known labels" in verdicts[1].sentence
    assert verdicts[1].sentence.endswith("Are the labels, or the answers, the other way round?")


@pytest.mark.parametrize("count", [12, 25])
def test_labels_of_one_class_alone_tell_nothing_of_the_others(registry: Registry, count: int) -> None:
    """Only the positive texts were labelled: whoever says so most would seem to be the best."""
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(40)))
    rows = np.flatnonzero(TRUTH == 1)[:count].tolist()
    labels = {TEXTS[row]: "positive" for row in rows}

    without = registry.best_prompt(PromptQuery("films", "llm"))
    ranking = registry.best_prompt(PromptQuery("films", "llm"), labels=labels)

    assert ranking.verdict.kind == "open"
    why = f"all {count} known labels are 'positive', so they seem to be chosen by their class, and count for nothing"
    assert why in ranking.verdict.sentence
    assert [row.accuracy for row in ranking] == [row.accuracy for row in without]


def test_labels_of_one_class_are_a_sample_where_most_say_that_class(registry: Registry) -> None:
    said = {name: ["negative"] * 3 + ["positive"] * (COUNT - 3) for name in ("one", "two")}
    said |= {"three": ["positive"] * COUNT, "four": ["negative", *["positive"] * (COUNT - 1)]}
    answering(registry, of_its_own(said))
    registry.add_task("films", TaskData("classification", CHOICES, others(40)))

    ranking = registry.best_prompt(PromptQuery("films", "llm"), labels=dict.fromkeys(TEXTS[30:50], "positive"))

    assert "by their class" not in ranking.verdict.sentence


def of_its_own(said: dict[str, list[str]]) -> list[RecordedPrompt]:
    """Prompts that choose each from the answers that it gave."""
    return [prompt for name, its in said.items() for prompt in recorded({name: its})]


def test_for_a_task_those_are_ranked_who_choose_from_its_labels_however_few_they_are(registry: Registry) -> None:
    topics = {f"topic{i}": [("sport", "politics", "money")[(row + i) % 3] for row in range(COUNT)] for i in range(4)}
    never = ["negative"] * COUNT  # one that never gave the other label
    unsure = ["unsure", *right_in(0.9, seed=3)[1:]]  # and one that gave none of them, once
    said = {**topics, "good": right_in(0.95), "fair": right_in(0.8, seed=1), "never": never, "unsure": unsure}
    answering(registry, of_its_own(said))
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    models, prompts = registry.best_model("films", limit=9), registry.best_prompt(PromptQuery("films", "llm"), limit=9)

    assert {row.name for row in models} == {"llm@good", "llm@fair", "llm@never", "llm@unsure"}
    assert models.judged.answered.answers == CHOICES
    left_out = "4 are left out, which choose from other answers: llm@topic0, llm@topic1, llm@topic2, llm@topic3"
    assert left_out in models.notes
    assert {row.name for row in prompts} == {"good", "fair", "never", "unsure"}


def test_prompts_with_other_answers_as_many_are_left_out_and_not_taken_for_one_another(registry: Registry) -> None:
    yes = right_in(0.9, ("no", "yes"), seed=2)
    answering(registry, of_its_own({"a": right_in(0.9), "b": right_in(0.8, seed=1), "c": yes, "d": yes, "e": yes}))
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    ranking = registry.best_prompt(PromptQuery("films", "llm"), limit=9)

    assert {row.name for row in ranking} == {"a", "b"}
    assert "3 prompts are left out, which choose from other answers: c, d, e" in ranking.notes


def test_of_answers_that_are_equally_likely_none_is_given(registry: Registry) -> None:
    prompts = recorded({"good": right_in(0.95), "fair": right_in(0.8, seed=1)})
    even = Predictions(CHOICES, np.full((COUNT, 2), 0.5, np.float32))
    answering(registry, [*prompts, RecordedPrompt("even", "", CHOICES, Recording(TEXTS, even))])
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    ranking = registry.best_model("films")

    assert {row.name: (row.accuracy, row.high) for row in ranking}["llm@even"] == (0, 0)
    assert "33.3% of the answers are missing and count as wrong" in ranking.notes


def test_the_labels_of_other_kinds_of_tasks_are_not_read_and_that_is_told(registry: Registry) -> None:
    rows = tuple(Example(one.text, CHOICES[TRUTH[i]], None, CHOICES) for i, one in enumerate(TEXTS))

    ranking = asked(told(registry), TaskData("multiple-choice", (), rows))

    assert ranking.judged.labelled == 0
    note = "films is a task of the kind multiple-choice, whose own labels are not read: --labelled takes them"
    assert note in ranking.notes


SHARES = {"a": 0.9, "b": 0.85, "c": 0.8, "d": 0.6}


def test_who_answers_the_same_or_nearly_so_is_told(registry: Registry) -> None:
    of = {name: right_in(share, seed=seed) for seed, (name, share) in enumerate(SHARES.items())}
    comma = [CHOICES[1 - CHOICES.index(of["d"][0])], *of["d"][1:]]
    answering(registry, recorded({**of, "again": of["a"], "comma": comma}))
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    notes = registry.best_prompt(PromptQuery("films", "llm")).notes

    assert "a, again answer the same throughout and are heard once" in notes
    assert "comma, d answer so nearly the same that they are heard as one" in notes


def test_answers_may_be_the_texts_of_the_labels(registry: Registry) -> None:
    task = TaskData(
        "classification", ("0", "1"), examples(COUNT, ("0", "1")), answers={"0": CHOICES[0], "1": CHOICES[1]}
    )

    assert asked(told(registry), task).judged.labelled == COUNT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A text.", "a text"),
        ("It 's good , he said .", "It's good, he said."),
        ("I do n't know", "I don\u2019t know"),
        ("\u201cFine\u201d \u2013 he said", '"fine" - he said'),
        ("`` Fine '' , he said", '"Fine", he said'),
        ("3+4", "3 + 4"),
    ],
)
def test_a_label_is_one_of_other_spellings_too(one: str, other: str) -> None:
    task = TaskData("classification", CHOICES, (Example(one, "positive"),))
    asked = (Input(other), Input("another"))

    assert own_labels(task, asked, {name: name for name in CHOICES}) == {asked[0]: "positive"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 + 4 = 7", "3 - 4 = 7"),
        ("x < 3", "x > 3"),
        ("it costs 1.5", "it costs 15"),
        ("-5", "5"),
        ("at 3:30", "at 330"),
        ("C#", "C"),
        ("A+", "A-"),
        ("love it :)", "love it :("),
        ("love it \U0001f60d", "love it \U0001f621"),
        ("\u091c\u0940\u0924\u093e", "\u091c\u093e\u0924\u093e"),  # he won, he goes
        ("You come?", "You come."),
        ("...", "!!!"),
    ],
)
def test_a_label_is_none_of_a_text_that_says_something_else(one: str, other: str) -> None:
    task = TaskData("classification", CHOICES, (Example(one, "positive"),))

    assert own_labels(task, (Input(other),), {name: name for name in CHOICES}) == {}
    with pytest.raises(InputError, match="None of the labelled texts is among those that were asked"):
        given_labels((Input(other),), CHOICES, {Input(one): "positive"}, [])


def test_a_text_with_two_labels_has_none(registry: Registry) -> None:
    twice = (*examples(COUNT), Example("A TEXT number 0", "positive"))

    assert asked(told(registry), TaskData("classification", CHOICES, twice)).judged.labelled == COUNT - 1


def test_a_task_that_is_only_like_the_one_asked_for_is_not_believed_word_for_word(registry: Registry) -> None:
    told(registry)
    registry.add_task("alike", TaskData("classification", CHOICES, examples(COUNT)))

    assert asked(registry, TaskData("classification", CHOICES, others(4)), like="alike").judged.labelled == 0


def test_labels_that_are_other_answers_say_nothing_and_are_told(registry: Registry) -> None:
    rows = tuple(Example(row.text, "ab"[number % 2]) for number, row in enumerate((*examples(30), *others(30))))

    ranking = asked(told(registry), TaskData("classification", ("a", "b"), rows))

    assert ranking.judged.labelled == 0
    assert surprises(ranking.notes) == ("the labels of films are other answers, so they say nothing here",)


@pytest.mark.parametrize("words", [("bad", "positive"), ("negative", "fine"), ("bad", "fine")])
def test_labels_that_are_only_some_of_the_answers_say_nothing_and_are_told(
    registry: Registry, words: tuple[str, str]
) -> None:
    """Else the texts whose labels are answers would be known alone, and who always gives these be right on all."""
    told(registry)
    without = asked(registry, TaskData("classification", CHOICES, others(4)))
    registry.add_task("odd", TaskData("classification", words, examples(COUNT, words)))

    ranking = registry.best_prompt(PromptQuery("odd", "llm"))

    assert ranking.judged.labelled == 0
    assert [vars(row) for row in ranking] == [vars(row) for row in without]
    (note,) = surprises(ranking.notes)
    if set(words) & set(CHOICES):
        strange, answer = (set(pair) - set(other) for pair, other in ((words, CHOICES), (CHOICES, words)))
        assert note == (
            "the labels of odd and the answers are not the same, so the labels say nothing here: "
            f"{strange.pop()!r} is none of the answers, and {answer.pop()!r} none of the labels "
            "(if it is no answer, leave its cells empty)"
        )
    else:
        assert note == "the labels of odd are other answers, so they say nothing here"


@pytest.mark.parametrize("by_hand", [False, True])
def test_where_the_right_answer_is_one_that_nobody_gave_all_are_wrong(registry: Registry, *, by_hand: bool) -> None:
    """Every answer is a label, and there is a label more: nobody said it of the first 24 texts, which have it."""
    told(registry)
    mixed = [Example(row.text, "mixed" if number < 24 else row.label) for number, row in enumerate(examples(COUNT))]
    own = others(4) if by_hand else tuple(mixed)
    registry.add_task("films", TaskData("classification", (*CHOICES, "mixed"), (*own, Example("so so", "mixed"))))
    labels = {Input(row.text): row.label for row in mixed} if by_hand else {}

    ranking = registry.best_prompt(PromptQuery("films", "llm"), labels=labels)

    assert ranking.judged.labelled == COUNT
    right = {"none": 0, "half": COUNT // 2 - 24, "most": COUNT - 6 - 24}
    assert {row.name: row.accuracy for row in ranking} == {
        name: pytest.approx(count / COUNT, abs=1e-9) for name, count in right.items()
    }


def test_labels_by_hand_may_be_the_tasks_names_of_them(registry: Registry) -> None:
    told(registry)
    answers = {"0": CHOICES[0], "1": CHOICES[1]}
    registry.add_task("films", TaskData("classification", ("0", "1"), others_of("01"), answers=answers))
    labels = {text: str(true) for text, true in zip(TEXTS, TRUTH, strict=True)}

    assert registry.best_prompt(PromptQuery("films", "llm"), labels=labels).judged.labelled == COUNT
    with pytest.raises(InputError, match=r"The label '2' is none of the answers: there are negative, positive\."):
        registry.best_prompt(PromptQuery("films", "llm"), labels={TEXTS[0]: "2"})


@pytest.mark.parametrize("words", [CHOICES[::-1], ("yes", "no")])
def test_labels_by_hand_are_those_of_the_task_that_is_asked_about_and_not_of_one_like_it(
    registry: Registry, words: tuple[str, str]
) -> None:
    told(registry)
    registry.add_task(
        "films", TaskData("classification", ("0", "1"), others_of("01"), answers=dict(zip("01", CHOICES, strict=True)))
    )
    registry.add_task(
        "alike", TaskData("classification", ("0", "1"), others_of("01"), answers=dict(zip("01", words, strict=True)))
    )
    labels = {text: str(true) for text, true in zip(TEXTS, TRUTH, strict=True)}

    ranking = registry.best_prompt(PromptQuery("films", "llm", like="alike"), labels=labels)

    assert ranking[0].name == "most"
    assert ranking[0].accuracy == pytest.approx(RIGHT["most"] / COUNT)


def vocabulary(answers: dict[str, str], given: tuple[str, ...], rare: tuple[str, ...] = ()) -> Vocabulary:
    """What labels mean where a voter gives some answers to 33 texts each, and the rare ones to one each."""
    registered = {"kind": "classification", "labels": list(answers), "answers": answers}
    said = np.array(
        [number for number in range(len(given)) for _ in range(33)] + [*range(len(given), len(given + rare))]
    )
    inputs = tuple(Input(str(number)) for number in range(len(said)))
    votes = Votes(said[None], len(given + rare))
    answered = Answered(("voter",), given + rare, votes, inputs, np.arange(len(said)))
    made = Vocabulary.of(cast("EntryRecord", SimpleNamespace(spec=registered)), answered)
    assert made is not None
    return made


def test_rare_answers_that_no_label_means_do_not_hide_what_the_labels_mean() -> None:
    topics = {name: name for name in ("money", "music", "sports", "weather")}
    stars = {str(number): str(number + 1) for number in range(5)}

    words = vocabulary(topics, ("money", "music", "sports"), rare=("cannot say", "none"))

    assert (words.strange, words.unanswered, words.junk) == (None, ("weather",), ("cannot say", "none"))
    assert vocabulary(stars, ("1", "2", "3", "4", "5"), rare=("N/A",)).meant == stars
    many = vocabulary(topics, ("money", "music", "sports"), rare=tuple(f"no {number}" for number in range(3)))
    assert many.strange == (
        "'weather' is none of the answers, and 'no 0' none of the labels (if it is no answer, leave its cells empty)"
    )


def test_an_answer_that_is_no_label_counts_as_missing_and_is_told(registry: Registry) -> None:
    """Else refusals pass for a class of texts, and who refuses most for the one who knows it."""
    answers = (*CHOICES, "I cannot say", "As an AI ...")
    prompts = []
    random = np.random.default_rng(0)
    for name, right, refused in (("decent", 0.85, 0.02), ("fair", 0.75, 0.0), ("refuser", 0.9, 0.7), ("poor", 0.6, 0)):
        said = np.where(random.random(COUNT) < right, TRUTH, 1 - TRUTH)
        said = np.where(random.random(COUNT) < refused, 2 + (np.arange(COUNT) % 7 == 0), said)
        table = Predictions(answers, np.eye(len(answers), dtype=np.float32)[said])
        prompts.append(RecordedPrompt(name, f"{name} {{{{text}}}}", answers, Recording(TEXTS, table)))
    answering(registry, prompts)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    ranking = registry.best_prompt(PromptQuery("films", "llm"))
    suggested = registry.suggest_labels("films", model="llm", count=5)

    rows = {row.name: row for row in ranking}
    assert ranking.judged.answered.answers == CHOICES
    assert ranking[-1].name == "refuser"
    assert rows["refuser"].high < 0.5
    assert ranking.notes[0].endswith(
        "of the answers are none of the labels of films and count as missing: 'I cannot say', 'As an AI ...'"
    )
    assert len(suggested) == 5


def recorded(said: dict[str, list[str]]) -> list[RecordedPrompt]:
    """Prompts with their answers to the texts, one by one."""
    answers = tuple(sorted({answer for its in said.values() for answer in its}))
    one_of = np.eye(len(answers), dtype=np.float32)
    return [
        RecordedPrompt(
            name, "", answers, Recording(TEXTS, Predictions(answers, one_of[[answers.index(one) for one in its]]))
        )
        for name, its in said.items()
    ]


def right_in(share: float, words: tuple[str, str] = CHOICES, seed: int = 0) -> list[str]:
    """Answers that are right so often."""
    wrong = np.random.default_rng(seed).random(COUNT) >= share
    return [words[true] for true in np.where(wrong, 1 - TRUTH, TRUTH)]


def test_signs_around_an_answer_make_no_other_answer(registry: Registry) -> None:
    answering(registry, recorded({"best": right_in(0.97, ("Negative.", "**positive**")), "weak": right_in(0.6)}))
    registry.add_task("films", TaskData("classification", CHOICES, (*others(4), *examples(COUNT))))

    ranking = registry.best_prompt(PromptQuery("films", "llm"))

    assert ranking.judged.answered.answers == CHOICES
    assert ranking[0].name == "best"
    true = [answer == CHOICES[label] for answer, label in zip(right_in(0.97), TRUTH, strict=True)]
    assert ranking[0].accuracy == pytest.approx(np.mean(true))


def test_half_is_not_five() -> None:
    words = vocabulary({"5": "5", "1": "1"}, ("5", "1", ".5", "-1"))

    assert (words.spelt, words.junk) == ({}, (".5", "-1"))
    assert vocabulary({"5": "5", "1": "1"}, ("5", "1", "(5)", "1.")).spelt == {"(5)": "5", "1.": "1"}


def test_answers_in_other_words_are_told_and_no_verdict_is_sure(registry: Registry) -> None:
    """Else the one who says it in the task's own words is the only one who is ever right."""
    prompts = {"best": right_in(0.97, ("bad", "good")), "weak": right_in(0.6), "poor": right_in(0.55)}
    answering(registry, recorded(prompts))
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    verdict = registry.best_prompt(PromptQuery("films", "llm")).verdict

    assert verdict.kind == "open"
    assert verdict.sentence == (
        "Not enough evidence: best gives other answers than the labels of films, which may mean them. "
        "Record the answers in the words of the labels."
    )


def test_where_one_label_alone_was_answered_junk_is_no_class_beside_it(registry: Registry) -> None:
    one = ["positive"] * COUNT
    answering(registry, recorded({"a": ["refuse", *one[1:]], "b": one, "c": one}))
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    judged = registry.best_prompt(PromptQuery("films", "llm")).judged

    assert judged.answered.answers == ("positive", "negative")
    assert judged.verdict.kind == "open"


def test_a_label_by_hand_that_is_none_of_the_tasks_is_refused(registry: Registry) -> None:
    answering(registry, recorded({"a": ["I cannot say", *right_in(0.9)[1:]], "b": right_in(0.7)}))
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    told = r"'I cannot say' is none of the labels of films: there are negative, positive\."
    with pytest.raises(InputError, match=told):
        registry.best_prompt(PromptQuery("films", "llm"), labels={TEXTS[0]: "I cannot say"})


def test_where_all_answers_are_rare_labels_are_other_answers() -> None:
    assert vocabulary({"a": "a", "b": "b"}, (), rare=("yes", "no")).are_others


def test_the_text_of_a_label_comes_before_its_name_where_the_answers_are_texts() -> None:
    stars = {str(number): str(number + 1) for number in range(5)}  # 0 is called 1, ..., 4 is called 5

    assert vocabulary(stars, ("1", "2", "3", "4", "5")).meant == stars
    assert vocabulary(stars, ("0", "1", "2", "3", "4")).meant == {name: name for name in stars}
    assert vocabulary(stars, ("1", "2", "3", "4")).strange == (
        "an answer may be the name of one label and the text of another"
    )
    assert vocabulary({"negative": "positive", "x": "negative"}, CHOICES).meant == {
        "negative": "positive",
        "x": "negative",
    }


def test_a_label_by_hand_that_may_be_a_name_or_an_answer_is_refused_unless_the_others_tell() -> None:
    words = vocabulary({str(number): str(number + 1) for number in range(5)}, ("1", "2", "3", "4", "5"))
    first, second = TEXTS[:2]

    assert words.translated({first: "0", second: "1"}) == {first: "1", second: "2"}
    assert words.translated({first: "5", second: "1"}) == {first: "5", second: "1"}
    with pytest.raises(
        InputError, match="The label '1' means '2' as a name of the task's labels, and '1' as an answer"
    ):
        words.translated({first: "1", second: "2"})


def test_a_random_sample_has_no_suggested_text_and_one_of_each_text() -> None:
    inputs = (Input("It is."), Input("It is,"), Input("another"), Input("Another."), Input("more"), Input("none"))
    labelled = np.array([True, True, True, True, True, False])

    sample = sample_of(inputs, labelled, {Input("it is"): 0.2})

    assert sample.tolist() == [False, False, True, False, True, False]


@pytest.mark.parametrize(
    ("own", "more", "what", "why"),
    [
        (0, 40, "the labels of", "the texts were not read by them yet"),
        (30, 40, "the other labels of", "the texts were not read by them yet"),
        (0, 19, "the labels of", "there are not 20 examples, of two labels, beside these texts"),
        (30, 19, None, None),
    ],
)
def test_it_is_told_why_a_tasks_labels_of_other_texts_do_not_count(
    registry: Registry, own: int, more: int, what: str | None, why: str | None
) -> None:
    notes = asked(told(registry), TaskData("classification", CHOICES, (*examples(own), *others(more)))).notes

    unread = [note for note in notes if "count for nothing" in note]
    assert [note.split(" films")[0] for note in unread] == ([] if what is None else [what])
    assert all(f"count for nothing: {why}" in note for note in unread)


def test_no_text_whose_label_is_known_is_suggested(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, examples(50)))

    rows = registry.suggest_labels("films", model="llm", count=20)

    assert sorted(row.row for row in rows) == list(range(50, COUNT))


def test_suggested_labels_speak_for_the_other_texts_too(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    truth = dict(zip(TEXTS, (CHOICES[label] for label in TRUTH), strict=True))
    wanted = registry.suggest_labels("films", model="llm", count=24)
    labels = {Input(row.text): truth[Input(row.text)] for row in wanted}
    chances = {Input(row.text): row.chance for row in wanted}

    ranking = registry.best_prompt(PromptQuery("films", "llm"), labels=labels, chances=chances)

    assert [row.name for row in ranking] == ["most", "half", "none"]
    assert all(row.low <= RIGHT[row.name] / COUNT <= row.high for row in ranking)
    more = registry.suggest_labels("films", model="llm", count=6, labels=labels, chances=chances)
    at_once = registry.suggest_labels("films", model="llm", count=30)
    assert [row.text for row in (*wanted, *more)] == [row.text for row in at_once]


def test_chances_are_taken_by_text_as_labels_are(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    truth = dict(zip(TEXTS, (CHOICES[label] for label in TRUTH), strict=True))
    wanted = registry.suggest_labels("films", model="llm", count=24)
    table = wanted.to_pandas()  # which tells the chances as well
    labels = {text: truth[Input(text)] for text in table["text"]}
    chances = dict(zip(table["text"], table["chance"], strict=True))
    question = PromptQuery("films", "llm")

    by_text = registry.best_prompt(question, labels=labels, chances=chances)

    by_input = {Input(row.text): row.chance for row in wanted}
    assert by_text.as_json() == registry.best_prompt(question, labels=labels, chances=by_input).as_json()
    assert by_text.as_json() != registry.best_prompt(question, labels=labels).as_json()


@pytest.mark.parametrize(
    ("hints", "why"),
    [
        ({"chances": {"a": "0.5"}}, "chances: 'a' has '0.5': give what suggest_labels told"),
        ({"chances": {"a": 1.5}}, "chances: 'a' has 1.5"),
        ({"chances": {3: 0.5}}, "chances: '3' is neither a text nor an Input"),
        ({"chances": [0.5]}, "chances: a mapping to numbers is needed, not list"),
        ({"at_random": "no"}, "at_random: True or False is needed, not 'no'"),
        ({"reading": {"a": "b"}}, "reading: what read_texts returns is needed, not dict"),
    ],
)
def test_hints_that_are_none_are_refused(registry: Registry, hints: dict[str, Any], why: str) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    with pytest.raises(InputError, match=why):
        registry.best_prompt(PromptQuery("films", "llm"), **hints)


def test_a_like_task_is_part_of_the_question_of_prompts(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    for ask in (registry.best_model, registry.suggest_labels):
        with pytest.raises(InputError, match=r"like: say it in the question, PromptQuery\(TASK, MODEL, like=TASK\)"):
            ask("films", like="films")  # type: ignore[call-arg]


def test_when_the_last_suggested_text_has_its_label_nothing_is_left_to_tell(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, examples(10)))
    truth = dict(zip(TEXTS, (CHOICES[label] for label in TRUTH), strict=True))
    wanted = registry.suggest_labels("films", model="llm", count=COUNT)
    labels = {Input(row.text): truth[Input(row.text)] for row in wanted}

    ranking = registry.best_prompt(
        PromptQuery("films", "llm"), labels=labels, chances={Input(row.text): row.chance for row in wanted}
    )

    assert len(wanted) == COUNT - 10
    assert ranking.notes == ("10 of the 60 texts are examples of films: their labels count as known",)
    assert "by the labels of all texts" in ranking.verdict.sentence


def test_labels_that_are_said_to_be_random_speak_for_the_other_texts_too(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    some = np.random.default_rng(4).permutation(COUNT)[:24]
    labels = {TEXTS[row]: CHOICES[TRUTH[row]] for row in some}

    rankings = [
        registry.best_prompt(PromptQuery("films", "llm"), labels=labels, at_random=said) for said in (True, False)
    ]

    errors = [np.mean([abs(row.accuracy - RIGHT[row.name] / COUNT) for row in ranking]) for ranking in rankings]
    assert errors[0] < errors[1]
    assert not any("at random" in note for ranking in rankings for note in ranking.notes)


def test_a_sample_is_told_to_be_none_where_prompts_agree_on_it_far_more_than_elsewhere(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    labels = {TEXTS[row]: CHOICES[TRUTH[row]] for row in range(COUNT - 6, COUNT)}  # all three agree on these alone

    ranking = registry.best_prompt(PromptQuery("films", "llm"), labels=labels, at_random=True)

    assert any("if they were chosen and not drawn at random" in note for note in ranking.notes)


@pytest.mark.parametrize(
    ("more", "chance", "why"),
    [
        (
            {Input("A text of another corpus."): "positive"},
            0.01,
            "'A text of another corpus.' was suggested, but is not",
        ),
        ({}, 0.11, "the chances of the labelled texts are none"),
        ({}, 1e-300, "the chances of the labelled texts are none"),
    ],
)
def test_labels_whose_chances_cannot_be_speak_for_themselves_alone(
    registry: Registry, more: dict[Input, str], chance: float, why: str
) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    strange = {text: CHOICES[label] for text, label in zip(TEXTS[:10], TRUTH[:10], strict=True)} | more

    plain = registry.best_prompt(PromptQuery("films", "llm"), labels=strange)
    drawn = registry.best_prompt(PromptQuery("films", "llm"), labels=strange, chances=dict.fromkeys(strange, chance))

    (note,) = set(drawn.notes) - set(plain.notes)
    assert [vars(row) for row in plain] == [vars(row) for row in drawn]
    assert why in note
    assert note.endswith(": the labels speak for their own texts alone")


def test_texts_that_differ_in_their_signs_alone_have_a_chance_each() -> None:
    inputs = [Input("It is."), Input("It is!"), Input("It is not.")]
    notes: list[str] = []

    drawn = given_chances(inputs, {Input("It is!"): 0.2, Input("it is not"): 0.3}, notes)

    assert drawn.tolist() == [0.0, 0.2, 0.3]
    assert notes == []
    asked = given_labels(inputs, CHOICES, {Input("It is!"): "positive", Input("It is."): "negative"}, notes)
    assert asked is not None
    assert asked.tolist() == [0, 1, NONE]


def test_a_text_with_two_labels_in_two_spellings_is_refused() -> None:
    twice = {Input("It is,"): "positive", Input("it is"): "negative"}

    with pytest.raises(InputError, match=r"The text 'It is\.' has two labels, in two spellings\."):
        given_labels([Input("It is.")], CHOICES, twice, [])


# -- priors ------------------------------------------------------------------------------------------


def skewed(registry: Registry, right: tuple[float, ...] = (0.85, 0.75, 0.7, 0.65, 0.6)) -> list[float]:
    """Prompts that answer 400 texts, of which one of ten is positive, each with a leaning; return their accuracies."""
    random = np.random.default_rng(3)
    truth = (random.random(400) < 0.1).astype(int)
    texts = tuple(Input(f"Text {number}.") for number in range(len(truth)))
    prompts, accuracies = [], []
    for number, often in enumerate(right):
        leaning = 0.1 if number % 2 else -0.2
        said = np.where(random.random(len(truth)) < often + leaning * np.where(truth, -1, 1), truth, 1 - truth)
        answers = Predictions(CHOICES, np.eye(2, dtype=np.float32)[said])
        prompts.append(RecordedPrompt(f"p{number}", f"{number} {{{{text}}}}", CHOICES, Recording(texts, answers)))
        accuracies.append(float((said == truth).mean()))
    corpus = registry.add_corpus("texts", texts, source="here")
    answering(registry, prompts, corpus)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    return accuracies


def test_who_knows_how_often_answers_are_true_gets_better_accuracies(registry: Registry) -> None:
    true = skewed(registry)

    def error(priors: dict[str, float] | None = None) -> float:
        ranking = registry.best_prompt(PromptQuery("films", "llm"), priors=priors)
        return float(np.mean([abs(row.accuracy - true[int(row.name[1:])]) for row in ranking]))

    untold = error()
    assert untold > 0.1
    for priors in ({"positive": 0.1}, {"negative": 0.87, "positive": 0.13}, {"NEGATIVE": np.float32(0.85)}):
        assert error(priors) < untold / 2, priors


def test_it_is_told_how_often_answers_are_taken_to_be_true_until_somebody_says(registry: Registry) -> None:
    skewed(registry)
    query = PromptQuery("films", "llm")

    note = registry.best_prompt(query).notes[-1]
    known = registry.best_prompt(query, priors={"positive": 0.1})

    assert re.fullmatch(
        r"answers are taken to be true about equally often, .* comes .* \d+%, .* \d+%: .*--priors", note
    )
    assert surprises(known.notes) == known.notes
    assert surprises(registry.best_model("films", priors={"positive": 0.1}).notes)
    assert registry.suggest_labels("films", model="llm", priors={"positive": 0.1}) != registry.suggest_labels(
        "films", model="llm"
    )


@pytest.mark.parametrize(
    ("priors", "why"),
    [
        ({"fine": 0.5}, "The prior of 'fine' is of none of the answers: there are negative, positive."),
        ({"positive": 10}, "The prior of 'positive' is 10: a share of the texts is needed, from 0 to 1."),
        ({"positive": "0.1"}, "The prior of 'positive' is '0.1': a share of the texts is needed, from 0 to 1."),
        ({"positive": float("nan")}, "The prior of 'positive' is nan: a share of the texts is needed, from 0 to 1."),
        ({"positive": True}, "The prior of 'positive' is True: a share of the texts is needed, from 0 to 1."),
        ({"positive": 0.1, "negative": 0.1}, "The priors add up to 0.2: they are shares of one whole."),
        ({"positive": 0.9, "negative": 0.3}, "The priors add up to 1.2: they are shares of one whole."),
        (["positive", 0.1], "priors: a mapping to numbers is needed, not list."),
        (np.array([0.1, 0.9]), "priors: a mapping to numbers is needed, not ndarray."),
        ({"positive": 0.9, "Positive": 0.1}, "Two of the priors are of one answer: positive, Positive."),
    ],
)
def test_priors_that_cannot_be_are_refused(registry: Registry, priors: object, why: str) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))

    with pytest.raises(InputError, match=re.escape(why)):
        registry.best_prompt(PromptQuery("films", "llm"), priors=cast("dict[str, float]", priors))


@pytest.mark.parametrize(
    ("priors", "share"),
    [
        ({"neutral": 0.3}, 30),
        ({"negative": 0.5, "positive": 0.3}, 20),  # what is not named has the rest
        ({"negative": 0.5}, 25),
    ],
)
def test_a_label_that_nobody_answers_and_that_is_often_right_leaves_all_open(
    registry: Registry, priors: dict[str, float], share: int
) -> None:
    told(registry)
    labels = (*CHOICES, "neutral")
    registry.add_task("films", TaskData("classification", labels, (*others(4), Example("so so", "neutral"))))

    ranking = registry.best_prompt(PromptQuery("films", "llm"), priors=priors)

    assert ranking.doubt == (
        f"nobody answers 'neutral', which would be right of {share}% of the texts, so all accuracies are too high"
    )
    never = registry.best_prompt(PromptQuery("films", "llm"), priors={"neutral": 0.0})
    assert "nobody answers" not in str(never.doubt)


@pytest.mark.parametrize("count", [20, 40, 100])
def test_suggested_labels_that_contradict_the_priors_leave_all_open(registry: Registry, count: int) -> None:
    """Shares that were exchanged made nine prompts right in all texts, and equal."""
    skewed(registry)
    truth = (np.random.default_rng(3).random(400) < 0.1).astype(int)
    wanted = registry.suggest_labels("films", model="llm", count=count)
    labels = {Input(row.text): CHOICES[truth[row.row]] for row in wanted}
    chances = {Input(row.text): row.chance for row in wanted}

    def doubt(positive: float) -> str:
        query = PromptQuery("films", "llm")
        return str(registry.best_prompt(query, labels=labels, chances=chances, priors={"positive": positive}).doubt)

    for wrong in (0.95, 0.9):
        assert "by their labels, and its prior is" in doubt(wrong), wrong
    for right in (0.05, 0.1, 0.2):
        assert "its prior is" not in doubt(right), right


def test_a_random_sample_with_other_shares_than_the_priors_is_told(registry: Registry) -> None:
    told(registry)
    registry.add_task("films", TaskData("classification", CHOICES, others(4)))
    some = np.random.default_rng(4).permutation(COUNT)[:40]
    labels = {TEXTS[row]: CHOICES[TRUTH[row]] for row in some}

    def asked_with(positive: float) -> PromptRanking:
        query = PromptQuery("films", "llm")
        return registry.best_prompt(query, labels=labels, at_random=True, priors={"positive": positive})

    assert asked_with(0.4).doubt is None
    assert "'negative' is right of 50% of the texts by their labels, and its prior is 3%" in str(asked_with(0.97).doubt)
