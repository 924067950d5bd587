"""MODEL@PROMPT as it is typed: entered when it is embedded, asked once, and refused before anything is kept."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny import tiny_classifier, tiny_encoder
from tiny_cli import dump, tiny_bert, write_rows

import cli
from embedders.black_boxes.loading import language_model
from embedders.black_boxes.self_select import self_select
from embedders.jobs.asking import unasked
from embedders.methods import method_named
from embedders.methods.assembling import assemble
from embedders.observed import Observed
from embedders.predictors.language.contract import LanguageModel, Question, WordScores
from embedders.surrogate.model import Surrogate
from registry import Registry
from registry.catalog import EmbeddingRecord
from registry.catalog.predictions import CONTENT_FREE, joined
from registry.data.models import ModelSpec
from registry.data.predictions import Predictions
from registry.errors import InputError
from registry.prompts.prompt import Prompt
from registry.spaces.spec import SpaceSpec

ANSWERS = ("negative", "positive")
CHOICES = ("--choice", "negative=bad,dull", "--choice", "positive=good,fine,warm")
TEMPLATES = {
    "short": "{{ text }} is",
    "long": "the film is good the book is dull {{ text }} is very",
    "nli/pair": "the {{ text }} is not cold",
}
TEXTS = [
    f"the {thing} is {how} a {other}"
    for thing in ("film", "book", "meal", "team")
    for how in ("good", "bad", "fine", "dull", "warm")
    for other in ("song", "loan", "wind")
]  # 60: two runs, the second of them shorter


def run(store: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["--registry", str(store), *map(str, arguments)])


def told(store: Path, *arguments: str | Path) -> tuple[int, str]:
    """Return the exit code, and stderr."""
    result = run(store, *arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr


def done(store: Path, *arguments: str | Path) -> Any:  # noqa: ANN401 - any JSON value
    """Run what works, and return the object that it prints with `--json`."""
    result = run(store, *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if "--json" in arguments else result.stdout


def embedded(store: Path, *names: str) -> list[str]:
    """Embed, and return the names of what got a vector."""
    return sorted(done(store, "embed", *names, "--json")["embedded"])


def held(store: Path, name: str, space: str | None = None) -> EmbeddingRecord:
    with Registry.open(store) as registry:
        entry = registry.catalog.entries.get(name)
        found = registry.catalog.embeddings.get(entry.version_id, registry.catalog.spaces.get(space).id)
    assert found is not None, f"{name} has no vector"
    return found


def entries(store: Path, kind: str) -> list[str]:
    with Registry.open(store) as registry:
        return [row.name for row in registry.entries(kind)]


def recorded(store: Path, name: str, corpus: str = "texts") -> dict[int, Predictions]:
    with Registry.open(store) as registry:
        of = registry.catalog.entries.get
        return registry.catalog.predictions.chunks(of(name).version_id, of(corpus).version_id)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with an encoder, three prompts, a task, a corpus and a space; nothing embedded."""
    place = tmp_path_factory.mktemp("made")
    store, surrogate = place / "store", tiny_bert(place / "surrogate")
    rows = [{"text": text, "label": ANSWERS[number % 2]} for number, text in enumerate(TEXTS[:20])]
    write_rows(place / "corpus.jsonl", [{"text": text} for text in TEXTS])
    done(store, "init")
    done(store, "task", "add", "films", "--data", write_rows(place / "films.jsonl", rows))
    for name, template in TEMPLATES.items():
        done(store, "prompt", "add", name, "--template", template, *CHOICES)
    done(store, "corpus", "create", "texts", "--data", place / "corpus.jsonl")
    done(store, *new_space("tiny", surrogate, "--set", "answers=probabilities"))
    return store


def new_space(name: str, surrogate: Path, *more: str) -> list[str]:
    given = ["--surrogate", str(surrogate), "--corpus", "texts", "--dimension", "768", *more]
    return ["space", "create", name, *given]


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "encoder")


