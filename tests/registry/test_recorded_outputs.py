"""Recorded outputs: files of answers, recorded LLMs, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from registry import Registry
from registry.data.inputs import Input
from registry.data.predictions import Predictions
from registry.data.recordings import RecordedPrompt, Recording
from registry.errors import DataError, InputError
from registry.files.lines import dump_lines
from registry.formats.answer_tables import answer_table
from registry.formats.recorded import read_answers, read_llm, read_recorded_llm

INPUTS: list[Any] = [{"text": "good"}, {"text": "bad", "text_pair": "so"}, {"text": "meh"}]
PROMPTS: list[Any] = [
    {"name": "p1", "template": "{{text}} It was", "choices": ["great", "terrible"]},
    {"name": "p2", "template": "{{text}} I feel", "choices": ["happy", "sad"]},
]
LOG_PROB = np.log([[[0.3, 0.1], [0.2, 0.2], [0.01, 0.04]], [[0.5, 0.5], [0.9, 0.1], [0.25, 0.75]]])


def answers_file(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def recorded_llm(
    folder: Path, *, inputs: list[Any] = INPUTS, prompts: list[Any] = PROMPTS, log_prob: NDArray[Any] = LOG_PROB
) -> Path:
    folder.mkdir()
    answers_file(folder / "inputs.jsonl", *inputs)
    answers_file(folder / "prompts.jsonl", *prompts)
    np.savez_compressed(folder / "outputs.npz", log_prob=log_prob)
    return folder


# -- a file of answers -------------------------------------------------------------------------------


def test_one_answer_per_input_is_a_certain_one(tmp_path: Path) -> None:
    path = answers_file(
        tmp_path / "o.jsonl",
        {"text": "a", "answer": "yes"},
        {"text": "b", "text_pair": "c", "answer": "no"},
        {"text": "d", "answer": "yes"},
    )

    outputs = read_answers(path)

    assert outputs.inputs == (Input("a"), Input("b", "c"), Input("d"))
    assert outputs.predictions.answers == ("no", "yes")
    assert outputs.predictions.probabilities.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_answers_in_lines_are_spelled_as_those_of_a_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Else one model would be two: its vector is made of the texts of its answers."""
    said = ["Positive", "negative ", "**positive.**", "Negative", "Positive", "negative"]
    rows = [{"text": f"text {number}", "answer": answer} for number, answer in enumerate(said)]
    path = tmp_path / "answers.jsonl"
    path.write_bytes(dump_lines(rows))

    outputs = read_answers(path)

    table = answer_table([{"text": row["text"], "m": row["answer"]} for row in rows], "rows")
    assert outputs.predictions.answers == table.answers == ("Positive", "negative")
    np.testing.assert_array_equal(outputs.predictions.probabilities, table.predictions(0).probabilities)
    assert table.notes[0] in caplog.text
    path.write_bytes(dump_lines([*rows, {**rows[0], "answer": "positive"}]))
    assert len(read_answers(path).inputs) == len(rows)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"answer": "yes"}, r"o\.jsonl line 2: has no text in 'text'"),
        ({"text": "b"}, r"o\.jsonl line 2: has no text in 'answer'"),
        ({"text": "b", "answer": ""}, r"o\.jsonl line 2: has no text in 'answer'"),
        ({"text": "b", "answer": 1}, r"o\.jsonl line 2: has no text in 'answer'"),
        ({"text": "b", "text_pair": 5, "answer": "no"}, r"o\.jsonl line 2: "),
        ([], r"o\.jsonl line 2: not a JSON object"),
        ({"text": "b", "answer": "yes"}, r"o\.jsonl: has one and the same answer throughout"),
    ],
)
def test_a_fault_in_a_file_of_answers_is_reported_with_its_line(tmp_path: Path, row: object, problem: str) -> None:
    path = answers_file(tmp_path / "o.jsonl", {"text": "a", "answer": "yes"}, row)

    with pytest.raises(DataError, match=problem):
        read_answers(path)


