"""What estimates accuracies, and how good the estimates are: ours and the plain rivals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedders.surrogate.classifier import Classified
from registry.choosing.scores import PromptScores
from registry.data.answer_tables import NONE
from registry.estimates.estimate import Estimate, estimated
from registry.estimates.rivals import corrected_agreement, dawid_skene, majority, spectral
from registry.estimates.votes import Votes
from registry.estimates.witness import Witness

ESTIMATE = "estimate"  # ours


@dataclass(frozen=True, eq=False)
class Estimators:
    """Accuracies by every estimator, (columns,) each, and all that ours says."""

    accuracies: dict[str, PromptScores]
    ours: Estimate

    def quality(self, name: str, true: PromptScores) -> dict[str, float]:
        """Return how good an estimator's accuracies are: `mae`, and of ours `coverage` and `brier` too."""
        figures = {"mae": float(np.abs(self.accuracies[name] - true).mean())}
        if name == ESTIMATE:
            inside = (true >= self.ours.low) & (true <= self.ours.high)
            figures["coverage"] = float(inside.mean())
            figures["brier"] = float(((self.ours.best - (true == true.max())) ** 2).mean())
        return figures


def estimators(votes: Votes, read: Classified | None, labels: NDArray[np.int64] | None = None) -> Estimators:
    """Estimate the accuracy of every column.

    Args:
        votes: what each column answered.
        read: what a classifier, trained on a labelled dataset, makes of the inputs.
        labels: (inputs,), those that ours may read, else -1.
    """
    witness = None if read is None else Witness.of(read.probabilities)
    ours = estimated(votes, witness, labels)
    named = {
        ESTIMATE: ours.accuracy,
        "majority": majority(votes),
        "dawid-skene": votes.accuracy(dawid_skene(votes)),
    }
    by_covariance = spectral(votes)
    if by_covariance is not None:
        named["spectral"] = by_covariance
    if read is not None:
        named["classifier-corrected"] = corrected_agreement(votes, read.probabilities, read.accuracy)
    equal = {name: np.round(scores, 9) for name, scores in named.items()}  # what differs in the last bit is equal
    return Estimators(equal, ours)


def estimators_among(
    said: NDArray[np.int64], answers: int, kept: Sequence[int], read: Classified | None
) -> tuple[Votes, Estimators]:
    """Estimate the accuracy of every column where some of the answers alone may be right; others count as missing.

    Args:
        said: what each column answered, (columns, inputs), else `NONE`.
        answers: how many there are.
        kept: the columns of those that may be right.
        read: as for `estimators`, of all answers.
    """
    renumbered = np.full(answers + 1, NONE)  # the last one is for `NONE` itself
    renumbered[list(kept)] = range(len(kept))
    votes = Votes(renumbered[said], len(kept))
    if read is not None:
        own = read.probabilities[:, list(kept)]
        read = read._replace(probabilities=np.asarray(own / own.sum(axis=1, keepdims=True)))
    return votes, estimators(votes, read)


def as_estimates(names: list[str], ours: Estimate) -> dict[str, dict[str, float]]:
    """Return what ours says of each column, as JSON values."""
    columns = {"accuracy": ours.accuracy, "low": ours.low, "high": ours.high, "best": ours.best}
    return {
        name: {what: float(values[number]) for what, values in columns.items()} for number, name in enumerate(names)
    }