@pytest.fixture
def store(tmp_path: Path, made: Path, encoder: Path) -> Path:
    folder = shutil.copytree(made, tmp_path / "store")
    done(folder, "model", "add", "enc", "--hf", encoder)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Path:
    """A registry with an encoder and a classifier too, for tests that change nothing."""
    place = tmp_path_factory.mktemp("shared")
    store = shutil.copytree(made, place / "store")
    rows = [{"text": f"the goal {n}", "label": ("sport", "money")[n % 2]} for n in range(4)]
    done(store, "task", "add", "sports", "--data", write_rows(place / "sports.jsonl", rows))
    done(store, "model", "add", "enc", "--hf", tiny_bert(place / "encoder"))
    done(store, "model", "add", "judge", "--hf", tiny_classifier(place / "judge", ANSWERS))
    done(store, *new_space("no-corpus", surrogate_of(made), "--corpus", "none"))
    done(store, *new_space("no-answers", surrogate_of(made), "--method", "textemb"))
    return store


def surrogate_of(made: Path) -> Path:
    return made.parent / "surrogate"


# -- which prompts -----------------------------------------------------------------------------------


def test_a_model_is_embedded_under_each_prompt_that_fits_a_pattern(store: Path) -> None:
    assert entries(store, "prompted-model") == []

    assert embedded(store, "enc@*") == ["enc@long", "enc@nli/pair", "enc@short"]
    assert entries(store, "prompted-model") == ["enc@long", "enc@nli/pair", "enc@short"]
    assert len({held(store, f"enc@{name}").vector.tobytes() for name in TEMPLATES}) == 3


def test_a_pattern_takes_what_fits_alone(store: Path) -> None:
    assert embedded(store, "enc@[ls]*t") == ["enc@short"]
    assert embedded(store, "enc@?ong") == ["enc@long"]


def test_beside_a_task_a_pattern_means_the_prompts_that_answer_as_it_does_and_says_which(store: Path) -> None:
    topics = ("--choice", "sport=goal", "--choice", "money=bank")
    done(store, "prompt", "add", "topic", "--template", "{{ text }} is about", *topics)

    planned = CliRunner().invoke(cli.main, ["--registry", str(store), "embed", "films", "enc@*", "--dry-run"])
    assert "'enc@*' means 3 of 4 prompts, those that answer as films does: long, nli/pair, short." in planned.stderr
    assert embedded(store, "films", "enc@*") == ["enc@long", "enc@nli/pair", "enc@short", "films"]
    assert embedded(store, "enc@topic") == ["enc@topic"], "the others by their names"
    rows = [{"text": text, "label": number % 2} for number, text in enumerate(TEXTS[:20])]
    numbered = write_rows(store.parent / "numbered.jsonl", rows)
    done(store, "task", "add", "numbered", "--data", numbered, "--answers", "0=negative,1=positive")
    again = CliRunner().invoke(cli.main, ["--registry", str(store), "embed", "numbered", "enc@*", "--dry-run"])
    assert "'enc@*' means 3 of 4 prompts, those that answer as numbered does" in again.stderr, "by its answers' texts"
    assert embedded(store, "enc@*", "--again") == ["enc@long", "enc@nli/pair", "enc@short", "enc@topic"]


def test_before_a_run_it_is_told_how_long_it_takes_by_what_the_last_of_their_kind_took(store: Path) -> None:
    nothing = done(store, "embed", "enc@long", "--dry-run", "--json")
    assert [row["seconds"] for row in nothing["entries"]] == [None]

    embedded(store, "enc@short")
    with Registry.open(store) as registry:
        space = registry.catalog.spaces.get(None)
        ((name, _, _),) = registry.catalog.spaces.last_seconds(space.id)
        version = registry.catalog.entries.get(name).version_id
        known = registry.catalog.embeddings.get(version, space.id)
        registry.catalog.embeddings.put(version, space, known.vector, {**known.provenance, "seconds": 400.0})
    plan = done(store, "embed", "enc@long", "films", "--dry-run", "--json")
    told = CliRunner().invoke(cli.main, ["--registry", str(store), "embed", "enc@long", "films", "--dry-run"])

    assert {row["name"]: row["seconds"] for row in plan["entries"]} == {"enc@long": 400.0, "films": None}
    assert "7 minutes" in told.stdout
    assert told.stderr.splitlines() == [
        "1 entry here: about 7 minutes, as the last ones of their kind took, and 1 of which nothing is known."
    ]