def test_empty_lines_count_in_the_number_of_a_faulty_line(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text('\n\n{"text":"a","answer":"yes"}\n\n{"text":"b"}\n')

    with pytest.raises(DataError, match=r"o\.jsonl line 5: has no text in 'answer'"):
        read_answers(path)


# -- a recorded LLM ----------------------------------------------------------------------------------


def test_a_recorded_llm_is_read_prompt_by_prompt_with_probabilities_over_the_choices(tmp_path: Path) -> None:
    first, second = read_llm(recorded_llm(tmp_path / "llm"))

    assert (first.name, first.template, first.choices) == ("p1", "{{text}} It was", ("great", "terrible"))
    assert first.recording.inputs == (Input("good"), Input("bad", "so"), Input("meh"))
    assert first.recording.predictions.answers == ("great", "terrible")
    assert first.recording.predictions.probabilities == pytest.approx(
        np.array([[0.75, 0.25], [0.5, 0.5], [0.2, 0.8]]), abs=1e-6
    )
    assert (second.name, second.choices) == ("p2", ("happy", "sad"))
    assert second.recording.predictions.probabilities == pytest.approx(
        np.array([[0.5, 0.5], [0.9, 0.1], [0.25, 0.75]]), abs=1e-6
    )


def test_very_small_probabilities_are_normalised_without_vanishing(tmp_path: Path) -> None:
    prompt, *_ = read_llm(recorded_llm(tmp_path / "llm", log_prob=LOG_PROB - 5000.0))

    assert prompt.recording.predictions.probabilities[0] == pytest.approx([0.75, 0.25], abs=1e-6)


def test_the_published_recording_of_opt_is_read(data: Path) -> None:
    prompts = read_llm(data / "prompt_selection" / "sst2_opt-2.7b")

    assert len(prompts) == 50
    assert prompts[0].recording.predictions.probabilities.shape == (872, 2)
    assert prompts[49].recording.predictions.probabilities.sum(axis=1) == pytest.approx(np.ones(872), abs=1e-6)


@pytest.mark.parametrize(
    "shape", [(), (6,), (2, 3), (3, 2, 2), (2, 2, 2), (1, 3, 2), (2, 3, 2, 1), (0, 3, 2), (2, 0, 2)]
)
def test_outputs_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    folder = recorded_llm(tmp_path / "llm", log_prob=np.zeros(shape))

    with pytest.raises(DataError, match=r"outputs\.npz: log_prob has shape .*, not \(2, 3, choices\)"):
        read_llm(folder)


@pytest.mark.parametrize("width", [1, 3])
def test_outputs_with_another_number_of_choices_than_the_prompts_are_refused(tmp_path: Path, width: int) -> None:
    folder = recorded_llm(tmp_path / "llm", log_prob=np.zeros((2, 3, width)))

    with pytest.raises(DataError, match=rf"prompts\.jsonl line 1: needs {width} 'choices', as many as outputs\.npz"):
        read_llm(folder)


@pytest.mark.parametrize("width", [0, 1])
def test_a_prompt_with_fewer_than_two_choices_is_refused(tmp_path: Path, width: int) -> None:
    prompts = [{**prompt, "choices": prompt["choices"][:width]} for prompt in PROMPTS]
    folder = recorded_llm(tmp_path / "llm", prompts=prompts, log_prob=np.zeros((2, 3, width)))

    with pytest.raises(DataError, match="choices"):
        read_llm(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    log_prob = LOG_PROB.copy()
    log_prob[1, 2, 0] = value

    with pytest.raises(DataError, match=r"outputs\.npz: log_prob holds values that are not finite"):
        read_llm(recorded_llm(tmp_path / "llm", log_prob=log_prob))


class Bomb:
    """What would leave a file behind if it were unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("went-off"),)


def test_pickled_objects_in_outputs_are_refused_and_never_run(tmp_path: Path) -> None:
    folder = recorded_llm(tmp_path / "llm", log_prob=np.array([Bomb()], dtype=object))

    with pytest.raises(DataError, match=r"outputs\.npz: not a \.npz file of recorded scores .*allow_pickle=False"):
        read_llm(folder)

    assert not Path("went-off").exists()


@pytest.mark.parametrize("array", [np.array(["a", "b"]), np.array([b"x"]), LOG_PROB.astype(np.complex64)])
def test_outputs_that_are_no_numbers_are_refused(tmp_path: Path, array: NDArray[Any]) -> None:
    with pytest.raises(DataError, match=r"outputs\.npz: log_prob holds .*, and no real numbers"):
        read_llm(recorded_llm(tmp_path / "llm", log_prob=array))


def test_outputs_under_another_name_are_refused(tmp_path: Path) -> None:
    folder = recorded_llm(tmp_path / "llm")
    np.savez(folder / "outputs.npz", scores=LOG_PROB)

    with pytest.raises(DataError, match=r"outputs\.npz: holds no array 'log_prob'"):
        read_llm(folder)


def test_a_single_array_in_place_of_outputs_is_refused(tmp_path: Path) -> None:
    folder = recorded_llm(tmp_path / "llm")
    with (folder / "outputs.npz").open("wb") as file:
        np.save(file, LOG_PROB)

    with pytest.raises(DataError, match=r"outputs\.npz: not a \.npz file of recorded scores"):
        read_llm(folder)


@pytest.mark.parametrize("length", [0, 3, 30, 150, -1, -30])
def test_outputs_that_are_cut_are_refused(tmp_path: Path, length: int) -> None:
    folder = recorded_llm(tmp_path / "llm")
    body = (folder / "outputs.npz").read_bytes()
    (folder / "outputs.npz").write_bytes(body[:length])

    with pytest.raises(DataError, match=r"outputs\.npz: not a \.npz file of recorded scores"):
        read_llm(folder)


def test_compressed_outputs_that_are_damaged_are_refused(tmp_path: Path) -> None:
    folder = recorded_llm(tmp_path / "llm", log_prob=np.random.default_rng(0).normal(size=(2, 3, 2)))
    body = bytearray((folder / "outputs.npz").read_bytes())
    start = 30 + int.from_bytes(body[26:28], "little") + int.from_bytes(body[28:30], "little")
    body[start] = 0b111  # a last block of the type that deflate does not have
    (folder / "outputs.npz").write_bytes(body)

    with pytest.raises(DataError, match=r"outputs\.npz: not a \.npz file of recorded scores"):
        read_llm(folder)


def test_outputs_in_an_unknown_compression_are_refused(tmp_path: Path) -> None:
    folder = recorded_llm(tmp_path / "llm")
    body = bytearray((folder / "outputs.npz").read_bytes())
    directory = body.index(b"PK\x01\x02")
    body[8:10] = body[directory + 10 : directory + 12] = (99).to_bytes(2, "little")
    (folder / "outputs.npz").write_bytes(body)

    with pytest.raises(DataError, match=r"outputs\.npz: not a \.npz file of recorded scores"):
        read_llm(folder)


@pytest.mark.parametrize("name", ["inputs.jsonl", "prompts.jsonl", "outputs.npz"])
def test_a_recorded_llm_without_one_of_its_files_is_refused(tmp_path: Path, name: str) -> None:
    folder = recorded_llm(tmp_path / "llm")
    (folder / name).unlink()

    with pytest.raises(DataError, match=f"{name}: no such file"):
        read_llm(folder)


@pytest.mark.parametrize(
    ("prompt", "problem"),
    [
        ({"name": "p2", "choices": ["a", "b"]}, r"prompts\.jsonl line 2: needs a 'name' and a 'template'"),
        ({"template": "x", "choices": ["a", "b"]}, r"prompts\.jsonl line 2: needs a 'name' and a 'template'"),
        ({"name": "p2", "template": "x"}, r"prompts\.jsonl line 2: needs 2 'choices'"),
        ({"name": "p2", "template": "x", "choices": "ab"}, r"prompts\.jsonl line 2: needs 2 'choices'"),
        ({"name": "p2", "template": "x", "choices": ["a", 1]}, r"prompts\.jsonl line 2: needs 2 'choices'"),
        ("p2", r"prompts\.jsonl line 2: not a JSON object"),
    ],
)
def test_a_fault_in_a_prompt_is_reported_with_its_line(tmp_path: Path, prompt: object, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_llm(recorded_llm(tmp_path / "llm", prompts=[PROMPTS[0], prompt]))


def test_an_input_without_text_is_reported_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"inputs\.jsonl input 2: has no text in 'text'"):
        read_llm(recorded_llm(tmp_path / "llm", inputs=[INPUTS[0], {"label": "x"}, INPUTS[2]]))


# -- kept --------------------------------------------------------------------------------------------


def test_outputs_are_rebuilt_from_what_the_catalog_keeps_of_them() -> None:
    table = np.array([[0.75, 0.25], [0.1, 0.9]], np.float32)
    outputs = Recording((Input("a"), Input("b", "c")), Predictions(("no", "yes"), table))

    back = Recording.from_contents(["no", "yes"], outputs.contents())

    assert (back.inputs, back.predictions.answers) == (outputs.inputs, outputs.predictions.answers)
    assert back.predictions.probabilities.tolist() == table.tolist()


def test_a_recorded_llm_is_registered_with_its_prompts_and_every_pair(registry: Registry, tmp_path: Path) -> None:
    made = registry.add_recorded_llm("opt", read_llm(recorded_llm(tmp_path / "llm")), source="here")

    assert [entry.name for entry in made] == ["opt", "opt@p1", "opt@p2"]
    assert [row.name for row in registry.entries("prompt")] == ["p1", "p2"]
    assert made[1].spec["model"] == "opt:1"
    outputs = Recording.from_contents(made[2].spec["answers"], registry.contents(made[2]))
    assert outputs.predictions.answers == ("happy", "sad")
    assert outputs.predictions.probabilities == pytest.approx(
        np.array([[0.5, 0.5], [0.9, 0.1], [0.25, 0.75]]), abs=1e-6
    )


def test_a_recorded_llm_that_is_registered_again_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    prompts = read_llm(recorded_llm(tmp_path / "llm"))
    registry.add_recorded_llm("opt", prompts, source="here")

    again = registry.add_recorded_llm("opt", prompts, source="here")

    assert [(entry.name, entry.version) for entry in again] == [("opt", 1), ("opt@p1", 1), ("opt@p2", 1)]


def test_a_recorded_llm_with_a_faulty_prompt_is_not_registered_by_half(registry: Registry, tmp_path: Path) -> None:
    one, two = read_llm(recorded_llm(tmp_path / "llm"))
    faulty = RecordedPrompt("Not a name", two.template, two.choices, two.recording)

    with pytest.raises(InputError, match="'Not a name' is not a name"):
        registry.add_recorded_llm("opt", [one, faulty], source="here")

    assert registry.status().entries == {"task": 0, "model": 0, "prompt": 0, "prompted-model": 0, "corpus": 0}


def test_the_labels_that_no_prompt_knows_are_told_and_no_others(tmp_path: Path) -> None:
    labels = ("great", "other", "terrible")
    inputs = [{**row, "label": label} for row, label in zip(INPUTS, labels, strict=True)]
    llm = read_recorded_llm(recorded_llm(tmp_path / "llm", inputs=inputs))

    with pytest.raises(DataError, match="has labels that no prompt has as choices: other"):
        llm.right()
