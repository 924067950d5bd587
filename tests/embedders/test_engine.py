"""Embedding jobs from end to end: in the tiny surrogate's space, with real black boxes."""

import json
import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from importlib import invalidate_caches
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from goals import Goal
from tiny import opinions, sentences, tiny_classifier, tiny_encoder
from waiting import LIMIT

import cli
from embedders import create_space, embed, function_model, hf_model, recorded_model
from embedders.errors import ModelNotUsableError, NoDeviceError, SettingError
from embedders.jobs.asking import CHUNK
from embedders.jobs.runs import EmbedReport
from registry import Registry
from registry.catalog import EmbeddingRecord, SpaceRecord
from registry.data.inputs import Input
from registry.errors import InputError, LeaseLostError, NotFoundError

ROOT = Path(__file__).parents[2]
TEXTS = [Input(text) for text in sentences(("fine", "dull", "great", "poor"), 40)]
PAIRS = [Input("a fine film", "a great meal"), Input("a dull film", "a poor song")]
MANY = [Input(text) for text in sentences(("fine", "dull", "great", "poor"), 2 * CHUNK + 44)]
GONE = "What this belongs to has been removed meanwhile: nothing is kept."
BODY = "return ['good' if 'fine' in text or 'great' in text else 'bad' for text in texts]"
Writer = Callable[[str], str]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("models") / "encoder")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier(tmp_path_factory.mktemp("models") / "classifier", ("negative", "positive"))


@pytest.fixture
def function(tmp_path: Path) -> Writer:
    """Write the body of a function `answer(texts)` to a module of its own, and return how it is registered."""

    def write(body: str) -> str:
        name = f"box_{uuid.uuid4().hex}"
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        source = f"from pathlib import Path\n\nHERE = Path({str(tmp_path)!r})\n\n\ndef answer(texts):\n{lines}\n"
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        invalidate_caches()
        return f"{name}:answer"

    return write


@pytest.fixture
def filled(registry: Registry, encoder: Path, function: Writer, classifier: Path) -> Registry:
    """Two tasks, two models, a corpus and a space."""
    registry.add_task("films", opinions(32))
    registry.add_task("meals", opinions(24, ("bad", "good")))
    function_model(registry, "critic", function(BODY))
    hf_model(registry, "judge", str(classifier))
    _space(registry, encoder)
    return registry


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "other") as opened:
        yield opened


def _space(registry: Registry, encoder: Path, texts: list[Input] | None = None, **chosen: Any) -> SpaceRecord:  # noqa: ANN401
    registry.add_corpus("texts", TEXTS if texts is None else texts, source="made here")
    settings = {"dimension": 64, "corpus": "texts", **chosen}
    return create_space(registry, "tiny", surrogate=str(encoder), **settings)


def _embed(registry: Registry, names: list[str] | None = None, **chosen: Any) -> EmbedReport:  # noqa: ANN401
    return embed(registry, names, device="cpu", **chosen)


def _held(registry: Registry, name: str) -> EmbeddingRecord:
    entry = registry.catalog.entries.get(name)
    record = registry.catalog.embeddings.get(entry.version_id, registry.catalog.spaces.get().id)
    assert record is not None, f"{name} has no vector"
    return record


def _vector(registry: Registry, name: str) -> bytes:
    return _held(registry, name).vector.tobytes()


def _names(registry: Registry) -> list[str]:
    return sorted(registry.vectors().names)


def _attempts(registry: Registry) -> list[int]:
    with closing(sqlite3.connect(registry.folder / "catalog.db")) as database:
        return [attempts for (attempts,) in database.execute("SELECT attempts FROM jobs")]


# -- what is embedded ------------------------------------------------------------------------------------


def test_every_task_and_model_gets_a_unit_vector(filled: Registry) -> None:
    report = _embed(filled)

    assert sorted(report.embedded) == ["critic", "films", "judge", "meals"] == _names(filled)
    assert (report.space, report.known, report.busy, report.failed) == ("tiny", [], {}, {})
    lengths = np.linalg.norm(filled.vectors().matrix, axis=1)
    assert lengths.tolist() == pytest.approx([1.0] * 4, abs=1e-6)
    assert filled.status().jobs == {"done": 4}