def test_a_model_is_tried_on_a_few_texts_and_nothing_of_it_is_kept(store: Path) -> None:
    before = dump(store)

    said = done(store, "model", "test", "enc@short", "--text", "a warm song", "--text", "a dull day", "--json")[
        "answers"
    ]
    assert [row["text"] for row in said] == ["a warm song", "a dull day"]
    assert all(set(row["probabilities"]) == set(ANSWERS) for row in said)
    assert len(done(store, "model", "test", "enc@long", "-n", "2", "--json")["answers"]) == 2
    for wrong in (("enc@*",), ("films",), ("enc",), ("enc@short", "--text-pair", "b")):
        result = CliRunner().invoke(cli.main, ["--registry", str(store), "model", "test", *wrong])
        assert (result.exit_code, result.stderr[:6]) == (2, "Error:"), wrong
    assert dump(store) == before


def test_a_recorded_model_is_tried_on_what_it_has_answers_to(store: Path, tmp_path: Path) -> None:
    rows = [{"text": f"text {number}", "answer": "good" if number % 2 else "bad"} for number in range(40)]
    done(store, "model", "add", "told", "--recorded", write_rows(tmp_path / "told.jsonl", rows))

    result = CliRunner().invoke(
        cli.main,
        ["--registry", str(store), *["model", "test", "told", "--text"], "text 3", "--text", "nowhere", "--json"],
    )
    code, said = told(store, "model", "test", "told", "--text", "nowhere")

    assert [(row["text"], row["answer"]) for row in json.loads(result.stdout)["answers"]] == [("text 3", "good")]
    assert code == 2
    assert said.strip() == (
        "Error: 'told' can be asked about none of these texts, for it has recorded answers to others ('fute model "
        "answers told')."
    )


def test_a_model_alone_means_the_prompts_under_which_it_is_known(store: Path) -> None:
    embedded(store, "enc@short", "enc@long")

    again = done(store, "embed", "enc", "--json")

    assert (again["known"], again["embedded"]) == (["enc@long", "enc@short"], {})


def test_a_pair_that_is_embedded_is_found_and_compared(store: Path) -> None:
    embedded(store, "enc@short", "films")

    assert done(store, "nearest", "films", "--kind", "prompted-model", "--json")["matches"][0]["name"] == "enc@short"
    assert "map" in json.dumps(done(store, "compare", "films", "enc@short", "--json"))


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["enc"], "'enc' answers under a prompt: name one, 'fute embed enc@PROMPT', or all, 'fute embed \"enc@*\"'."),
        (["enc@shrt"], "No prompt named 'shrt' in this registry. Did you mean 'short'?"),
        (["enc@x*"], "No prompt named 'x*' in this registry."),
        (["end@short"], "No model named 'end' in this registry. Did you mean 'enc'?"),
        (["end@*"], "No model named 'end' in this registry. Did you mean 'enc'?"),
        (["films@short"], "No model named 'films' in this registry."),
        (["enc@films"], "No prompt named 'films' in this registry."),
        (["short"], "'short' is a prompt: only tasks and models are embedded."),
        (["enc@short:7"], "No "),
        (["enc@"], "'' is not a name"),
        (["enc@short@long"], "No prompt named 'short@long'"),
        (["enc@a b"], "'a b' is not a name"),
        (["enc@short", "enc@shrt"], "No prompt named 'shrt'"),
        (["enc@*", "nobody"], "No entry named 'nobody'"),
        (["enc@short", "films", "texts"], "'texts' is a corpus: only tasks and models are embedded."),
    ],
)
def test_what_is_not_there_is_told_in_one_line_and_nothing_is_entered(
    shared: Path, names: list[str], problem: str
) -> None:
    before = dump(shared)

    code, error = told(shared, "embed", *names)

    assert (code, error.count("\n")) == (2, 1)
    assert problem in error
    assert dump(shared) == before


