"""What a GPU makes of it: every part that runs there, beside the peak that the same run measures.

Models have well-known shapes and random weights, so nothing is downloaded. Where there is no GPU all of it runs on the
CPU in small, which says that it works, and nothing about a GPU.

peak       a product of two large matrices, and a copy in memory
features   a BERT-base-shaped surrogate: batches by tokens, and of 32 rows
Fisher     per example by hooks, beside a loop of single examples; and the sketch by itself
tuning     steps of TuPaTE (biases), and how often a step waits for the device
T5         a T5-base-shaped surrogate: features, and steps of a prefix under text-to-text
decoder    a 1B-shaped decoder under 20 prompts
index      FAISS on the GPU, where its build for it is installed, beside the CPU's

python -m benchmarks.gpu
"""

import argparse
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from benchmarks import shapes
from benchmarks.fisher import Case
from embedders.fisher import select
from embedders.hardware.batching import ROWS, BatchSize
from embedders.hardware.devices import best_device, bf16_pays
from embedders.observed import from_task
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.language.causal import CausalLM
from embedders.predictors.language.contract import Question
from embedders.sketch import CountSketch
from embedders.surrogate.model import Surrogate
from embedders.tuning.few_parameters import with_tuning
from embedders.tuning.objectives import objective_for
from embedders.tuning.training import tuning
from registry.data.examples import Example
from registry.data.inputs import Input
from registry.data.tasks import TaskData
from registry.index.faiss_flat import OnDevice, load_faiss, on_device

REPEATS = 3
DIMENSION = 2048  # of a sketch
NAMES = ("torch", "transformers", "numpy", "faiss-gpu", "faiss-cpu", "fute-registry")


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    shape: shapes.Shape  # of the surrogate
    t5: shapes.Shape
    decoder: shapes.Shape
    texts: int
    examples: int  # of the Fisher
    steps: int
    prompted: int  # texts under each prompt
    rows: int  # of the index
    square: int  # rows of the peak's matrices


LARGE = Sizes(shapes.BERT_BASE, shapes.T5_BASE, shapes.LLAMA_1B, 20_000, 64, 40, 32, 100_000, 8192)
SMALL = Sizes(shapes.SMALL, shapes.SMALL, shapes.SMALL, 300, 16, 4, 4, 2000, 512)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    seconds: float | None
    told: str
    flops: float | None = None  # of all, for the share of the peak