def test_only_what_was_named_is_embedded_and_once(filled: Registry) -> None:
    report = _embed(filled, ["judge", "films", "judge"])

    assert list(report.embedded) == ["judge", "films"]
    assert _names(filled) == ["films", "judge"]


def test_what_is_done_is_told_as_it_is_done(filled: Registry) -> None:
    told: list[tuple[str, float, list[str]]] = []

    report = _embed(filled, ["films", "judge"], on_done=lambda name, s: told.append((name, s, _names(filled))))

    assert [(name, names) for name, _, names in told] == [("films", ["films"]), ("judge", ["films", "judge"])]
    assert {name: seconds for name, seconds, _ in told} == report.embedded


def test_what_is_embedded_can_be_asked_for(filled: Registry) -> None:
    _embed(filled)

    assert sorted(match.name for match in filled.nearest("films", duplicates=True)) == ["critic", "judge", "meals"]


def test_a_vector_knows_where_it_came_from(filled: Registry) -> None:
    _embed(filled, ["films", "critic"])

    task, model = (dict(_held(filled, name).provenance) for name in ("films", "critic"))
    assert task.pop("seconds") >= 0
    assert 0 < task.pop("fit") <= 1
    assert task == {
        "space": filled.catalog.spaces.get("tiny").fingerprint,
        "content": filled.catalog.entries.get("films").content_hash,
        "examples": 32,
        "device": "cpu",
        "versions": {n: version(n) for n in ("torch", "transformers", "peft", "numpy", "fute-registry")},
    }
    assert (model["examples"], model["content"]) == (40, filled.catalog.entries.get("critic").content_hash)


def test_what_tuning_reached_is_remembered(registry: Registry, encoder: Path) -> None:
    registry.add_task("films", opinions())
    _space(registry, encoder, method="tupate", settings={"steps": "16", "batch_size": "8", "learning_rate": "0.01"})

    _embed(registry)

    told = _held(registry, "films").provenance
    assert told["steps"] == 16
    assert told["last_loss"] < told["first_loss"]


def test_a_task_is_read_from_no_more_examples_than_the_space_says(registry: Registry, encoder: Path) -> None:
    registry.add_task("films", opinions(60))
    _space(registry, encoder, settings={"examples": "10"})

    _embed(registry)

    assert _held(registry, "films").provenance["examples"] == 10


def test_hard_answers_and_probabilities_are_different_spaces(filled: Registry, encoder: Path) -> None:
    _embed(filled, ["judge"])
    soft = create_space(
        filled,
        "soft",
        surrogate=str(encoder),
        corpus="texts",
        dimension=64,
        settings={"answers": "probabilities"},
    )
    hard = _vector(filled, "judge")

    _embed(filled, ["judge"], space="soft")

    assert soft.fingerprint != filled.catalog.spaces.get("tiny").fingerprint
    assert filled.vectors(space="soft").matrix[0].tobytes() != hard


# -- twice -----------------------------------------------------------------------------------------------


def test_what_has_a_vector_is_not_embedded_again_and_no_model_is_loaded(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "surrogate")
    registry.add_task("films", opinions())
    _space(registry, folder)
    _embed(registry)
    folder.rename(tmp_path / "gone")

    report = _embed(registry)

    assert (report.known, report.embedded) == (["films"], {})
    assert _attempts(registry) == [1]
    with pytest.raises(ModelNotUsableError, match=r"surrogate is not a folder with a model\.$"):
        _embed(registry, again=True)


def test_again_embeds_what_has_a_vector_and_gets_the_same_one(filled: Registry) -> None:
    _embed(filled)
    before = {name: _vector(filled, name) for name in _names(filled)}

    report = _embed(filled, again=True)

    assert sorted(report.embedded) == sorted(before)
    assert report.known == []
    assert {name: _vector(filled, name) for name in _names(filled)} == before
    assert _attempts(filled) == [2, 2, 2, 2]


def test_a_new_entry_is_embedded_beside_the_known_ones(filled: Registry) -> None:
    _embed(filled)
    filled.add_task("songs", opinions(16))

    report = _embed(filled)

    assert list(report.embedded) == ["songs"]
    assert sorted(report.known) == ["critic", "films", "judge", "meals"]