@pytest.mark.parametrize("name", ["judge@short", "judge@*"])
def test_a_classifier_takes_no_prompt(shared: Path, name: str) -> None:
    before = dump(shared)

    said = told(shared, "embed", name)

    assert said == (2, "Error: 'judge' takes no prompt: it is embedded as it is, 'fute embed judge'.\n")
    assert dump(shared) == before


@pytest.mark.parametrize(
    ("space", "problem"),
    [
        ("no-corpus", "it has no corpus to observe models on"),
        ("no-answers", "textemb sees no answers"),
    ],
)
def test_a_space_that_cannot_hold_models_refuses_a_pair_before_it_is_entered(
    shared: Path, space: str, problem: str
) -> None:
    before = dump(shared)

    code, error = told(shared, "embed", "enc@short", "--space", space)

    assert (code, error.count("\n")) == (2, 1)
    assert problem in error
    assert dump(shared) == before


# -- versions and removal ----------------------------------------------------------------------------


def test_a_new_version_of_a_prompt_is_embedded_anew_and_the_old_one_stays(store: Path) -> None:
    embedded(store, "enc@short")
    before = held(store, "enc@short")
    done(store, "prompt", "add", "short", "--template", "a song {{ text }} is not", *CHOICES, "--replace")

    assert embedded(store, "enc") == ["enc@short"]

    shown = done(store, "model", "show", "enc@short", "--json")
    assert (shown["version"], shown["spec"]["model"], shown["spec"]["prompt"]) == (2, "enc:1", "short:2")
    assert held(store, "enc@short").vector.tobytes() != before.vector.tobytes()
    assert held(store, "enc@short:1").vector.tobytes() == before.vector.tobytes()
    assert done(store, "model", "show", "enc@short:1", "--json")["spec"]["prompt"] == "short:1"


def test_a_new_version_of_the_model_is_embedded_anew_and_the_old_one_stays(
    store: Path, tmp_path: Path, made: Path
) -> None:
    embedded(store, "enc@short", "enc@long")
    before = held(store, "enc@short")
    done(store, "model", "add", "enc", "--hf", tiny_encoder(tmp_path / "other"), "--replace")

    assert embedded(store, "enc") == ["enc@long", "enc@short"]

    assert done(store, "model", "show", "enc@short", "--json")["spec"]["model"] == "enc:2"
    assert held(store, "enc@short").vector.tobytes() != before.vector.tobytes()
    assert held(store, "enc@short:1").vector.tobytes() == before.vector.tobytes()
    done(store, *new_space("later", surrogate_of(made), "--seed", "1"))
    assert embedded(store, "enc@short:1", "enc@short", "--space", "later") == ["enc@short"]
    for name in ("enc@short:1", "enc@short"):
        assert held(store, name, "later").vector.shape == (768,)


def test_a_prompt_in_use_is_not_removed_and_a_model_takes_its_pairs_along(store: Path) -> None:
    embedded(store, "enc@short", "films")
    before = dump(store)

    assert told(store, "prompt", "remove", "short") == (
        2,
        "Error: 'short' is used by enc@short: remove those first.\n",
    )
    assert dump(store) == before
    done(store, "prompt", "remove", "long")
    done(store, "model", "remove", "enc")

    assert (entries(store, "prompted-model"), entries(store, "model")) == ([], [])
    with Registry.open(store) as registry:
        assert registry.vectors().names == ("films",)
    done(store, "prompt", "remove", "short")


def test_one_pair_can_be_removed_and_made_again(store: Path) -> None:
    embedded(store, "enc@short", "enc@long")
    before = held(store, "enc@short").vector.tobytes()

    done(store, "model", "remove", "enc@short")

    assert entries(store, "prompted-model") == ["enc@long"]
    assert embedded(store, "enc@short") == ["enc@short"]
    assert held(store, "enc@short").vector.tobytes() == before


# -- asked once --------------------------------------------------------------------------------------


