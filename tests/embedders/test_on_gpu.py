"""On a GPU: what the CPU gives, the same bits each time, and no wait for the device within a loop.

Run by `make gpu`. Where there is no GPU one is pretended: nothing is said of its kernels, but nothing is left on the
other side either.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pretended_gpu import PretendedGpu, pretended_gpu
from tiny import opinions, sentences, tiny_classifier, tiny_encoder
from tiny_boxes import tiny_box
from tiny_families import FAMILIES, tiny_family

from embedders import create_space, embed, hf_model
from embedders.black_boxes.loading import language_model
from embedders.fisher import POWERS, Layout, diagonal_fisher, select
from embedders.hardware.batching import MULTIPLE, padded
from embedders.methods import METHODS
from embedders.observed import from_task
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.classifiers import ClassifierPredictor
from embedders.predictors.language.contract import Question
from embedders.sketch import CountSketch, sketch
from embedders.surrogate.model import Surrogate
from embedders.tuning.objectives import objective_for
from registry import Registry
from registry.data.inputs import Input
from registry.data.models import HeadKind, ModelSpec

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")
LEAST = {
    "mapemb": 0.9999,
    "textemb": 0.9999,
    "taskemb": 0.999,
    "tupate": 0.99,
    "curvegrad": 0.99,
}
TEXTS = [Input(text * (1 + n % 7)) for n, text in enumerate(sentences(("fine", "dull", "great"), 200))]
LABELS = ("negative", "positive")


def cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.fixture(autouse=True)
def gpu() -> Iterator[PretendedGpu | None]:
    """The GPU that is pretended; None where there is one."""
    with nullcontext() if torch.cuda.is_available() else pretended_gpu() as pretended:
        yield pretended


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gpu")


@cache
def saved(place: Path, family: str) -> Path:
    return tiny_family(place / family, family)


@pytest.mark.parametrize("family", FAMILIES)
def test_features_are_those_of_the_cpu_and_the_same_each_time(place: Path, family: str) -> None:
    here = Surrogate(saved(place, family), device="cpu").features(TEXTS)
    surrogate = Surrogate(saved(place, family), device="cuda")

    there = surrogate.features(TEXTS)
    surrogate.forget()

    assert (here * there).sum(axis=1).min() >= 0.9999
    assert surrogate.features(TEXTS).tobytes() == there.tobytes()


def test_batches_are_whole_blocks_on_the_device(place: Path) -> None:
    surrogate = Surrogate(saved(place, "bert"), device="cuda")

    batch = padded(surrogate.tokenizer, surrogate.rows(TEXTS[:9]), CUDA, most=128)

    assert {table.device.type for table in batch.values()} == {"cuda"}
    assert {table.shape[1] % MULTIPLE for table in batch.values()} == {0}


@pytest.mark.parametrize("name", METHODS)
def test_a_reading_is_that_of_the_cpu_and_the_same_each_time(place: Path, name: str) -> None:
    observed = from_task(opinions(64), examples=64, seed=0)
    method = METHODS[name]
    made = [
        method.read(Surrogate(saved(place, "bert"), device=device), observed, method.parameters(), seed=0).parts
        for device in ("cpu", "cuda", "cuda")
    ]

    for facet, here in made[0].items():
        assert cosine(made[1][facet], here) >= LEAST[name]
        assert made[2][facet].tobytes() == made[1][facet].tobytes()


@pytest.mark.parametrize("tuning", ["layer-norm", "ia3", "lora", "prefix", "prompt"])
def test_each_tuning_gives_the_same_bits_each_time(place: Path, tuning: str) -> None:
    method = METHODS["tupate"]
    parameters = {**method.parameters(), "tuning": tuning, "steps": 6, "learning_rate": 0.003}
    observed = from_task(opinions(32), examples=32, seed=0)

    made = [
        method.read(Surrogate(saved(place, "t5"), device="cuda"), observed, parameters, seed=0).parts["tuned"]
        for _ in range(2)
    ]

    assert made[0].tobytes() == made[1].tobytes()


class Whole:
    """A sink that keeps the whole vector, on the device."""

    def __init__(self, layout: Layout) -> None:
        self.vector = torch.zeros(layout.size, device=CUDA)

    def add(self, start: int, values: torch.Tensor) -> None:
        self.vector[start : start + values.numel()] += values.flatten()


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_the_fisher_is_that_of_single_examples(place: Path, family: str, power: str) -> None:
    surrogate = Surrogate(saved(place, family), device="cuda")
    objective = objective_for("verbaliser", surrogate, from_task(opinions(), examples=12, seed=0), seed=0)
    model = objective.fresh_model()
    layout = select(model, "encoder")
    made = []
    for rows in ([np.arange(12)], np.split(np.arange(12), 12)):
        whole = Whole(layout)
        assert (
            diagonal_fisher(model, lambda r: objective.losses(model, r), rows, layout, whole, power=power).count == 12
        )
        made.append(whole.vector.double().cpu().numpy())

    assert cosine(*made) >= 0.999


def test_a_sketch_is_that_of_the_cpu_and_the_same_each_time() -> None:
    vector = torch.randn(300_000, generator=torch.Generator().manual_seed(0))
    made = []
    for _ in range(2):
        stream = CountSketch(len(vector), 512, (0, 1), device=CUDA)
        stream.add(0, vector[:100_000].to(CUDA))
        stream.add(100_000, vector[100_000:].to(CUDA))
        made.append(stream.values())

    assert np.abs(made[0] - sketch(vector.numpy(), 512, (0, 1))).max() < 1e-4
    assert made[0].tobytes() == made[1].tobytes()


@pytest.mark.parametrize("family", ["gpt2", "llama", "t5"])
def test_words_are_scored_as_on_the_cpu(place: Path, family: str) -> None:
    architecture = {"gpt2": "GPT2LMHeadModel", "llama": "LlamaForCausalLM", "t5": "T5ForConditionalGeneration"}[family]
    folder = tiny_box(place / f"writer-{family}", family, architecture)
    spec = {"type": "hf", "head": None, "source": str(folder), "revision": None, "identity": None, "labels": []}
    asked = [Question(f"what is great is not awful. a book number {n}" + " indeed" * (n % 7)) for n in range(40)]
    made = [
        language_model(ModelSpec.from_document(spec), device=device, name="lm").score(asked, ["great", "a fine film"])
        for device in ("cpu", "cuda", "cuda")
    ]

    assert np.abs(made[1].log_prob - made[0].log_prob).max() < 0.1  # bfloat16
    assert made[2].log_prob.tolist() == made[1].log_prob.tolist()


def test_a_classifier_answers_as_on_the_cpu(place: Path) -> None:
    folder = tiny_classifier(place / "classifier", LABELS)
    made = [
        ClassifierPredictor(Checkpoint("judge", folder, HeadKind.CLASSIFICATION, device=device), LABELS).predict(TEXTS)
        for device in ("cpu", "cuda")
    ]

    assert np.abs(made[1].probabilities - made[0].probabilities).max() < 0.03


def test_a_registry_is_embedded_on_the_device(tmp_path: Path) -> None:
    encoder = tiny_encoder(tmp_path / "encoder")
    classifier = tiny_classifier(tmp_path / "classifier", LABELS)
    found = []
    for device in ("cpu", "cuda"):
        with Registry.create(tmp_path / device) as registry:
            for count in (24, 32, 48):
                registry.add_task(f"opinions{count}", opinions(count))
            hf_model(registry, "judge", str(classifier))
            create_space(registry, "tiny", surrogate=str(encoder))
            report = embed(registry, device=device)
            assert (report.failed, len(report.embedded)) == ({}, 4)
            found.append([(match.name, match.similarity) for match in registry.nearest("opinions24")])

    assert [name for name, _ in found[0]] == [name for name, _ in found[1]]
    assert [one for _, one in found[1]] == pytest.approx([one for _, one in found[0]], abs=0.01)


def _features(place: Path, count: int) -> None:
    Surrogate(saved(place, "bert"), device="cuda").features(TEXTS[:count])


def _reading(name: str) -> Callable[[Path, int], None]:
    def read(place: Path, count: int) -> None:
        method = METHODS[name]
        parameters = method.parameters() | ({"steps": count // 20} if name == "tupate" else {})
        observed = from_task(opinions(count), examples=count, seed=0)
        method.read(Surrogate(saved(place, "bert"), device="cuda"), observed, parameters, seed=0)

    return read


def _words(place: Path, count: int) -> None:
    folder = tiny_box(place / "writer", "llama", "LlamaForCausalLM")
    spec = {"type": "hf", "head": None, "source": str(folder), "revision": None, "identity": None, "labels": []}
    asked = [Question(f"what is great is not awful. a book number {n}" + " indeed" * (n % 7)) for n in range(count)]
    language_model(ModelSpec.from_document(spec), device="cuda", name="lm").score(asked, ["great", "a fine film"])


def _answers(place: Path, count: int) -> None:
    folder = tiny_classifier(place / "classifier", LABELS)
    ClassifierPredictor(Checkpoint("judge", folder, HeadKind.CLASSIFICATION, device="cuda"), LABELS).predict(
        TEXTS[:count]
    )


WORK = {
    "features": _features,
    "mapemb": _reading("mapemb"),
    "taskemb": _reading("taskemb"),
    "tupate": _reading("tupate"),
    "words": _words,
    "answers": _answers,
}


@pytest.mark.parametrize("name", WORK)
def test_the_device_is_waited_for_as_often_however_many_batches_there_are(
    place: Path, gpu: PretendedGpu | None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if gpu is None:
        pytest.skip("what waits for a GPU that is there, nobody tells")
    monkeypatch.setattr("embedders.hardware.batching.MOST_TOKENS", 256)
    waits = []
    WORK[name](place, 40)  # what is made once
    for count in (40, 160):
        gpu.waits.clear()
        WORK[name](place, count)
        waits.append([wait for wait in gpu.waits if "/embedders/" in wait])

    assert 1 <= len(waits[0]) == len(waits[1])