def test_a_new_version_of_a_task_is_embedded(filled: Registry) -> None:
    _embed(filled, ["films"])
    before = _vector(filled, "films")
    filled.add_task("films", opinions(16), replace=True)

    report = _embed(filled, ["films"])

    assert list(report.embedded) == ["films"]
    assert _vector(filled, "films") != before


@pytest.mark.goal("R16", "the same task and model, embedded in two registries: equal to the last bit")
@pytest.mark.parametrize("chosen", [{}, {"method": "tupate", "settings": {"steps": "6"}}], ids=["mapemb", "tupate"])
def test_two_registries_embed_the_same_bit_by_bit(
    goal: Goal, registry: Registry, other: Registry, encoder: Path, classifier: Path, chosen: dict[str, Any]
) -> None:
    for made in (registry, other):
        _space(made, encoder, **chosen)
    registry.add_task("films", opinions())
    hf_model(registry, "judge", str(classifier))
    hf_model(other, "judge", str(classifier))
    other.add_task("before-it", opinions(16))
    other.add_task("films", opinions())

    _embed(registry)
    _embed(other)

    assert registry.catalog.spaces.get().fingerprint == other.catalog.spaces.get().fingerprint
    assert _vector(registry, "films") == _vector(other, "films")
    assert _vector(registry, "judge") == _vector(other, "judge")
    goal.reached(f"{chosen.get('method', 'mapemb')}: 2 vectors, 0 other bits")


def test_what_another_run_has_embedded_meanwhile_is_not_embedded_again(filled: Registry) -> None:
    def meanwhile(name: str, _: float) -> None:
        if name == "films":
            with Registry.open(filled.folder) as same:
                _embed(same, ["meals"])

    report = _embed(filled, ["films", "meals"], on_done=meanwhile)

    assert list(report.embedded) == ["films"]
    assert _attempts(filled) == [1, 1]


def test_what_another_run_is_at_is_left_and_told_with_exit_code_1_unless_it_is_taken_over(filled: Registry) -> None:
    def run(*more: str) -> Result:
        return CliRunner().invoke(
            cli.main, ["--registry", str(filled.folder), "embed", "films", "--device", "cpu", *more]
        )

    films, space = filled.catalog.entries.get("films"), filled.catalog.spaces.get()
    with filled.catalog.jobs.working() as other:
        assert other.claim(films.version_id, space.id) is None

        left = run()
        assert (left.exit_code, _names(filled)) == (1, [])
        assert f"left films: {other.worker.place} is embedding it (--take-over takes it from" in left.stderr

        taken = run("--take-over")
        assert (taken.exit_code, _names(filled)) == (0, ["films"])
        with pytest.raises(LeaseLostError):
            filled.catalog.embeddings.put(
                films.version_id, space, _held(filled, "films").vector, {}, worker=other.worker
            )


def test_an_entry_that_is_removed_meanwhile_fails_and_the_others_are_embedded(filled: Registry) -> None:
    def meanwhile(name: str, _: float) -> None:
        if name == "films":
            with Registry.open(filled.folder) as same:
                same.remove("meals", "task")

    report = _embed(filled, ["films", "meals", "critic"], on_done=meanwhile)

    assert list(report.embedded) == ["films", "critic"]
    assert report.failed == {"meals": GONE}
    assert filled.catalog.jobs.counts() == {"done": 2}


def test_a_model_that_is_removed_while_it_answers_fails_and_the_others_are_embedded(
    filled: Registry, function: Writer
) -> None:
    leave = (
        "from registry import Registry\n"
        f"with Registry.open({str(filled.folder)!r}) as same:\n"
        "    if 'box' in [model.name for model in same.models()]: same.remove('box', 'model')\n"
    )
    function_model(filled, "box", function(leave + BODY))

    report = _embed(filled, ["box", "critic"])

    assert list(report.embedded) == ["critic"]
    assert report.failed == {"box": GONE}