def test_answers_are_kept_in_runs_and_those_to_inputs_that_say_nothing_beside_them(store: Path) -> None:
    embedded(store, "enc@short")

    chunks = recorded(store, "enc@short")

    assert {start: one.probabilities.shape for start, one in chunks.items()} == {
        CONTENT_FREE: (3, 2),
        0: (32, 2),
        32: (28, 2),
    }
    assert {one.answers for one in chunks.values()} == {ANSWERS}
    assert np.allclose(chunks[0].probabilities.sum(axis=1), 1, atol=1e-6)


def test_a_second_space_over_the_same_texts_needs_no_model(store: Path, made: Path, encoder: Path) -> None:
    embedded(store, "enc@*")
    asked = held(store, "enc@short").provenance["asked"]
    shutil.rmtree(encoder)
    done(store, *new_space("second", surrogate_of(made), "--seed", "3"))

    assert embedded(store, "enc", "--space", "second") == ["enc@long", "enc@nli/pair", "enc@short"]

    assert held(store, "enc@short", "second").provenance["asked"] == asked
    code, error = told(store, "embed", "enc@short", "--space", "second", "--again")
    assert (code, "1 embedded" in error) == (0, True)


def test_how_a_model_was_asked_stands_in_the_provenance(store: Path) -> None:
    embedded(store, "enc@short")

    provenance = held(store, "enc@short").provenance

    assert provenance["asked"] == {
        "style": "vanilla",
        "kind": "sentence-encoder",
        "chat_template": False,
        "most_tokens": 64,
        "temperature": 0.05,
    }
    assert provenance["examples"] == len(TEXTS)


def test_what_was_answered_to_nothing_calibrates_the_prompts(store: Path, encoder: Path) -> None:
    embedded(store, "enc@*", "films")
    shutil.rmtree(encoder)
    asked = ("best-prompt", "films", "--model", "enc", "--by", "locale", "--json")

    plain = {row["name"]: row["score"] for row in done(store, *asked)["prompts"]}
    ranked = {row["name"]: row["score"] for row in done(store, *asked, "--calibration", "contextual")["prompts"]}

    expected = {}
    for name in TEMPLATES:
        chunks = recorded(store, f"enc@{name}")
        leaning = np.exp(np.log(chunks[CONTENT_FREE].probabilities.astype(float))).mean(axis=0)
        table = joined(chunks).probabilities / leaning
        table /= table.sum(axis=1, keepdims=True)
        expected[name] = float(-(table * np.log(table)).sum(axis=1).mean())
    assert ranked == pytest.approx(expected, abs=1e-4)
    assert ranked != pytest.approx(plain, abs=1e-4)


def test_the_model_itself_is_asked_for_its_choice(store: Path) -> None:
    embedded(store, "enc@short", "enc@nli/pair", "films")

    answer = done(store, "best-prompt", "films", "--model", "enc", "--by", "self-select", "-k", "3", "--json")

    with Registry.open(store) as registry:
        model = registry.catalog.entries.get("enc")
        prompts = {name: registry.prompt(name) for name in ("short", "nli/pair")}
    names = [row["name"] for row in sorted(answer["prompts"], key=lambda row: row["name"])]
    asked = language_model(ModelSpec.from_document(model.spec), device="cpu", name="enc")
    scores = self_select(asked, [prompts[name] for name in names])
    told = {row["name"]: row["score"] for row in answer["prompts"]}
    assert told == pytest.approx(dict(zip(names, scores, strict=True)))
    assert [row["score"] for row in answer["prompts"]] == sorted(scores, reverse=True)


def test_the_question_for_its_choice_has_each_prompt_by_its_letter() -> None:
    class Told:
        """Keeps what it is asked."""

        def can_read(self, asked: Question, words: Sequence[str]) -> bool:
            return len(asked.text) < 200

        def score(self, asked: Sequence[Question], words: Sequence[str]) -> WordScores:
            self.asked, self.words = asked, words
            return WordScores(np.array([[-2.0, -1.0]]), None)

    told_of = Told()
    prompts = [Prompt(text, ANSWERS, (("bad", "dull"), ("good",))) for text in ("{{ text }} is", "Is {{ text }} good?")]

    scores = self_select(cast("LanguageModel", told_of), prompts)

    (asked,) = told_of.asked
    assert "A. {{ text }} is (bad, good)\nB. Is {{ text }} good? (bad, good)\n" in asked.text
    assert (scores.tolist(), told_of.words) == ([-2.0, -1.0], ["A", "B"])
    with pytest.raises(InputError, match="a list of 14 prompts is longer than what the model can read"):
        self_select(cast("LanguageModel", told_of), prompts * 7)


