"""Which things belong together: a tree of clusters, and an order in which neighbours are alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clustering:
    """A tree of clusters and an order of its leaves in which no branches cross.

    `merges` are n - 1 rows: two clusters and their distance, nearest first. Clusters 0 to n - 1 are the things
    themselves, n + i is what row i has made.
    """

    merges: NDArray[np.float64]  # (n - 1, 3)
    order: NDArray[np.int64]  # (n,)


def clustered(similarity: NDArray[np.float32]) -> Clustering:
    """Cluster things by the mean similarity between groups (average linkage).

    It follows chains of nearest neighbours (Murtagh 1983), which takes n^2 steps.

    Args:
        similarity: (n, n), symmetric, 1 on the diagonal.
    """
    count = len(similarity)
    if count < 2:
        return Clustering(np.empty((0, 3)), np.arange(count))
    merges = _renumbered(_merged(1.0 - similarity.astype(np.float64)), count)
    return Clustering(merges, _ordered(merges, similarity.astype(np.float64)))


def _merged(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the merges in the order in which they were found, each cluster by one of its members."""
    count = len(distance)
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, np.inf)
    sizes, alive = np.ones(count), np.ones(count, bool)
    chain: list[int] = []
    merges: list[tuple[int, int, float]] = []
    while len(merges) < count - 1:
        if not chain:
            chain = [int(alive.argmax())]
        here = chain[-1]
        near = int(distance[here].argmin())
        if len(chain) > 1 and distance[here, chain[-2]] <= distance[here, near]:
            near = chain[-2]
        if len(chain) < 2 or near != chain[-2]:
            chain.append(near)
            continue
        del chain[-2:]
        keep, gone = sorted((here, near))
        merges.append((keep, gone, distance[keep, gone]))
        joined = (sizes[keep] * distance[keep] + sizes[gone] * distance[gone]) / (sizes[keep] + sizes[gone])
        distance[keep], distance[:, keep] = joined, joined
        distance[gone], distance[:, gone], distance[keep, keep] = np.inf, np.inf, np.inf
        sizes[keep] += sizes[gone]
        alive[gone] = False
    return np.array(merges)


def _renumbered(merges: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return merges from the nearest on, each cluster by the number of the merge that made it."""
    cluster = np.arange(count)  # of a member: the cluster that it is in by now
    made = []
    for number, row in enumerate(np.argsort(merges[:, 2], kind="stable")):
        one, other = (int(member) for member in merges[row, :2])
        first, second = cluster[one], cluster[other]
        made.append((first, second, merges[row, 2]))
        cluster[np.isin(cluster, (first, second))] = count + number
    return np.array(made)


def _ordered(merges: NDArray[np.float64], similarity: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the leaves in an order in which, where two clusters meet, the ends that touch are the most alike."""
    leaves: list[list[int]] = [[leaf] for leaf in range(len(similarity))]
    for first, second, _ in merges:
        one, other = leaves[int(first)], leaves[int(second)]
        turned = [(a, b) for a in (one, one[::-1]) for b in (other, other[::-1])]
        best = max(turned, key=lambda pair: similarity[pair[0][-1], pair[1][0]])
        leaves.append(best[0] + best[1])
    return np.array(leaves[-1], np.int64)
