"""Tables of recorded answers in a registry: registered with all their prompts, embedded, and chosen from."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_evaluate_prompts import truth
from test_prompted import done, embedded, told
from tiny_cli import run, tiny_bert, write_rows

from embedders import embed, recorded_model, space_of_texts
from registry import PromptQuery, Registry
from registry.catalog.predictions import joined
from registry.data.predictions import Missing, Predictions
from registry.errors import DataError, InputError

PROMPTS = {"good": 0.95, "fair": 0.8, "poor": 0.6}


def rows_of(count: int = 120) -> list[dict[str, str]]:
    """Texts with the answers under three prompts, some of them missing."""
    random = np.random.default_rng(0)
    rows = []
    for number, row in enumerate(truth(count)):
        right, wrong = row["label"], "negative" if row["label"] == "positive" else "positive"
        said = {name: right if random.random() < share else wrong for name, share in PROMPTS.items()}
        rows.append({**row, **said, "poor": "" if number % 10 == 0 else said["poor"]})
    return rows


def write_table(place: Path, rows: list[dict[str, Any]]) -> Path:
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return place


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a surrogate, a task, and a registry in which it is embedded."""
    folder = tmp_path_factory.mktemp("made")
    tiny_bert(folder / "surrogate")
    write_rows(folder / "films.jsonl", truth(60, thing="meal"))
    place = folder / "store"
    done(place, "init")
    done(place, "task", "add", "films", "--data", folder / "films.jsonl")
    done(place, "space", "create", "first", "--surrogate", str(folder / "surrogate"), "--dimension", "64")
    embedded(place, "films")
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "store"


def test_a_table_is_a_model_with_a_prompt_for_each_column_and_a_space_of_its_texts(store: Path, tmp_path: Path) -> None:
    place = write_table(tmp_path / "a.csv", rows_of())

    said = done(store, "model", "add", "llm", "--recorded", place, "--space", "its-texts")

    assert said == (
        "llm version 1, with 3 prompts; 3.3% of the answers are missing\nspace its-texts of these texts, current\n"
    )
    assert embedded(store, "films", "llm@*") == ["films", "llm@fair", "llm@good", "llm@poor"]
    with Registry.open(store) as registry:
        first, second = (registry.vectors(space=name, entry="films").matrix for name in ("first", "its-texts"))
        assert np.array_equal(first, second)  # what a task is does not depend on the corpus
        entry = registry.entry("llm@poor")
        corpus = registry.catalog.spaces.get("its-texts").corpus_version_id or 0
        answered = joined(registry.catalog.predictions.chunks(entry.version_id, corpus))
        assert answered.counts() == {Missing.NO_ANSWER: 12}


def test_the_best_prompt_of_a_table_is_found_with_what_to_do_and_few_labels_settle_it(
    store: Path, tmp_path: Path
) -> None:
    done(store, "model", "add", "llm", "--recorded", write_table(tmp_path / "a.csv", rows_of()), "--space", "its-texts")
    embedded(store, "films", "llm@*")

    first = done(store, "best-prompt", "films", "--model", "llm", "--json")
    assert [row["name"] for row in first["prompts"]] == ["good", "fair", "poor"]
    assert "'fute label suggest films --model llm' names texts" in first["verdict"]["sentence"]
    done(store, "space", "use", "first")
    named = done(store, "best-prompt", "films", "--model", "llm", "--space", "its-texts", "--json")
    assert "'fute label suggest films --model llm --space its-texts' names texts" in named["verdict"]["sentence"]
    done(store, "space", "use", "its-texts")
    assert first["winner"] == {"prompt": "good", "template": "", "answers": ["negative", "positive"]}
    assert first["prompts"][0]["low"] <= 0.95 <= first["prompts"][0]["high"]

    labels = tmp_path / "labels.csv"
    done(store, "label", "suggest", "films", "--model", "llm", "-n", "30", "--out", labels)
    known = {row["text"]: row["label"] for row in truth(120)}
    with labels.open(encoding="utf-8", newline="") as file:
        filled = [{**row, "label": known[row["text"]]} for row in csv.DictReader(file)]
    write_table(labels, filled)
    after = done(store, "best-prompt", "films", "--model", "llm", "--labelled", labels, "--json")

    assert after["labelled"] == 30
    width = [told["prompts"][0]["high"] - told["prompts"][0]["low"] for told in (first, after)]
    assert width[1] < width[0]
    assert after["prompts"][0]["name"] == "good"