def test_it_is_asked_for_its_choice_among_the_prompts_as_they_were_embedded(store: Path) -> None:
    embedded(store, "enc@short", "enc@nli/pair", "films")
    asked = ("best-prompt", "films", "--model", "enc", "--by", "self-select", "--json")
    before = done(store, *asked)["prompts"]

    done(store, "prompt", "add", "short", "--template", "is {{ text }} warm or cold", *CHOICES, "--replace")

    assert done(store, *asked)["prompts"] == before


def test_a_list_of_prompts_that_is_too_long_to_be_read_is_refused(store: Path) -> None:
    embedded(store, "enc@*", "films")

    assert told(store, "best-prompt", "films", "--model", "enc", "--by", "self-select") == (
        2,
        "Error: No self-select: a list of 3 prompts is longer than what the model can read.\n",
    )


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (("nowhere",), "No task named 'nowhere' in this registry."),
        (("films", "--calibration", "magic"), "No calibration 'magic': there are none, contextual, batch."),
    ],
)
def test_what_is_wrong_with_a_question_is_told_before_the_model_is_loaded(
    store: Path, encoder: Path, wrong: tuple[str, ...], problem: str
) -> None:
    embedded(store, "enc@*", "films")
    shutil.rmtree(encoder)

    code, error = told(store, "best-prompt", *wrong, "--model", "enc", "--by", "self-select")

    assert (code, error.count("\n")) == (2, 1)
    assert problem in error


def test_perplexity_is_refused_where_a_model_cannot_tell_it(store: Path) -> None:
    embedded(store, "enc@*", "films")

    assert told(store, "best-prompt", "films", "--model", "enc", "--by", "perplexity") == (
        2,
        "Error: Nothing was recorded of the prompts' own probabilities, so not by perplexity.\n",
    )


@pytest.mark.parametrize("how", ["hard", "probabilities", "calibrated"])
def test_a_space_makes_its_vectors_of_the_answers_that_it_is_set_to(store: Path, made: Path, how: str) -> None:
    done(store, *new_space(how, surrogate_of(made), "--set", f"answers={how}", "--seed", "5"))
    embedded(store, "enc@short", "--space", how)
    with Registry.open(store) as registry:
        spec = SpaceSpec.from_document(registry.catalog.spaces.get(how).spec)
        inputs = registry.corpus_inputs("texts")

    made_of = as_set(joined(recorded(store, "enc@short")).probabilities.astype(float), how)
    observed = Observed(tuple(inputs), ANSWERS, np.tile(np.arange(2), (len(inputs), 1)), made_of.astype(np.float32))
    surrogate = Surrogate(surrogate_of(made), device="cpu", max_length=spec.parameters["max_length"])
    reading = method_named(spec.method).read(
        surrogate, observed, spec.parameters, seed=spec.seed, dimension=spec.dimension
    )

    vector = held(store, "enc@short", how).vector
    assert vector == pytest.approx(assemble(reading, spec), abs=1e-5)
    others = {"hard", "probabilities", "calibrated"} - {how}
    for other in others:
        assert not np.allclose(as_set(joined(recorded(store, "enc@short")).probabilities.astype(float), other), made_of)


def as_set(table: NDArray[np.float64], how: str) -> NDArray[np.float64]:
    """Return the answers that a space is made of, by their definitions."""
    if how == "hard":
        return (table == table.max(axis=1, keepdims=True)).astype(float)
    if how == "probabilities":
        return table
    divided = table / table.mean(axis=0)
    return divided / divided.sum(axis=1, keepdims=True)