@dataclass
class Bench:
    """The device, how much is measured there, and what it can do at best."""

    device: torch.device
    sizes: Sizes
    place: Path
    peak: dict[str, float]  # of float32 (on tensor cores) and bfloat16, in operations a second

    def seconds(self, run: Callable[[], object], *, repeats: int = REPEATS) -> float:
        """Return the median time of a run after a first one, with all that it has set off on the device."""
        run()
        taken = []
        for _ in range(repeats):
            self.wait()
            began = time.perf_counter()
            run()
            self.wait()
            taken.append(time.perf_counter() - began)
        return float(np.median(taken))

    def wait(self) -> None:
        """Wait until the device has nothing left to do."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def surrogate(self, name: str) -> Surrogate:
        """Return a surrogate of random weights, saved once."""
        folder = self.place / name
        if not folder.exists():
            (shapes.bert if name == "bert" else shapes.t5)(
                folder, self.sizes.shape if name == "bert" else self.sizes.t5
            )
        return Surrogate(folder, device=str(self.device), max_length=128)


def peak(bench: Bench) -> Iterator[Row]:
    """Measure what the device does at best, and remember it for the shares."""
    count = bench.sizes.square
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    for dtype in (torch.float32, torch.bfloat16) if bf16_pays(bench.device) else (torch.float32,):
        left, right = (torch.randn((count, count), device=bench.device, dtype=dtype) for _ in range(2))
        out = torch.empty_like(left)

        def multiply() -> None:
            for _ in range(10):
                torch.mm(left, right, out=out)  # noqa: B023 - called at once

        taken = bench.seconds(multiply) / 10
        name = str(dtype).removeprefix("torch.")
        bench.peak[name] = 2 * count**3 / taken
        yield Row(f"matrix product, {name}, {count}", taken, f"{bench.peak[name] / 1e12:.2f} TFLOP/s")
    torch.set_float32_matmul_precision(before)
    source = torch.randn(max(count * count, 2**24), device=bench.device)
    target = torch.empty_like(source)
    taken = bench.seconds(lambda: target.copy_(source))
    yield Row("copy in memory", taken, f"{2 * source.nbytes / taken / 1e9:.0f} GB/s read and written")


def features(bench: Bench, name: str = "bert") -> Iterator[Row]:
    """Features of texts of mixed length, with batches by tokens and of 32 rows."""
    surrogate = bench.surrogate(name)
    texts = [Input(text) for text in shapes.texts(bench.sizes.texts, mean=32)]
    tokens = sum(len(row["input_ids"]) for row in surrogate.rows(texts))
    work = 2.0 * shapes.weights_of(surrogate.model) * tokens

    def tokenise() -> None:
        surrogate.forget()
        surrogate.rows(texts)

    def run() -> None:
        surrogate.forget()
        surrogate.features(texts)

    taken = bench.seconds(tokenise)
    yield Row(f"{name}: tokenising alone", taken, f"{tokens:,} tokens")
    own = surrogate._batch_size
    times = {}
    for size in dict.fromkeys([own, BatchSize(ROWS), BatchSize(4096, 2**13 if bench.device.type == "cpu" else 2**15)]):
        surrogate._batch_size = size
        how = f"{size.rows} rows" if size.tokens is None else f"{size.tokens:,} tokens"
        times[size] = bench.seconds(run)
        ratio = f", {times[size] / times[own]:.2f} x the first" if size != own else ""
        yield Row(f"{name}: features, {how} a batch", times[size], f"{tokens / times[size]:,.0f} tokens/s{ratio}", work)


def fisher(bench: Bench) -> Iterator[Row]:
    """The Fisher of a batch by hooks, a loop of single examples, and the sketch alone."""
    surrogate = bench.surrogate("bert")
    objective = objective_for(
        "verbaliser", surrogate, from_task(_task(bench), examples=bench.sizes.examples, seed=0), seed=0
    )
    model = objective.fresh_model()
    order = np.argsort(-objective.lengths, kind="stable")
    batches = [order[start : start + 32] for start in range(0, len(order), 32)]
    case = Case(model, objective, select(model, "encoder"), batches)
    sketches = [CountSketch(case.layout.size, DIMENSION, (0, 0), device=bench.device) for _ in range(2)]
    work = 6.0 * shapes.weights_of(model) * float(objective.lengths.sum())
    plain = bench.seconds(case.pass_through)
    yield Row("forward and backward pass", plain, f"{len(order)} examples", work)
    for power in ("0.5", "1"):
        taken = bench.seconds(lambda: case.fisher(sketches[0], sketches[1], power=power))  # noqa: B023 - called at once
        yield Row(f"Fisher by hooks, power {power}", taken, f"{taken / plain:.2f} x that pass")
    alone = bench.seconds(case.one_by_one, repeats=1)
    yield Row("loop of single examples, power 1", alone, f"{alone / taken:.1f} x the hooks")
    values = torch.rand(case.layout.size, device=bench.device)
    sketched = bench.seconds(lambda: sketches[0].add(0, values))
    share = sketched * len(batches) / taken
    yield Row("sketch of one batch's sums", sketched, f"{case.layout.size:,} numbers; {share:.2f} of the Fisher")


def steps(bench: Bench) -> Iterator[Row]:
    """Steps of TuPaTE: biases under the verbaliser on BERT, a prefix under text-to-text on T5."""
    for name, how, objective_name in (("bert", "bias", "verbaliser"), ("t5", "prefix", "text-to-text")):
        surrogate = bench.surrogate(name)
        objective = objective_for(objective_name, surrogate, from_task(_task(bench), examples=256, seed=0), seed=0)
        model = with_tuning(objective.fresh_model(), how, task_type=objective.peft_type, seed=0)
        count = bench.sizes.steps

        def run() -> None:
            for _ in tuning(model, objective, steps=count, batch_size=32, learning_rate=1e-3, seed=0):  # noqa: B023
                pass

        taken = bench.seconds(run, repeats=1)
        work = 4.0 * shapes.weights_of(model) * float(objective.lengths.mean()) * 32 * count  # no weight has a gradient
        told = f"{count / taken:.1f} steps/s of 32 examples{_waits(bench, run, count)}"
        yield Row(f"{name}: tuning, {how}", taken, told, work)


def decoder(bench: Bench) -> Iterator[Row]:
    """A decoder that is asked 20 prompts of some texts each: half of them with a long common beginning."""
    from registry.data.models import HeadKind

    folder = shapes.llama(bench.place / "llama", bench.sizes.decoder)
    lm = CausalLM(Checkpoint("decoder", folder, HeadKind.CAUSAL_LM, device=str(bench.device)))
    texts = shapes.texts(bench.sizes.prompted, mean=24)
    shots = shapes.texts(20, mean=120, seed=1)
    asked = [[Question(f"{shot if n % 2 else 'w1 w2'} {text} w3 w4") for text in texts] for n, shot in enumerate(shots)]
    words = ["w5", "w6 w7"]

    def run() -> None:
        for questions in asked:
            lm.score(questions, words)

    tokens = sum(len(q.prompt) for questions in asked for q in lm._tokenise(questions, words, lm._room(words)))
    taken = bench.seconds(run, repeats=1)
    work = 2.0 * (shapes.weights_of(lm._model.model) + bench.sizes.decoder.hidden * bench.sizes.decoder.words) * tokens
    told = f"{len(asked) * len(texts) / taken:,.0f} questions/s, {tokens / taken:,.0f} tokens/s with what is shared"
    yield Row(f"decoder: {len(asked)} prompts of {len(texts)} texts", taken, told, work)


def index(bench: Bench) -> Iterator[Row]:
    """One question after another to an index, on the CPU and, where FAISS can, on the GPU."""
    faiss = load_faiss()
    random = np.random.default_rng(0)
    rows = random.normal(size=(bench.sizes.rows, DIMENSION)).astype(np.float32)
    faiss.normalize_L2(rows)
    questions = rows[:20] + 0.01 * random.normal(size=(20, DIMENSION)).astype(np.float32)
    kinds = {"flat": faiss.IndexFlatIP(DIMENSION)}
    kinds["IVF, eight bits"] = faiss.index_factory(
        DIMENSION, f"IVF{min(256, bench.sizes.rows // 50)},SQ8", faiss.METRIC_INNER_PRODUCT
    )
    for kind, made in kinds.items():
        if not made.is_trained:
            made.train(rows[: 256 * 50])
        made.add(rows)
        here = bench.seconds(lambda: [made.search(one[None], 10) for one in questions]) / len(questions)  # noqa: B023
        yield Row(f"index, {kind}, CPU", here, f"{bench.sizes.rows:,} x {DIMENSION}")
        there = on_device(faiss, made)
        if not isinstance(there, OnDevice):
            yield Row(f"index, {kind}, GPU", None, "not measured: no GPU, or FAISS's build for the CPU")
            continue
        taken = bench.seconds(lambda: [there.search(one[None], 10) for one in questions]) / len(questions)  # noqa: B023
        agree = np.mean(there.search(questions, 10)[1] == made.search(questions, 10)[1])
        yield Row(f"index, {kind}, GPU", taken, f"{here / taken:.1f} x as fast; {agree:.3f} of the neighbours the same")


PARTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "peak": peak,
    "features": features,
    "fisher": fisher,
    "tuning": steps,
    "t5": lambda bench: features(bench, "t5"),
    "decoder": decoder,
    "index": index,
}


def main() -> int:
    """Run all parts, write the table, and return 1 where one of them failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", help="cuda, cpu, ...; else the best there is")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, default=Path("build/gpu.md"), help="the table, in Markdown")
    options = parser.parse_args()
    device = best_device(options.device)
    is_gpu = device.type == "cuda"
    began, failed = time.perf_counter(), []
    lines = [*_head(device), "| what | time | figures | share of peak |", "| --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(device, LARGE if is_gpu else SMALL, Path(place), {})
        for part in dict.fromkeys(["peak", *options.parts]):
            try:
                for row in PARTS[part](bench):
                    lines.append(_line(row, bench))
                    print(lines[-1], flush=True)
            except Exception as error:  # what one part cannot, the others may
                traceback.print_exc()
                failed.append(part)
                lines.append(f"| {part} | | failed: {type(error).__name__} | |")
    lines += ["", f"{time.perf_counter() - began:.0f} s in all."]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"written to {options.out}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def _head(device: torch.device) -> list[str]:
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        told = f"{name}, CUDA {torch.version.cuda}"
    else:
        told = "A CPU, in small: this shows that all of it runs, and says nothing about a GPU"
    known = []
    for one in NAMES:
        try:
            known.append(f"{one} {version(one)}")
        except PackageNotFoundError:
            continue
    return [f"{told}; {datetime.now(UTC):%Y-%m-%d}; {', '.join(known)}.", ""]


def _line(row: Row, bench: Bench) -> str:
    """Return a line of the table; shares are of the fastest product that was measured."""
    share = ""
    if row.flops is not None and row.seconds and bench.peak:
        share = f"{row.flops / row.seconds / max(bench.peak.values()):.1%}"
    return f"| {row.what} | {_time(row.seconds)} | {row.told} | {share} |"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _task(bench: Bench) -> TaskData:
    """Return a task of random texts with two labels."""
    made = shapes.texts(max(256, bench.sizes.examples), mean=32, seed=2)
    train = tuple(Example(text, label=("w8", "w9")[n % 2]) for n, text in enumerate(made))
    return TaskData(kind="classification", train=train, labels=("w8", "w9"))


def _waits(bench: Bench, run: Callable[[], object], count: int) -> str:
    """Return how often the device was waited for in each of `count` steps of a run; nothing on a CPU."""
    if bench.device.type != "cuda":
        return ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            run()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    waited = sum("synchroniz" in str(one.message) for one in caught)
    return f", {waited / count:.1f} waits a step"


if __name__ == "__main__":
    sys.exit(main())
