"""One table of predictions, from the black box to the best prompt: what was answered, what was not, and why."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import delete
from tiny_cli import hand_made_space

from embedders.errors import BlackBoxError
from embedders.jobs.asking import with_answers
from registry import Registry
from registry.catalog import EntryRecord
from registry.catalog.predictions import joined
from registry.catalog.tables import PredictionChunk
from registry.choosing.best import PromptQuery
from registry.choosing.outputs import check_complete, outputs_of_prompts
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.predictions import Missing, Predictions
from registry.data.recordings import RecordedPrompt, Recording
from registry.data.tasks import TaskData
from registry.errors import InputError
from registry.prompts.fit import answers_problem
from registry.prompts.pairs import meant_by
from registry.prompts.prompt import Prompt
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.upkeep.verifying import verify

CUT, REFUSED, NONE = Missing.CUT_OFF, Missing.REFUSED, Missing.NO_ANSWER
SAID = Predictions.from_texts(["yes", CUT, "no", REFUSED, "yes", CUT])
TEXTS = tuple(Input(f"text {number}") for number in range(6))


def test_texts_and_reasons_become_rows() -> None:
    assert SAID.answers == ("yes", "no")
    assert SAID.probabilities.tolist() == [[1, 0], [0, 0], [0, 1], [0, 0], [1, 0], [0, 0]]
    assert SAID.is_answered.tolist() == [True, False, True, False, True, False]
    assert SAID.counts() == {CUT: 2, REFUSED: 1}


def test_where_all_are_answered_nothing_is_missing() -> None:
    said = Predictions.from_texts(["yes", "no"], answers=["no", "yes", "perhaps"])

    assert (said.missing, said.counts()) == (None, {})
    assert said.probabilities.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert said.likeliest() == ["yes", "no"]


def test_rows_are_taken_with_their_reasons() -> None:
    assert SAID.take([3, 0]).reasons.tolist() == [REFUSED, 0]
    assert SAID.take(SAID.is_answered).likeliest() == ["yes", "no", "yes"]
    with pytest.raises(AssertionError):
        SAID.likeliest()


def test_runs_are_joined_whatever_answers_each_knows() -> None:
    both = Predictions.joined([Predictions.from_texts(["a", "b"]), Predictions.from_texts([NONE, "c", "a"])])

    assert both.answers == ("a", "b", "c")
    assert both.reasons.tolist() == [0, 0, NONE, 0, 0]
    assert both.take(both.is_answered).likeliest() == ["a", "b", "c", "a"]


def test_the_catalog_keeps_what_was_written_and_of_a_long_reply_both_ends(registry: Registry) -> None:
    model = registry.add_model("m", {"type": "function"}, content_hash="0" * 64)
    corpus = registry.add_corpus("c", TEXTS, source="here")
    said = replace(SAID, replies=("Yes.", None, "No\nno", "I will not", f"{'so ' * 9000}yes", ""))

    registry.catalog.predictions.put(model.version_id, corpus.version_id, start=0, predictions=said)

    back = joined(registry.catalog.predictions.chunks(model.version_id, corpus.version_id)).replies
    assert back is not None
    assert (*back[:4], back[5]) == ("Yes.", None, "No\nno", "I will not", "")
    assert (back[4] or "").startswith("so so ")
    assert (back[4] or "").endswith("so yes")
    assert len(back[4] or "") < 5000


def test_replies_go_with_their_rows() -> None:
    said = replace(SAID, replies=("a", "b", "c", None, "e", "f"))

    assert said.take([4, 0]).replies == ("e", "a")
    assert said.take(said.is_answered).replies == ("a", "c", "e")
    assert Predictions.joined([SAID.take([0]), said.take([1])]).replies == (None, "b")
    assert Predictions.joined([SAID, SAID]).replies is None


def test_columns_are_brought_into_an_order() -> None:
    assert SAID.in_columns(["no", "yes"]).probabilities[:3].tolist() == [[0, 1], [0, 0], [1, 0]]
    assert SAID.in_columns(["No", "perhaps", "Yes"]).probabilities[:3].tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_the_catalog_keeps_why_an_input_has_no_answer(registry: Registry) -> None:
    model = registry.add_model("m", {"type": "function"}, content_hash="0" * 64)
    corpus = registry.add_corpus("c", TEXTS, source="here")
    store = registry.catalog.predictions

    store.put(model.version_id, corpus.version_id, start=0, predictions=SAID.take(range(4)))
    store.put(model.version_id, corpus.version_id, start=4, predictions=SAID.take(range(4, 6)))

    back = joined(store.chunks(model.version_id, corpus.version_id))
    assert back.answers == SAID.answers
    assert back.probabilities.tolist() == SAID.probabilities.tolist()
    assert back.reasons.tolist() == SAID.reasons.tolist()


def test_how_often_each_answer_was_given_is_counted_over_all_chunks(registry: Registry) -> None:
    models = [registry.add_model(name, {"type": "function"}, content_hash=name * 64) for name in "ab"]
    corpus = registry.add_corpus("c", TEXTS, source="here")
    first, second = (model.version_id for model in models)
    nothing = Predictions.from_texts([REFUSED, CUT])  # of a model that says nothing usable, no answer is known
    for start, said in ((0, SAID), (6, nothing), (8, Predictions.from_texts(["no", "perhaps"]))):
        registry.catalog.predictions.put(first, corpus.version_id, start=start, predictions=said)
    registry.catalog.predictions.put(second, corpus.version_id, start=0, predictions=nothing)

    given = registry.catalog.predictions.answers_given([first, second], corpus.version_id)

    assert given == {first: {"yes": 2, "no": 2, "perhaps": 1}, second: {}}
    assert nothing.answers == ()


def test_a_recording_keeps_it_too() -> None:
    back = Recording.from_contents(["yes", "no"], Recording(TEXTS, SAID).contents())

    assert back.predictions.reasons.tolist() == SAID.reasons.tolist()
    assert "missing" not in Recording(TEXTS[:1], SAID.take([0])).contents()


def test_what_has_no_answer_is_not_embedded() -> None:
    many = Predictions.from_texts(["yes", "no", CUT] * 20)
    texts = tuple(Input(str(number)) for number in range(60))

    inputs, answered = with_answers(texts, many, "m")

    assert len(inputs) == 40
    assert Input("2") not in inputs
    assert answered.likeliest() == ["yes", "no"] * 20


def test_a_model_that_answers_too_little_is_not_embedded() -> None:
    told = r"^Of 'm', 3 of 6 texts have no answer \(2 cut off, 1 refused\): give a model that thinks room"
    with pytest.raises(BlackBoxError, match=told):
        with_answers(TEXTS, SAID, "m")


def test_of_a_model_that_is_asked_itself_most_replies_must_be_readable() -> None:
    many = Predictions.from_texts([*["yes", "no"] * 20, *[NONE] * 40])
    texts = tuple(Input(str(number)) for number in range(80))

    assert len(with_answers(texts, many, "m")[0]) == 40, "a recorded table may cover half of a corpus"
    with pytest.raises(BlackBoxError, match=r"40 of 80 texts have no answer \(40 no answer\): let the prompt ask"):
        with_answers(texts, many, "m", is_live=True)


def test_what_lacks_most_answers_is_recorded_anew_and_all_else_stays(registry: Registry) -> None:
    version_id, corpus_id = (row.version_id for row in (_model(registry), registry.add_corpus("c", TEXTS, source="")))
    store = registry.catalog.predictions
    unread, good = Predictions.from_texts([CUT, CUT, "no"], ["yes", "no"]), Predictions.from_texts(["yes", "no", "no"])

    for predictions in (unread, good, unread):
        store.put(version_id, corpus_id, start=0, predictions=predictions)

    assert store.chunks(version_id, corpus_id)[0].likeliest() == ["yes", "no", "no"]


def _model(registry: Registry) -> EntryRecord:
    return registry.add_model("m", {"type": "function", "source": "a:b"}, content_hash="0" * 64)


# -- the best prompt ---------------------------------------------------------------------------------


def store_of(registry: Registry, *said: Predictions) -> None:
    """Register an LLM that answered this under its prompts, with vectors in a space over the texts."""
    prompts = [
        RecordedPrompt(f"p{number}", "{{text}}", own.answers, Recording(TEXTS, own)) for number, own in enumerate(said)
    ]
    entries = registry.add_recorded_llm("llm", prompts, source="here")
    corpus = registry.add_corpus("c", TEXTS, source="here")
    spec = SpaceSpec("5" * 64, "here", "textemb", {"answers": "hard"}, (Facet("text", 2),), corpus.content_hash)
    space = registry.add_space("s", spec, corpus=corpus)
    pairs = [entry for entry in entries if "@" in entry.name]
    for pair, own in zip(pairs, said, strict=True):
        registry.catalog.predictions.put(pair.version_id, corpus.version_id, start=0, predictions=own)
        registry.catalog.embeddings.put(pair.version_id, space, np.array([1, 0], np.float32), {})


def test_prompts_are_compared_by_what_all_of_them_answered(registry: Registry) -> None:
    other = Predictions.from_texts(["no", "no", "no", "yes", NONE, "yes"], answers=["yes", "no"])
    store_of(registry, SAID, other)

    outputs = outputs_of_prompts(registry.catalog, "llm", registry.space("s").record)

    assert outputs.rows.tolist() == [0, 2]
    assert outputs.table.tolist() == [[[1, 0], [0, 1]], [[0, 1], [0, 1]]]
    assert outputs.notes == (
        "4 of 6 texts are left out: under some prompt they have no answer (4 of 12 answers are missing)",
    )


def test_where_no_text_was_answered_under_every_prompt_nothing_is_compared(registry: Registry) -> None:
    other = Predictions.from_texts([NONE, "no", NONE, "yes", NONE, "yes"], answers=["yes", "no"])
    store_of(registry, SAID, other)

    outputs = outputs_of_prompts(registry.catalog, "llm", registry.space("s").record)

    assert outputs.rows.tolist() == []
    with pytest.raises(InputError, match="None of the 6 texts has an answer of 'llm' under every prompt"):
        check_complete(outputs, "llm")


def test_accuracy_needs_no_text_that_was_answered_under_every_prompt(registry: Registry) -> None:
    registry.add_task("asked", [{"text": "a", "label": "yes"}, {"text": "b", "label": "no"}])
    other = Predictions.from_texts([NONE, "no", NONE, "yes", NONE, "yes"], answers=["yes", "no"])
    store_of(registry, SAID, other)

    ranking = registry.best_prompt(PromptQuery("asked", "llm"))

    models = {row.name: row.accuracy for row in registry.best_model("asked")}
    assert {f"llm@{row.name}": row.accuracy for row in ranking} == pytest.approx(models)
    assert [(row.spread, [*row.ranks]) for row in ranking] == [(None, ["accuracy"]), (None, ["accuracy"])]
    assert any("none of the 6 texts has an answer of llm under every prompt" in note for note in ranking.notes)
    assert str(ranking.detailed())
    assert registry.suggest_labels("asked", model="llm", count=2)
    with pytest.raises(InputError, match="None of the 6 texts has an answer of 'llm' under every prompt"):
        registry.best_prompt(PromptQuery("asked", "llm", by="mi"))


def test_prompts_that_answered_another_number_of_texts_are_told_as_that(registry: Registry) -> None:
    other = Predictions.from_texts(["no", "yes", "maybe"], answers=["yes", "no", "maybe"])
    store_of(registry, SAID, SAID, Predictions.from_texts(["no", "yes"], answers=["yes", "no"]), other)

    assert outputs_of_prompts(registry.catalog, "llm", registry.space("s").record).notes[:2] == (
        "1 prompt is left out, which choose from other answers: p3",
        "1 prompt is left out, which answered other texts: p2",
    )


# -- answers of which a part is gone -----------------------------------------------------------------

MANY = tuple(Input(f"text {number}") for number in range(60))
TRUTH = ["yes" if number % 3 else "no" for number in range(60)]


def asked_in_parts(registry: Registry, *names: str) -> None:
    """Register models that are right on all of 60 texts, 20 at a time, and a task that labels all of them."""
    corpus = registry.add_corpus("texts", MANY, source="here")
    spec = SpaceSpec("5" * 64, "here", "textemb", {"answers": "hard"}, (Facet("text", 2),), corpus.content_hash)
    registry.add_space("s", spec, corpus=corpus)
    registry.add_task("asked", [{"text": one.text, "label": label} for one, label in zip(MANY, TRUTH, strict=True)])
    for name in names:
        entry = registry.add_model(name, {"type": "function", "source": f"a:{name}"}, content_hash=name * 64)
        for start in (0, 20, 40):
            said = Predictions.from_texts(TRUTH[start : start + 20], answers=["yes", "no"])
            registry.catalog.predictions.put(entry.version_id, corpus.version_id, start=start, predictions=said)


def lose_middle(registry: Registry, name: str) -> None:
    version_id = registry.catalog.entries.get(name).version_id
    with registry.catalog.database.write() as session:
        session.execute(delete(PredictionChunk).filter_by(version_id=version_id, start=20))


def test_answers_behind_a_lost_part_stay_with_their_texts(registry: Registry) -> None:
    asked_in_parts(registry, "a", "b")
    for name in "ab":
        lose_middle(registry, name)

    ranking = registry.best_model("asked")

    assert [row.accuracy for row in ranking] == [1.0, 1.0]
    assert ranking.judged.answered.rows.tolist() == [*range(20), *range(40, 60)]


def test_who_lost_a_part_is_left_out_beside_those_who_did_not(registry: Registry) -> None:
    asked_in_parts(registry, "a", "b", "c")
    lose_middle(registry, "a")

    ranking = registry.best_model("asked")

    assert {row.name: row.accuracy for row in ranking} == {"b": 1.0, "c": 1.0}
    assert "1 is left out, which answered other texts: a" in ranking.notes


def test_verify_tells_whose_answers_have_a_gap(registry: Registry) -> None:
    asked_in_parts(registry, "a", "b")
    lose_middle(registry, "a")

    assert [str(fault) for fault in verify(registry.catalog.database.location)] == [
        "answers of a: those to texts are missing from text 21 on: "
        "'fute embed a --again' in a space of these texts asks for them again"
    ]


def test_a_prompt_with_a_vector_and_no_recorded_answers_is_told(registry: Registry) -> None:
    registry.add_task("asked", [{"text": "a", "label": "yes"}, {"text": "b", "label": "no"}])
    store_of(registry, SAID, SAID)
    lost = [registry.catalog.entries.get(f"llm@p{number}").version_id for number in range(2)]

    for version_id, told in zip(lost, ("1 prompt is left out", "No answers of 'llm' to the texts of"), strict=True):
        with registry.catalog.database.write() as session:
            session.execute(delete(PredictionChunk).filter_by(version_id=version_id))
        if version_id == lost[0]:
            notes = registry.best_prompt(PromptQuery("asked", "llm")).notes
            assert any(told in note and note.endswith(": p0") for note in notes)
    with pytest.raises(InputError, match=told):
        registry.best_prompt(PromptQuery("asked", "llm"))


def test_a_space_without_a_corpus_is_refused_in_one_line(registry: Registry) -> None:
    registry.add_task("asked", [{"text": "a", "label": "yes"}, {"text": "b", "label": "no"}])
    store_of(registry, SAID, SAID)
    space = registry.add_space("clip", SpaceSpec.imported("openai/clip", 2), corpus=None)
    pair = registry.catalog.entries.get("llm@p0")
    registry.catalog.embeddings.put(pair.version_id, space, np.array([1, 0], np.float32), {})
    told = "Space clip has no corpus, so no model has answered anything there"

    with pytest.raises(InputError, match=told):
        registry.best_prompt(PromptQuery("asked", "llm"), space="clip")
    with pytest.raises(InputError, match=told):
        registry.suggest_labels("asked", model="llm", space="clip")


def test_a_tie_is_no_answer_of_a_model_that_gives_nearly_always_one(registry: Registry) -> None:
    model, corpus = _model(registry), registry.add_corpus("c", TEXTS, source="here")
    table = np.array([[0.5, 0.5]] * 4 + [[0.1, 0.9], [0.9, 0.1]], np.float32)
    store = registry.catalog.predictions
    store.put(model.version_id, corpus.version_id, start=0, predictions=Predictions(("negative", "positive"), table))

    given = store.answers_given([model.version_id], corpus.version_id)

    assert given == {model.version_id: {"negative": 1, "positive": 1}}


def test_tied_votes_are_not_held_against_labels(registry: Registry) -> None:
    registry.add_task("asked", [{"text": "a", "label": "yes"}, {"text": "b", "label": "no"}])
    inputs = MANY[:40]
    corpus = registry.add_corpus("texts", inputs, source="here")
    spec = SpaceSpec("5" * 64, "here", "textemb", {"answers": "hard"}, (Facet("text", 2),), corpus.content_hash)
    registry.add_space("s", spec, corpus=corpus)
    for number, one in enumerate("abcd"):
        tied = ["no" if (row + number) % 4 < 2 else "yes" for row in range(30)]
        entry = registry.add_model(one, {"type": "function", "source": f"a:{one}"}, content_hash=one * 64)
        said = Predictions.from_texts([*tied, *["yes"] * 10], answers=["no", "yes"])
        registry.catalog.predictions.put(entry.version_id, corpus.version_id, start=0, predictions=said)

    labels = dict(zip(inputs, [*["yes"] * 30, *["no"] * 10], strict=True))
    verdict = registry.best_model("asked", labels=labels).verdict

    assert "less than by chance" not in verdict.sentence


def test_where_all_give_one_and_the_same_answer_that_is_said(registry: Registry) -> None:
    registry.add_task("asked", [{"text": "a", "label": "yes"}, {"text": "b", "label": "no"}])
    store_of(registry, *[Predictions.from_texts(["yes"] * 6)] * 2)
    told = "llm@p0, llm@p1 give no other answer than 'yes' to the texts of space s, so there is nothing to choose by"

    with pytest.raises(InputError, match=told):
        registry.best_model("asked")
    with pytest.raises(InputError, match="count: -1 texts are none"):
        registry.suggest_labels("asked", count=-1)


def test_a_prompt_fits_a_task_whose_labels_it_answers_in_other_capitals() -> None:
    films = TaskData("classification", ("negative", "positive"), (Example("a", "negative"), Example("b", "positive")))

    for negative, is_fitting in (("Negative", True), ("bad", False)):
        prompt = Prompt("{{ text }}", (negative, " positive"), (("no",), ("yes",)))
        assert (answers_problem(prompt, films, "films") is None) is is_fitting


def test_a_pattern_finds_prompts_whatever_their_case(registry: Registry) -> None:
    prompts = [RecordedPrompt(name, "{{text}}", SAID.answers, Recording(TEXTS, SAID)) for name in ("Film-1", "film-2")]
    registry.add_recorded_llm("llm", prompts, source="here")

    found = meant_by(registry.catalog, "llm@film-*")

    assert [entry.name for entry in found] == ["llm@Film-1", "llm@film-2"]


def test_prompts_are_asked_of_the_latest_version_of_a_model_alone(registry: Registry) -> None:
    prompts = [RecordedPrompt("film", "{{text}}", SAID.answers, Recording(TEXTS, SAID))]
    registry.add_recorded_llm("llm", prompts, source="here")
    registry.add_recorded_llm("llm", prompts, source="there", replace=True)
    registry.set_alias("llm:2", "best")

    for older in ("llm:1", "llm:1@film", "llm:1@*"):
        with pytest.raises(InputError, match="asked of the latest version of 'llm': name 'llm' alone"):
            meant_by(registry.catalog, older)

    for newest in ("llm", "llm:2", "llm:best@film", "llm@*"):
        assert [entry.name for entry in meant_by(registry.catalog, newest)] == ["llm@film"]


def test_a_version_of_a_language_model_is_no_part_of_the_name_that_is_advised(registry: Registry) -> None:
    prompts = [RecordedPrompt("film", "{{text}}", SAID.answers, Recording(TEXTS, SAID))]
    registry.add_recorded_llm("llm", prompts, source="here")
    hand_made_space(registry, "by-hand")

    with pytest.raises(InputError, match="name one, 'llm@PROMPT'"):
        registry.nearest("llm:1")
