"""Batches by tokens, tokens made ready ahead of the device, and tables of numbers."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import sentences, tiny_classifier, tiny_encoder

from embedders.errors import BlackBoxError, NoDeviceError, TooLargeError
from embedders.hardware.ahead import READY, ahead
from embedders.hardware.batching import BatchSize, batch_size, by_length, filled, halved, padded, tokenised, tokens_for
from embedders.hardware.devices import best_device, feature_precision, model_precision, moved, widest
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.classifiers import ClassifierPredictor
from embedders.surrogate import model as module
from embedders.surrogate.model import Surrogate
from registry.data.inputs import Input
from registry.data.models import HeadKind

CPU, ELSEWHERE = torch.device("cpu"), torch.device("meta")  # which stands for any device that is no CPU
GIB = 2**30


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory: pytest.TempPathFactory) -> Surrogate:
    return Surrogate(tiny_encoder(tmp_path_factory.mktemp("batches")), device="cpu")


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 200))
def test_batches_by_tokens_hold_no_more_than_they_may_and_never_less_than_they_could(
    lengths: list[int], rows: int, tokens: int
) -> None:
    batches = list(by_length([{"input_ids": [0] * length} for length in lengths], BatchSize(rows, tokens)))

    assert sorted(int(i) for batch in batches for i in batch) == list(range(len(lengths)))
    for batch, following in zip(batches, [*batches[1:], None], strict=True):
        longest = max(1, lengths[batch[0]])
        assert longest == max(1, *(lengths[i] for i in batch))
        assert len(batch) <= rows
        assert len(batch) == 1 or longest * len(batch) <= tokens
        if following is not None:
            assert len(batch) == rows or longest * (len(batch) + 1) > tokens


def test_a_cpu_has_batches_of_as_many_rows_as_ever() -> None:
    assert batch_size(CPU, hidden=384, most_rows=4096) == (32, None)


@pytest.mark.parametrize(
    ("memory", "hidden", "tokens"),
    [(80 * GIB, 384, 65536), (80 * GIB, 2048, 54613), (8 * GIB, 768, 14563), (2**20, 4096, 1)],
)
def test_a_gpu_has_batches_of_as_many_tokens_as_its_memory_is_made_for(memory: int, hidden: int, tokens: int) -> None:
    assert tokens_for(memory, hidden) == tokens


def test_features_by_tokens_are_those_of_batches_of_rows(surrogate: Surrogate, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [Input(text * (1 + n % 9)) for n, text in enumerate(sentences(("fine", "dull"), 90))]
    by_rows = surrogate.features(texts)
    surrogate.forget()
    monkeypatch.setattr(surrogate, "_batch_size", BatchSize(4096, 300))

    by_tokens = surrogate.features(texts)

    assert np.abs(by_tokens - by_rows).max() < 1e-5


def test_features_in_windows_made_ahead_come_in_the_order_of_the_inputs(
    surrogate: Surrogate, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [Input(text * (1 + n % 5)) for n, text in enumerate(sentences(("fine", "dull"), 50))]
    whole = surrogate.features(texts)
    surrogate.forget()
    monkeypatch.setattr(module, "WINDOW", 16)
    monkeypatch.setattr(module, "ahead", lambda made, *, device: ahead(made, device=ELSEWHERE))
    monkeypatch.setattr(surrogate, "_window", lambda inputs: module.WINDOW)

    windowed = surrogate.features(texts)

    assert np.abs(windowed - whole).max() < 1e-5


def test_inputs_are_tokenised_together_as_they_would_be_alone(surrogate: Surrogate) -> None:
    inputs = [Input("a fine film"), Input("a fine film", "a dull meal"), Input(""), Input("dull " * 40, "meal " * 9)]

    together = tokenised(surrogate.tokenizer, inputs, max_length=20)

    assert together == [tokenised(surrogate.tokenizer, [one], max_length=20)[0] for one in inputs]
    assert together == [dict(surrogate.tokenizer(*one, truncation=True, max_length=20)) for one in inputs]


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_that_of_the_tokenizer(surrogate: Surrogate, monkeypatch: pytest.MonkeyPatch, side: str) -> None:
    monkeypatch.setattr(surrogate.tokenizer, "padding_side", side)
    rows = tokenised(surrogate.tokenizer, [Input("a film", "a meal"), Input("a fine film"), Input("")], max_length=16)
    expected = surrogate.tokenizer.pad(rows, padding=True, return_tensors="pt")

    made = padded(surrogate.tokenizer, rows, CPU, most=16)

    assert {name: table.tolist() for name, table in made.items()} == {
        name: table.tolist() for name, table in expected.items()
    }


@pytest.mark.parametrize(("longest", "most", "width"), [(9, 512, 16), (16, 512, 16), (9, 12, 12), (13, 12, 13)])
def test_a_gpu_has_batches_of_whole_blocks_within_the_models_positions(
    surrogate: Surrogate, longest: int, most: int, width: int
) -> None:
    rows = [{"input_ids": [5] * longest, "attention_mask": [1] * longest}, {"input_ids": [5], "attention_mask": [1]}]

    made = padded(surrogate.tokenizer, rows, ELSEWHERE, most=most)

    assert {tuple(table.shape) for table in made.values()} == {(2, width)}


def test_tables_are_filled_on_either_side() -> None:
    assert filled([[1, 2], [], [3]], 9).tolist() == [[1, 2], [9, 9], [3, 9]]
    assert filled([[1, 2], [3]], 0, width=3, is_left=True).tolist() == [[0, 1, 2], [0, 0, 3]]
    assert filled([], 0).shape == (0, 0)


# -- ahead ---------------------------------------------------------------------------------------------


def test_what_is_made_ahead_is_made_by_another_thread_a_few_at_a_time() -> None:
    made: list[int] = []
    threads = set()

    def source() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            threads.add(threading.get_ident())
            yield number

    for count, number in enumerate(ahead(source(), device=ELSEWHERE), start=1):
        assert number == count - 1
        assert len(made) <= count + READY

    assert made == list(range(20))
    assert threading.get_ident() not in threads


def test_on_a_cpu_each_is_made_when_it_is_asked_for() -> None:
    made: list[int] = []
    stream = ahead((made.append(number) or number for number in range(9)), device=CPU)  # type: ignore[func-returns-value]

    assert [next(stream), next(stream)] == [0, 1]
    assert made == [0, 1]


def test_what_goes_wrong_ahead_is_raised_in_its_turn() -> None:
    def source() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("the third")

    seen: list[int] = []
    with pytest.raises(ValueError, match="the third"):
        seen.extend(ahead(source(), device=ELSEWHERE))
    stream = ahead(source(), device=ELSEWHERE)

    assert [next(stream), next(stream)] == [1, 2]


def test_who_stops_asking_leaves_no_thread() -> None:
    stream = ahead(iter(range(10**6)), device=ELSEWHERE)
    assert next(stream) == 0

    stream.close()  # type: ignore[attr-defined]

    assert [thread for thread in threading.enumerate() if thread.name.startswith("fute-ahead")] == []


# -- devices -------------------------------------------------------------------------------------------


def test_a_device_on_which_nothing_is_computed_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoDeviceError, match="No device 'meta' here"):
        best_device("meta")


def test_precision_is_left_as_it_was() -> None:
    before = torch.get_float32_matmul_precision()

    with feature_precision(torch.device("cuda"), "bert"):
        inside = torch.get_float32_matmul_precision()

    assert (inside, torch.get_float32_matmul_precision()) == ("high", before)


def test_half_precision_of_a_gpu_is_taken_as_it_is() -> None:
    cuda = torch.device("cuda")
    with model_precision(torch.bfloat16, cuda, "bert"):
        assert not torch.is_autocast_enabled("cuda")


def test_moving_within_a_cpu_copies_nothing() -> None:
    table = torch.arange(6)

    assert moved(table, CPU) is table
    assert widest(CPU) is torch.float64
    assert widest(torch.device("mps")) is torch.float32


# -- what a GPU would not survive ------------------------------------------------------------------------


def test_a_token_without_a_place_in_the_model_is_told_before_it_gets_there(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "judge", ("negative", "positive"))
    judge = Checkpoint("judge", folder, HeadKind.CLASSIFICATION, device="cpu")
    judge.tokenizer.add_tokens(["unheard"])

    assert ClassifierPredictor(judge, ("negative", "positive")).predict([Input("a fine film")]).probabilities.size == 2
    with pytest.raises(BlackBoxError, match=r"'judge' cannot answer: its tokenizer has tokens that it does not know\."):
        ClassifierPredictor(judge, ("negative", "positive")).predict([Input("an unheard film")])


def out_of_memory(rows: int) -> None:
    """Raise what PyTorch raises where a GPU's memory does not hold a batch."""
    if rows > 5:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def test_batches_that_a_devices_memory_does_not_hold_are_made_smaller(
    surrogate: Surrogate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    texts = [Input(text) for text in sentences(("fine", "dull"), 40)]
    whole = surrogate.features(texts)
    surrogate.forget()
    folder = tiny_classifier(tmp_path / "judge", ("negative", "positive"))
    judge = Checkpoint("judge", folder, HeadKind.CLASSIFICATION, device="cpu")
    answers = ClassifierPredictor(judge, ("negative", "positive"))
    told = answers.predict(texts).probabilities
    seen: list[int] = []
    for model in (surrogate.model, judge.model):
        forward = model.forward

        def small(forward: Any = forward, **given: Any) -> Any:  # noqa: ANN401
            out_of_memory(len(given["input_ids"]))
            seen.append(len(given["input_ids"]))
            return forward(**given)

        monkeypatch.setattr(model, "forward", small)
    monkeypatch.setattr(surrogate, "_batch_size", BatchSize(4096, 2**14))
    monkeypatch.setattr(judge, "batch_size", BatchSize(256, 2**14))

    assert np.abs(surrogate.features(texts) - whole).max() < 1e-5
    assert np.abs(answers.predict(texts).probabilities - told).max() < 1e-5
    assert max(seen) <= 5


def test_a_model_that_no_batch_is_small_enough_for_is_told_with_the_mend(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tiny_classifier(tmp_path / "judge", ("negative", "positive"))
    judge = Checkpoint("judge", folder, HeadKind.CLASSIFICATION, device="cpu")
    monkeypatch.setattr(judge.model, "forward", lambda **given: out_of_memory(99))

    with pytest.raises(TooLargeError, match="'judge' needs more memory than the device has left: free some, or take"):
        ClassifierPredictor(judge, ("negative", "positive")).predict([Input("a fine film")])


@given(st.integers(1, 5000), st.none() | st.integers(1, 10**5))
def test_halving_comes_to_an_end(rows: int, tokens: int | None) -> None:
    size: BatchSize | None = BatchSize(rows, tokens)
    for _ in range(20):
        assert size is None or size.rows >= 1
        size = None if size is None else halved(size)

    assert size is None


def test_on_a_cpu_rows_that_are_longer_than_usual_share_a_batch_with_fewer() -> None:
    """Attention takes the square of their length: 32 rows of 4,096 tokens took more memory than there was."""
    size = BatchSize(32)

    assert [size.rows_of(longest) for longest in (1, 512, 1024, 2048, 4096)] == [32, 32, 8, 2, 1]
    assert [
        batch.tolist() for batch in by_length([{"input_ids": [0] * length} for length in (2048, 9, 2048)], size)
    ] == [
        [0, 2],
        [1],
    ]