def test_texts_to_label_are_printed_for_a_program_although_they_are_written(store: Path, tmp_path: Path) -> None:
    done(store, "model", "add", "llm", "--recorded", write_table(tmp_path / "a.csv", rows_of()), "--space", "its-texts")
    embedded(store, "films", "llm@*")
    ask = ("--registry", store, "label", "suggest", "films", "--model", "llm", "-n", "3", "--out")
    files = [tmp_path / f"some-{number}.csv" for number in range(3)]

    printed, table, shown = (
        run(*ask, file, *form) for file, form in zip(files, (["--json"], ["--csv"], []), strict=True)
    )

    with files[0].open(encoding="utf-8", newline="") as file:
        written = [row["text"] for row in csv.DictReader(file)]
    assert [row["text"] for row in json.loads(printed.stdout)["texts"]] == written
    assert [row["text"] for row in csv.DictReader(table.stdout.splitlines())] == written
    said = [printed.stderr, table.stderr, shown.stdout]
    assert said == [f"{file}: 3 texts to label\n" for file in files]


def test_where_all_texts_have_a_label_no_file_to_fill_in_is_written(store: Path, tmp_path: Path) -> None:
    done(store, "model", "add", "llm", "--recorded", write_table(tmp_path / "a.csv", rows_of()), "--space", "its-texts")
    embedded(store, "films", "llm@*")
    write_table(tmp_path / "all.csv", [{"text": row["text"], "label": row["label"]} for row in truth(120)])

    ask = ("label", "suggest", "films", "--model", "llm", "--labelled", tmp_path / "all.csv")
    done(store, *ask, "--out", tmp_path / "more.csv")

    assert not (tmp_path / "more.csv").exists()


def test_models_of_a_long_table_stand_in_one_leaderboard(store: Path, tmp_path: Path) -> None:
    rows = [
        {"text": row["text"], "model": name, "prompt": "plain", "answer": row[column]}
        for row in rows_of()
        for name, column in (("strong", "good"), ("weak", "poor"))
        if row[column]
    ]
    done(store, "model", "add", "lab", "--recorded", write_table(tmp_path / "a.csv", rows), "--space", "its-texts")
    embedded(store, "lab/strong@*", "lab/weak@*")

    ranking = done(store, "best-model", "films", "--json")

    assert [row["name"] for row in ranking["models"]] == ["lab/strong@plain", "lab/weak@plain"]
    assert set(ranking["verdict"]) == {"kind", "sentence", "doubt"}


def test_of_a_table_all_models_are_registered_or_none(store: Path, tmp_path: Path) -> None:
    texts = (("a", "yes"), ("b", "no"))
    for file, models in (("first.csv", "AB"), ("second.csv", "CA")):
        rows = [{"text": text, "model": model, "answer": answer} for text, answer in texts for model in models]
        write_table(tmp_path / file, rows)
    done(store, "model", "add", "lab", "--recorded", tmp_path / "first.csv")

    code, error = told(store, "model", "add", "lab", "--recorded", str(tmp_path / "second.csv"))

    assert code == 2
    assert "'lab/A' is already the name of a model with other content" in error
    with Registry.open(store) as registry:
        assert [row.name for row in registry.models()] == ["lab/A", "lab/B"]


def test_nothing_else_can_be_asked_under_a_prompt_without_template(store: Path, tmp_path: Path) -> None:
    done(store, "model", "add", "llm", "--recorded", write_table(tmp_path / "a.csv", rows_of()))
    done(store, "model", "add", "enc", "--hf", str(tmp_path / "surrogate"))

    code, error = told(store, "embed", "enc@good")

    assert (code, error) == (2, "Error: Prompt 'good' has no template: only answers under it were recorded.\n")


def test_models_that_answered_other_texts_of_a_space_are_left_out_and_named(store: Path, tmp_path: Path) -> None:
    """As many texts, and not the same: side by side in one table they would be compared text by text, wrongly."""
    rows = rows_of()
    done(store, "model", "add", "all", "--recorded", write_table(tmp_path / "a.csv", rows), "--space", "its-texts")
    for name, some in (("first", rows[:60]), ("second", rows[60:])):
        done(store, "model", "add", name, "--recorded", write_table(tmp_path / f"{name}.csv", some))
    embedded(store, "first@*", "second@*")

    ranking = done(store, "best-model", "films", "--json")

    assert {row["name"].partition("@")[0] for row in ranking["models"]} == {"first"}
    assert "3 are left out, which answered other texts: second@fair, second@good, second@poor" in ranking["notes"]


