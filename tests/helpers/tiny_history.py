"""Small histories of transfers for the tests of memory."""

from collections.abc import Sequence

import numpy as np

from registry.data.transfers import TransferRecord
from registry.sources.likeness import Likeness

SETTINGS = ("small/full", "large/lora")


def likeness_of(names: Sequence[str], *, seed: int = 0) -> Likeness:
    """Return the likeness of tasks with seeded random vectors of three facets."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(3, len(names), 4))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    facets = np.einsum("fid,fjd->ijf", vectors, vectors)
    similarity = facets @ np.array([0.4, 0.4, 0.2])
    np.fill_diagonal(similarity, 1.0)
    return Likeness(tuple(names), similarity, facets, ("inputs", "answers", "map"))


def records_of(
    targets: Sequence[str], sources: Sequence[str], *, seed: int = 0, settings: Sequence[str] = SETTINGS
) -> list[TransferRecord]:
    """Return about two thirds of all transfers, with random scores."""
    random = np.random.default_rng(seed)
    return [
        TransferRecord(*setting.split("/"), target, source, float(random.uniform(0.3, 0.9)), 0.02, 4)
        for setting in settings
        for target in targets
        for source in sources
        if source != target and random.random() < 2 / 3
    ]