def test_a_model_that_is_gone_fails_in_one_line_and_is_taken_up_when_it_is_back(store: Path, encoder: Path) -> None:
    hidden = encoder.rename(encoder.with_name("hidden"))

    code, error = told(store, "embed", "enc@short")

    assert code == 1
    assert error.splitlines()[0].startswith("failed enc@short: ")
    assert error.count("\n") == 2
    assert recorded(store, "enc@short") == {}
    hidden.rename(encoder)
    assert embedded(store, "enc@short") == ["enc@short"]


def test_weights_that_changed_are_not_asked(store: Path, encoder: Path) -> None:
    with (encoder / "config.json").open("a") as config:
        config.write(" ")
    body = bytearray((encoder / "model.safetensors").read_bytes())
    body[-1] ^= 1
    (encoder / "model.safetensors").write_bytes(body)

    code, error = told(store, "embed", "enc@short", "films")

    assert code == 1
    assert "has changed since it was registered: add it with --replace" in error
    with Registry.open(store) as registry:
        assert registry.vectors().names == ("films",)


# -- what is left to ask -----------------------------------------------------------------------------


@given(
    count=st.integers(0, 400),
    size=st.integers(1, 130),
    runs=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 130)), max_size=8),
    has_free=st.booleans(),
)
def test_what_is_left_to_ask_and_what_is_recorded_tile_the_inputs(
    count: int, size: int, runs: list[tuple[int, int]], *, has_free: bool
) -> None:
    """Earlier runs may have had another size, and may have been lost anywhere."""
    chunks: dict[int, Predictions] = {}
    covered, start = [0] * count, 0
    for gap, length in runs:
        start += gap
        stop = min(start + length, count)
        if start < stop:
            chunks[start] = answered(stop - start)
            covered[start:stop] = [1] * (stop - start)
        start = max(start, stop)
    if has_free:
        chunks[CONTENT_FREE] = answered(3)

    for first, last in unasked(chunks, count, size):
        assert 0 < last - first <= size
        for row in range(first, last):
            covered[row] += 1
        chunks[first] = answered(last - first)  # as the engine does while it goes on

    assert covered == [1] * count
    assert len(joined(chunks).probabilities) == count
    assert list(unasked(chunks, count, size)) == []


def answered(count: int) -> Predictions:
    return Predictions(ANSWERS, np.full((count, 2), 0.5, np.float32))


# -- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("prompt", "add", "n", "--template", "{{ text }}"), "--choice LABEL=WORD,WORD for each."),
        (("prompt", "add", "n", "--template", "{{ text }}", "--choice", "a=x"), "--choice LABEL=WORD,WORD for each."),
        (("prompt", "add", "n", "--template", "{{ text }}", "--choice", "a=", "--choice", "b=y"), "LABEL=WORD,WORD"),
        (("prompt", "add", "n", "--template", "{{ text }}", "--choice", "a", "--choice", "b=y"), "LABEL=WORD,WORD"),
        (("prompt", "test", "short", "--task", "sports"), "give --choice LABEL=WORD for each of them"),
        (("prompt", "test", "short", "--task", "nowhere"), "No task named 'nowhere' in this registry."),
        (("corpus", "create", "none", "--data", "empty.txt"), "empty.txt: holds no texts: a corpus has one"),
        (("corpus", "create", "none", "--data", "empty.jsonl"), "empty.jsonl: holds no examples."),
        (("corpus", "create", "none", "--data", "blank.txt"), "blank.txt: holds no texts: a corpus has one"),
        (("corpus", "create", "none", "--data", "untold.jsonl"), "untold.jsonl: has no column 'text'; it has x."),
    ],
)
def test_bad_input_is_one_line_that_leaves_the_registry_as_it_was(
    shared: Path, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    files = {"empty.txt": "", "empty.jsonl": "", "blank.txt": " \n\n", "untold.jsonl": '{"x": "y"}\n'}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = dump(shared)

    code, error = told(shared, *arguments)

    assert (code, error.count("\n")) == (2, 1)
    assert problem in error
    assert dump(shared) == before