# -- answers that were recorded in another space -----------------------------------------------------------------------


@pytest.fixture
def elsewhere(store: Path, tmp_path: Path) -> Path:
    """An LLM whose prompts answered the texts of space `theirs`; the current space has others."""
    table = write_table(tmp_path / "a.csv", rows_of())
    done(store, "model", "add", "llm", "--recorded", table, "--space", "theirs")
    embedded(store, "llm@*", "--space", "theirs")
    done(store, "space", "use", "first")
    return store


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            ("best-prompt", "films", "--model", "llm"),
            "'llm' has answered no texts of space 'first', but those of theirs",
        ),
        (("label", "suggest", "films", "--model", "llm"), "'llm' has answered no texts of space 'first', but those of"),
        (("best-model", "films"), "Nobody has answered the texts of space first: models answered those of theirs"),
        (
            ("label", "suggest", "films"),
            "Nobody has answered the texts of space first: models answered those of theirs",
        ),
    ],
)
def test_whoever_asks_in_the_wrong_space_is_told_the_right_one(
    elsewhere: Path, question: tuple[str, ...], answer: str
) -> None:
    code, error = told(elsewhere, *question)

    assert code == 2
    assert error.startswith(f"Error: {answer}")
    assert error.endswith(": take '--space theirs'.\n")
    done(elsewhere, *question, "--space", "theirs")


def test_what_was_recorded_of_other_texts_is_passed_over_by_all_and_by_its_plan(elsewhere: Path) -> None:
    plan = done(elsewhere, "embed", "--all", "--space", "first", "--dry-run", "--json")
    run = done(elsewhere, "embed", "--all", "--space", "first", "--json")

    assert {row["name"] for row in plan["entries"]} == set(run["embedded"])
    assert not any(row["name"].startswith("llm") for row in plan["entries"])
    _, said = told(elsewhere, "embed", "--all", "--space", "first", "--dry-run")
    assert "3 are passed over, whose answers are to other texts." in said


def test_what_was_recorded_of_other_texts_fails_in_one_line_that_names_their_space(elsewhere: Path) -> None:
    code, error = told(elsewhere, "embed", "llm", "--space", "first")

    why = "texts: they are the texts of theirs, so take '--space theirs'."
    assert code == 1
    assert error.startswith("failed llm@fair and 2 more: 'llm@fair' has recorded answers to 0 of the corpus's 1390 ")
    assert error.count(why) == 1
    status = done(elsewhere, "status")
    assert (
        status.count(f"failed    llm@fair and 2 more: 'llm@fair' has recorded answers to 0 of the corpus's 1390 {why}")
        == 1
    )
    assert sorted(done(elsewhere, "status", "--json")["failures"]) == ["llm@fair", "llm@good", "llm@poor"]


def test_all_embeds_what_a_space_can_and_the_rest_is_no_failure(elsewhere: Path) -> None:
    code, error = told(elsewhere, "embed", "--all", "--space", "first")

    assert code == 0
    assert (
        "skipped llm@fair and 2 more: 'llm@fair' has recorded answers to 0 of the corpus's 1390 texts: they are"
        in error
    )
    assert done(elsewhere, "status", "--json")["failures"] == {}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (
            [{"text": "a", "Zero shot": "yes", "zero-shot": "no"}, {"text": "b", "Zero shot": "no", "zero-shot": "no"}],
            "Columns 'Zero shot' and 'zero-shot' would both be called 'zero-shot'",
        ),
        (
            [
                {"text": text, "model": model, "answer": answer}
                for text, answer in (("a", "yes"), ("b", "no"))
                for model in ("gpt", "Llama 3", "llama-3")
            ],
            "Models 'Llama 3' and 'llama-3' would both be called 'llm/llama-3': rename one of them",
        ),
        ([{"row": "1", "p": "yes", "q": "no"}, {"row": "2", "p": "no", "q": "no"}], "The table has no column 'text'"),
        (
            [{"text": "a", "p": "yes", "q": "no"}, {"text": "a", "p": "no", "q": "no"}],
            "Rows 1 and 2 have one text and other answers",
        ),
    ],
)
def test_a_table_that_cannot_be_registered_says_why(
    store: Path, tmp_path: Path, rows: list[dict[str, str]], problem: str
) -> None:
    code, error = told(store, "model", "add", "llm", "--recorded", str(write_table(tmp_path / "a.csv", rows)))

    assert code == 2
    assert problem in error
    with Registry.open(store) as registry:
        assert not registry.models()