def test_two_processes_embed_each_entry_once(registry: Registry, encoder: Path, tmp_path: Path) -> None:
    names = [f"task-{number}" for number in range(8)]
    for number, name in enumerate(names):
        registry.add_task(name, opinions(24 + 2 * number))
    _space(registry, encoder, method="tupate", settings={"steps": "20"})
    script = (
        "import json, os, sys, torch, warnings\n"
        "warnings.simplefilter('ignore')\nimport peft, transformers\n"
        "from embedders.jobs.runs import embed\nfrom registry import Registry\n"
        "torch.set_num_threads(1)\n"
        "second = os.fork() == 0\n"
        "with Registry.open(sys.argv[1]) as registry:\n"
        "    hear, tell = map(int, sys.argv[4:6] if second else sys.argv[2:4])\n"
        "    os.write(tell, b'.'), os.read(hear, 1)\n"  # both are there
        "    report = embed(registry, device='cpu')\n"
        "print(json.dumps([list(report.embedded), report.known, report.busy, report.failed]), flush=True)\n"
        "if not second: os.wait()\n"
    )
    (hear, told), (also_hear, also_told) = os.pipe(), os.pipe()
    pipes = [str(pipe) for pipe in (hear, also_told, also_hear, told)]

    done = subprocess.run(
        [sys.executable, "-c", script, str(registry.folder), *pipes],
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        pass_fds=(hear, told, also_hear, also_told),
        text=True,
        timeout=5 * LIMIT,
        check=True,
    )

    (one, _, _, failed), (two, _, _, also_failed) = map(json.loads, done.stdout.splitlines())
    assert (failed, also_failed) == ({}, {})
    assert sorted(one + two) == names == _names(registry)
    assert _attempts(registry) == [1] * 8


# -- what fails ------------------------------------------------------------------------------------------


def test_a_black_box_that_fails_does_not_stop_the_others(filled: Registry, function: Writer) -> None:
    function_model(filled, "broken", function("raise ValueError('no luck')"))

    report = _embed(filled)

    assert sorted(report.embedded) == ["critic", "films", "judge", "meals"] == _names(filled)
    assert list(report.failed) == ["broken"]
    assert report.failed["broken"].endswith(":answer raised ValueError: no luck")
    assert filled.status().failures == report.failed
    assert filled.status().jobs == {"done": 4, "failed": 1}


@pytest.mark.parametrize("source", ["raise ValueError('no luck')\nanswer = 1\n", "def answer(:\n", None])
def test_a_black_box_that_cannot_be_loaded_does_not_stop_the_others(
    filled: Registry, function: Writer, tmp_path: Path, source: str | None
) -> None:
    target = function(BODY)
    path = tmp_path / f"{target.partition(':')[0]}.py"
    if source is not None:
        path.write_text(source, encoding="utf-8")
    function_model(filled, "broken", target)
    if source is None:
        path.unlink()
    invalidate_caches()

    report = _embed(filled)

    assert sorted(report.embedded) == ["critic", "films", "judge", "meals"]
    assert list(report.failed) == ["broken"] == list(filled.status().failures)


def test_a_classifier_with_damaged_weights_does_not_stop_the_others(filled: Registry, tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "damaged", ("no", "yes"))
    hf_model(filled, "broken", str(folder))
    (folder / "model.safetensors").write_bytes(b"these are no weights")

    report = _embed(filled)

    assert sorted(report.embedded) == ["critic", "films", "judge", "meals"]
    assert list(report.failed) == ["broken"] == list(filled.status().failures)