def test_a_table_is_evaluated_with_its_labels_and_with_a_like_task(store: Path, tmp_path: Path) -> None:
    place = write_table(tmp_path / "a.csv", rows_of())
    alone = done(store, "evaluate", "prompts", place, "--json")
    surrogate = ("--surrogate", tmp_path / "surrogate", "--device", "cpu")
    with_task = done(store, "evaluate", "prompts", place, "--task", tmp_path / "films.jsonl", *surrogate, "--json")

    for report in (alone, with_task):
        ours = next(row for row in report["methods"] if row["name"] == "estimate")
        true = report["accuracy"]["none"]
        estimated = report["estimated"]
        assert set(estimated) == set(PROMPTS)
        assert ours["mae"] == pytest.approx(np.mean([abs(estimated[p]["accuracy"] - true[p]) for p in PROMPTS]))
        inside = [estimated[p]["low"] <= true[p] <= estimated[p]["high"] for p in PROMPTS]
        assert ours["coverage"] == pytest.approx(np.mean(inside))
        assert true["poor"] <= 0.75  # a missing answer is wrong
    assert {row["name"] for row in with_task["methods"]} >= {"fute", "classifier", "classifier-corrected"}
    assert json.dumps(alone["notes"]).count("3.3% of the answers are missing") == 1


# -- answers that say nothing --------------------------------------------------------------------------


def numbered(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    number = {"negative": "0", "positive": "1"}
    return [{key: value if key == "text" else number.get(value, "") for key, value in row.items()} for row in rows]


def test_digits_as_answers_are_asked_for_their_meaning_and_nothing_is_kept(store: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "a.csv", numbered(rows_of(20)))
    lines = write_rows(tmp_path / "a.jsonl", [{"text": f"t{i}", "answer": f"LABEL_{i % 2}"} for i in range(6)])

    code, text = told(store, "model", "add", "llm", "--recorded", table)
    other, line = told(store, "model", "add", "llm", "--recorded", lines)

    assert (code, other) == (2, 2)
    assert 'its answers 0, 1 say nothing of what they mean: name them with --answers 0="...",1="...", or' in text
    assert "take them with --answers-as-they-are. Such as LABEL_0: 't4'; LABEL_1: 't5'." in line
    with Registry.open(store) as registry:
        assert list(registry.models()) == []


def test_a_data_frame_is_registered_as_its_file_would_be(store: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra analysis")
    table = write_table(tmp_path / "a.csv", rows_of(20))
    with Registry.open(store) as registry:
        file = recorded_model(registry, "file", table)
        frame = recorded_model(registry, "frame", pandas.read_csv(table))

        names = [[entry.name.partition("@")[2].removeprefix("frame/") for entry in made] for made in (file, frame)]
        assert names[0] == names[1]
        assert [one.content_hash for one in file[1:]] == [one.content_hash for one in frame[1:]]
        with pytest.raises(InputError, match="A Series is no table: give a path, a data frame"):
            recorded_model(registry, "series", pandas.Series(["yes", "no"]))


def test_an_answer_that_says_nothing_is_shown_with_a_text_though_the_first_prompt_never_gave_it(store: Path) -> None:
    rows = [{"text": f"text {n}", "first": "1", "second": "01"[n % 2]} for n in range(4)]
    with Registry.open(store) as registry, pytest.raises(DataError, match="Such as 0: 'text 2'; 1: 'text 3'"):
        recorded_model(registry, "llm", rows)


def test_samples_of_several_texts_are_registered_with_the_one_that_is_named(store: Path, tmp_path: Path) -> None:
    rows = [
        {"doc_id": n, "doc": {"review": f"film {n}", "site": f"site {n}"}, "filtered_resps": [("good", "bad")[n % 2]]}
        for n in range(20)
    ]
    samples = tmp_path / "samples_films.jsonl"
    samples.write_text("".join(json.dumps(row) + "\n" for row in rows))

    code, text = told(store, "model", "add", "llm", "--recorded", str(samples))
    assert (code, "The documents hold the texts review, site: name the one that was answered" in text) == (2, True)

    done(store, "model", "add", "llm", "--recorded", str(samples), "--text", "review", "--space", "films")
    with Registry.open(store) as registry:
        assert registry.catalog.spaces.get("films").corpus == "films-texts"


def test_a_model_may_be_called_like_a_column_of_its_table(store: Path, tmp_path: Path) -> None:
    done(store, "model", "add", "good", "--recorded", write_table(tmp_path / "a.csv", rows_of(20)))

    with Registry.open(store) as registry:
        assert registry.entry("good@good/good").name == "good@good/good"


def test_digits_as_answers_are_kept_by_the_names_they_are_given(store: Path, tmp_path: Path) -> None:
    rows = rows_of(20)
    table = write_table(tmp_path / "a.csv", numbered(rows))
    names = ("--answers", "0=negative,1=positive")

    done(store, "model", "add", "named", "--recorded", table, *names)
    done(store, "model", "add", "digits", "--recorded", table, "--answers-as-they-are")

    with Registry.open(store) as registry:
        named, digits = (registry.entry(pair).spec for pair in ("named@good", "digits@digits/good"))
    assert (named["answers"], digits["answers"]) == (["negative", "positive"], ["0", "1"])


def test_answers_with_commas_are_named_as_the_refusal_says(store: Path, tmp_path: Path) -> None:
    rows = "".join(f"text {n};{('0,5', '1,5')[n % 2]};{('0,5', '1,5')[n % 3 % 2]}\n" for n in range(20))
    table = tmp_path / "a.csv"
    table.write_text("text;one;two\n" + rows)

    code, text = told(store, "model", "add", "llm", "--recorded", str(table))
    assert (code, """--answers '"0,5"="...","1,5"="..."'""" in text) == (2, True)

    done(store, "model", "add", "llm", "--recorded", str(table), "--answers", '"0,5"="negative","1,5"=positive')
    with Registry.open(store) as registry:
        assert registry.entry("llm@one").spec["answers"] == ["negative", "positive"]


@pytest.mark.parametrize("names", ["0=negative", "0=negative,1=positive,2=neutral", "0=same,1=same"])
def test_answers_are_all_named_or_none(store: Path, tmp_path: Path, names: str) -> None:
    table = write_table(tmp_path / "a.csv", numbered(rows_of(20)))

    code, text = told(store, "model", "add", "llm", "--recorded", table, "--answers", names)

    assert (code, "name each of the answers 0, 1, and no other, by a text of its own." in text) == (2, True)


# -- what a task reads of the texts ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_twice(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two spaces of the same texts, which differ in their seeds: a long task is read through other examples in each."""
    folder = Path(shutil.copytree(made, tmp_path_factory.mktemp("twice"), dirs_exist_ok=True))
    store = folder / "store"
    write_rows(folder / "many.jsonl", truth(2100, thing="book"))
    done(store, "task", "add", "many", "--data", folder / "many.jsonl")
    done(store, "model", "add", "llm", "--recorded", write_table(folder / "a.csv", rows_of()), "--space", "one")
    with Registry.open(store) as registry:
        corpus = registry.catalog.spaces.get("one").corpus
    surrogate = ("--surrogate", str(folder / "surrogate"), "--dimension", "64")
    done(store, "space", "create", "two", *surrogate, "--corpus", str(corpus).partition(":")[0], "--seed", "1")
    for space in ("one", "two"):
        done(store, "embed", "llm@*", "--space", space)
    return folder


@pytest.fixture
def two_spaces(made_twice: Path, tmp_path: Path) -> Path:
    shutil.copytree(made_twice, tmp_path, dirs_exist_ok=True)
    return tmp_path / "store"


def test_an_answer_does_not_depend_on_which_space_of_the_same_texts_was_asked_before(
    two_spaces: Path, tmp_path: Path
) -> None:
    answers = []
    for order in (("one", "two"), ("two", "one")):
        asked = Path(shutil.copytree(two_spaces, tmp_path / "-".join(order)))
        answers.append({space: done(asked, "best-model", "many", "--space", space, "--json") for space in order})
        assert answers[-1] == {space: done(asked, "best-model", "many", "--space", space, "--json") for space in order}

    assert answers[0] == answers[1]
    assert answers[0]["one"]["models"] != answers[0]["two"]["models"]


def test_a_reading_that_an_older_release_kept_of_whatever_space_is_not_believed(
    two_spaces: Path, tmp_path: Path
) -> None:
    fresh = Path(shutil.copytree(two_spaces, tmp_path / "fresh"))
    with Registry.open(two_spaces) as registry:
        corpus = registry.catalog.spaces.get("one").corpus_version_id or 0
        said = Predictions.from_texts(["positive"] * 120, ("negative", "positive"))
        registry.catalog.predictions.put(registry.entry("many").version_id, corpus, start=0, predictions=said)

    asked = ("best-model", "many", "--space", "one", "--json")
    assert done(two_spaces, *asked) == done(fresh, *asked)


def test_who_may_not_write_is_answered_as_who_may(two_spaces: Path, tmp_path: Path) -> None:
    locked = Path(shutil.copytree(two_spaces, tmp_path / "locked"))
    (locked / "turn-next").unlink()
    (locked / "turn-next").mkdir()  # so that nobody gets a turn to write, not even a superuser
    before = (locked / "catalog.db").read_bytes()

    for ask in (("best-model", "many"), ("best-prompt", "many", "--model", "llm")):
        assert done(locked, *ask, "--json") == done(two_spaces, *ask, "--json")
    code, notes = told(locked, "best-model", "many")

    assert code == 0
    assert "what many says of the texts is read again next time, for it cannot be kept: Cannot write in" in notes
    assert (locked / "catalog.db").read_bytes() == before


# -- a table that takes the place of another ---------------------------------------------------------------------------


def test_answers_to_other_texts_of_the_same_number_are_not_laid_beside_one_another(store: Path, tmp_path: Path) -> None:
    """The new table lacks a prompt, whose old answers are to as many texts, and not to the same."""
    rows = rows_of()
    done(store, "model", "add", "all", "--recorded", write_table(tmp_path / "a.csv", rows), "--space", "its-texts")
    first = write_table(tmp_path / "first.csv", rows[:40])
    second = write_table(tmp_path / "second.csv", [without(row, "poor") for row in rows[20:60]])
    for place in (first, second):
        done(store, "model", "add", "llm", "--recorded", place, "--replace")
        embedded(store, "llm@*")

    for by in ("accuracy", "mi"):
        ranking = done(store, "best-prompt", "films", "--model", "llm", "--by", by, "--json")
        assert {row["name"] for row in ranking["prompts"]} == {"fair", "good"}
        assert "1 prompt is left out, which answered other texts: poor" in ranking["notes"]


@pytest.mark.parametrize("file", ["b.csv", "a.csv"])
def test_a_prompt_that_the_new_table_lacks_is_told_with_what_removes_it(store: Path, tmp_path: Path, file: str) -> None:
    """The new table may lie where the old one lay."""
    rows = rows_of()
    place = write_table(tmp_path / "a.csv", rows)
    done(store, "model", "add", "llm", "--recorded", place, "--space", "its-texts")
    embedded(store, "llm@*")
    place = write_table(tmp_path / file, [without(row, "poor") for row in rows])  # the others are as they were

    code, note = told(store, "model", "add", "llm", "--recorded", place, "--replace")
    assert code == 0
    assert "Not in this table, and kept with the old answers: 'fute model remove llm@poor' removes them.\n" in note
    assert embedded(store, "llm@*") == ["llm@fair", "llm@good"]
    ask = ("best-prompt", "films", "--model", "llm", "--json")
    mend = "1 prompt is judged by answers that are not in the newest table of llm: 'fute model remove llm@poor' leaves"
    assert [note for note in done(store, *ask)["notes"] if "prompt is" in note] == [f"{mend} them out"]

    done(store, "model", "remove", "llm@poor", "--yes")
    ranking = done(store, *ask)
    assert {row["name"] for row in ranking["prompts"]} == {"fair", "good"}
    assert not [note for note in ranking["notes"] if "prompt is" in note]
    assert done(store, "model", "add", "llm", "--recorded", place).startswith("llm version 2, with 2 prompts")


def test_a_prompt_that_a_data_frame_lacks_is_told_until_it_comes_again(store: Path) -> None:
    rows = rows_of()
    without_poor = [without(row, "poor") for row in rows]
    with Registry.open(store) as registry:
        space_of_texts(registry, "its-texts", recorded_model(registry, "llm", rows))
        told = []
        for table in (rows, without_poor, without_poor, rows):
            recorded_model(registry, "llm", table, replace=True)
            embed(registry, ["llm"])
            notes = registry.best_prompt(PromptQuery("films", "llm")).notes
            told.append(any("1 prompt is judged by answers that are not in the newest table" in note for note in notes))

    assert told == [False, True, True, False]


def without(row: dict[str, str], column: str) -> dict[str, str]:
    return {name: value for name, value in row.items() if name != column}