def test_recorded_answers_to_other_texts_fail_with_the_mend(filled: Registry, tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "answer": "odd" if n % 2 else "even"} for n in range(40)]
    (tmp_path / "answers.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    recorded_model(filled, "recorded", str(tmp_path / "answers.jsonl"))

    report = _embed(filled, ["recorded", "films"])

    assert list(report.embedded) == ["films"]
    assert report.failed["recorded"].startswith("'recorded' has recorded answers to 0 of the corpus's 40 texts: make")


def test_a_model_that_this_release_does_not_know_fails_by_itself(filled: Registry) -> None:
    filled.add_model("oracle", {"type": "oracle"}, content_hash="0" * 64)

    report = _embed(filled)

    assert sorted(report.embedded) == ["critic", "films", "judge", "meals"]
    assert report.failed["oracle"].startswith("oracle: 'oracle' is not a type of model: there are hf, endpoint,")


def test_what_failed_is_tried_again_and_then_no_failure_any_more(filled: Registry, function: Writer) -> None:
    Path("broken").touch()
    function_model(filled, "moody", function(f"if (HERE / 'broken').exists(): raise OSError('gone')\n{BODY}"))
    assert list(_embed(filled, ["moody"]).failed) == ["moody"]
    Path("broken").unlink()

    report = _embed(filled, ["moody"])

    assert list(report.embedded) == ["moody"]
    assert filled.status().failures == {}
    assert filled.status().jobs == {"done": 1}


def test_what_was_answered_before_a_failure_is_not_asked_again(
    registry: Registry, other: Registry, encoder: Path, function: Writer, tmp_path: Path
) -> None:
    counting = (
        "if (HERE / 'broken').exists() and (HERE / 'asked').exists(): raise OSError('gone')\n"
        "with (HERE / 'asked').open('a') as file: file.write(f'{len(texts)}\\n')\n" + BODY
    )
    for made in (registry, other):
        _space(made, encoder, MANY)
        function_model(made, "box", function(counting))
    Path("broken").touch()
    assert list(_embed(registry).failed) == ["box"]
    assert (tmp_path / "asked").read_text() == f"{CHUNK}\n"
    Path("broken").unlink()

    report = _embed(registry)

    assert list(report.embedded) == ["box"]
    assert (tmp_path / "asked").read_text() == f"{CHUNK}\n{CHUNK}\n44\n"
    _embed(other)
    assert _vector(registry, "box") == _vector(other, "box")


def test_answers_are_asked_for_once_for_all_spaces_of_a_corpus(
    registry: Registry, encoder: Path, function: Writer, tmp_path: Path
) -> None:
    _space(registry, encoder)
    create_space(registry, "longer", surrogate=str(encoder), corpus="texts", dimension=128)
    target = function("with (HERE / 'asked').open('a') as file: file.write(f'{len(texts)}\\n')\n" + BODY)
    function_model(registry, "box", target)

    for space in ("tiny", "longer"):
        assert list(_embed(registry, space=space).embedded) == ["box"]

    assert (tmp_path / "asked").read_text() == "40\n"


def test_a_run_that_is_broken_off_keeps_what_was_done(filled: Registry) -> None:
    def interrupt(name: str, _: float) -> None:
        if name == "films":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _embed(filled, on_done=interrupt)
    done = _names(filled)

    report = _embed(filled)

    assert done == ["critic", "films"] == sorted(report.known)
    assert sorted(report.embedded) == ["judge", "meals"]


def test_a_device_that_is_not_there_is_refused_before_anything_is_done(filled: Registry) -> None:
    with pytest.raises(NoDeviceError, match=r"^No device 'tpu9' here: leave --device out to take the best there is\.$"):
        embed(filled, device="tpu9")

    assert filled.status().jobs == {}


def test_a_surrogate_that_changed_since_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.add_task("films", opinions())
    _space(registry, tiny_encoder(tmp_path / "surrogate"))
    tiny_encoder(tmp_path / "surrogate", seed=1)

    with pytest.raises(ModelNotUsableError, match=r"is not the surrogate that this space was made with\.$"):
        _embed(registry)


def test_the_same_surrogate_from_another_folder_makes_the_same_space(registry: Registry, encoder: Path) -> None:
    copy = tiny_encoder(Path("copy"))
    made = _space(registry, encoder)

    again = create_space(registry, "tiny", surrogate=str(copy), corpus="texts", dimension=64)

    assert again.fingerprint == made.fingerprint
    different = tiny_encoder(Path("different"), seed=1)
    other = create_space(registry, "other", surrogate=str(different), corpus="texts", dimension=64)
    assert other.fingerprint != made.fingerprint


# -- black boxes and their corpus ------------------------------------------------------------------------


def test_a_black_box_is_asked_the_corpus_in_order(
    registry: Registry, encoder: Path, function: Writer, tmp_path: Path
) -> None:
    body = "with (HERE / 'asked').open('a') as file: file.writelines(repr(t) + '\\n' for t in texts)\n" + BODY
    function_model(registry, "box", function(body))
    _space(registry, encoder, [*PAIRS, *TEXTS])

    _embed(registry)

    asked = [eval(line) for line in (tmp_path / "asked").read_text().splitlines()]  # noqa: S307 - our own
    assert asked == ["a fine film\na great meal", "a dull film\na poor song", *(text for text, _ in TEXTS)]
    assert registry.corpus_inputs("texts") == [*PAIRS, *TEXTS]


def test_what_a_black_box_answers_is_what_a_task_of_the_same_answers_would_be(
    registry: Registry, encoder: Path, function: Writer
) -> None:
    task = opinions(40, ("bad", "good"))
    is_good = "any(w in text for w in ('fine', 'great', 'lovely', 'brilliant'))"
    function_model(registry, "box", function(f"return ['good' if {is_good} else 'bad' for text in texts]"))
    registry.add_task("films", task)
    _space(registry, encoder, [Input(example.text) for example in task.train])

    _embed(registry)

    assert registry.compare("films", "box").a == "films"
    cosine = float(_held(registry, "films").vector @ _held(registry, "box").vector)
    assert cosine == pytest.approx(1.0, abs=1e-4)


def test_a_black_box_that_always_answers_the_same_has_a_vector_without_a_map(
    filled: Registry, function: Writer
) -> None:
    function_model(filled, "parrot", function("return ['good'] * len(texts)"))

    report = _embed(filled, ["parrot"])

    assert report.failed == {}
    assert _held(filled, "parrot").vector[32:].tolist() == [0.0] * 32


def test_the_prompts_of_a_recorded_llm_are_embedded_as_prompted_models(
    registry: Registry, encoder: Path, tmp_path: Path
) -> None:
    llm = tmp_path / "llm"
    llm.mkdir()
    prompts = [
        {"name": "sure", "template": "{{text}} It was", "choices": ["bad", "good"]},
        {"name": "contrary", "template": "{{text}} It was not", "choices": ["bad", "good"]},
    ]
    right = np.array([[0.2, 0.8] if "fine" in t or "great" in t else [0.9, 0.1] for t, _ in TEXTS])
    (llm / "inputs.jsonl").write_text("\n".join(json.dumps({"text": text}) for text, _ in TEXTS), encoding="utf-8")
    (llm / "prompts.jsonl").write_text("\n".join(json.dumps(p) for p in prompts), encoding="utf-8")
    np.savez(llm / "outputs.npz", log_prob=np.log(np.stack([right, 1 - right])))
    recorded_model(registry, "opt", str(llm))
    registry.add_task("films", opinions(40, ("bad", "good")))
    _space(registry, encoder, TEXTS[::-1])

    report = _embed(registry)

    assert sorted(report.embedded) == ["films", "opt@contrary", "opt@sure"]
    assert [match.name for match in registry.nearest("films")] == ["opt@sure", "opt@contrary"]
    assert _embed(registry, ["opt"]).known == ["opt@contrary", "opt@sure"]  # it is its prompts
    assert _embed(registry, ["opt@s*"]).known == ["opt@sure"]


def test_a_space_of_inputs_alone_embeds_tasks_and_refuses_models_in_one_line(filled: Registry, encoder: Path) -> None:
    create_space(filled, "texts-only", surrogate=str(encoder), method="textemb", dimension=64)

    with pytest.raises(SettingError) as told:
        _embed(filled, ["films", "judge"], space="texts-only")
    report = _embed(filled, space="texts-only")

    assert str(told.value) == (
        "'judge' cannot be embedded in this space: textemb sees no answers, so all models would get the same vector; "
        "use another method."
    )
    assert sorted(report.embedded) == ["films", "meals"]
    assert filled.catalog.spaces.get("texts-only").corpus is None


def test_a_space_without_a_corpus_embeds_tasks_and_refuses_models_in_one_line(filled: Registry, encoder: Path) -> None:
    create_space(filled, "no-corpus", surrogate=str(encoder), corpus=None, dimension=64)

    with pytest.raises(SettingError) as told:
        _embed(filled, ["judge"], space="no-corpus")
    report = _embed(filled, space="no-corpus")

    assert str(told.value) == (
        "'judge' cannot be embedded in this space: it has no corpus to observe models on; make one with "
        "'fute space create NAME --corpus CORPUS'."
    )
    assert sorted(report.embedded) == ["films", "meals"]


def test_what_is_no_task_and_no_model_is_refused(filled: Registry) -> None:
    with pytest.raises(InputError, match=r"^'texts' is a corpus: only tasks and models are embedded\.$"):
        _embed(filled, ["films", "texts"])
    with pytest.raises(NotFoundError, match=r"^No entry named 'film' in this registry\. Did you mean 'films'\?$"):
        _embed(filled, ["film"])

    assert _names(filled) == []


# -- how sure a vector is ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["mapemb", "textemb", "taskemb"])
def test_a_vector_is_kept_with_how_it_differs_on_halves_of_its_data(
    registry: Registry, encoder: Path, method: str
) -> None:
    registry.add_task("films", opinions(32))
    create_space(registry, "tiny", surrogate=str(encoder), dimension=64, method=method, corpus=None)

    _embed(registry)

    held = _held(registry, "films")
    assert held.deviations is not None
    assert held.deviations.shape == (4, 64)
    lengths = np.linalg.norm(held.deviations, axis=1)
    assert (lengths > 1e-4).all()
    assert (lengths < 1).all()


def test_the_halves_of_more_data_differ_less(registry: Registry, encoder: Path) -> None:
    registry.add_task("few", opinions(32))
    registry.add_task("many", opinions(512))
    create_space(registry, "tiny", surrogate=str(encoder), dimension=64, method="textemb", corpus=None)

    _embed(registry)

    few, many = (float(np.square(_held(registry, name).deviations).sum()) for name in ("few", "many"))
    assert many < few / 4  # a sixteenth is expected


@pytest.mark.parametrize("method", ["mapemb", "textemb"])
def test_copies_of_examples_make_nothing_surer(registry: Registry, encoder: Path, method: str) -> None:
    once = opinions(32)
    registry.add_task("once", once)
    registry.add_task("four_times", replace(once, train=once.train * 4))
    create_space(registry, "tiny", surrogate=str(encoder), dimension=64, method=method, corpus=None)

    _embed(registry)

    once_off, four_off = (float(np.square(_held(registry, name).deviations).sum()) for name in ("once", "four_times"))
    assert four_off > once_off / 3, "copies on both sides had left next to nothing"


def test_a_model_has_them_too_and_a_tuned_vector_has_none(filled: Registry) -> None:
    create_space(filled, "tuned", surrogate=_surrogate_of(filled), dimension=64, method="tupate", corpus=None)

    _embed(filled)
    _embed(filled, ["films"], space="tuned")

    assert _held(filled, "critic").deviations is not None
    tuned = filled.catalog.spaces.get("tuned")
    found = filled.catalog.embeddings.get(filled.catalog.entries.get("films").version_id, tuned.id)
    assert found is not None
    assert found.deviations is None


def test_too_few_examples_have_no_halves(registry: Registry, encoder: Path) -> None:
    registry.add_task("films", opinions(6))
    create_space(registry, "tiny", surrogate=str(encoder), dimension=64, corpus=None)

    _embed(registry)

    assert _held(registry, "films").deviations is None


def _surrogate_of(registry: Registry) -> str:
    return str(registry.catalog.spaces.get().spec["surrogate_source"])


@pytest.mark.parametrize("method", ["taskemb", "tupate"])
@pytest.mark.parametrize(("examples", "steps"), [(32, 8), (40, 16), (512, 16)])
def test_few_examples_are_not_seen_more_often_than_passes_allows(
    registry: Registry, encoder: Path, method: str, examples: int, steps: int
) -> None:
    registry.add_task("films", opinions(examples))
    settings = {"steps": "16", "batch_size": "32", "passes": "8"}
    create_space(registry, "tiny", surrogate=str(encoder), method=method, corpus=None, settings=settings)

    _embed(registry)

    assert _held(registry, "films").provenance["steps"] == steps
