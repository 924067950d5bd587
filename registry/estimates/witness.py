"""What the labels of a like task say about the inputs, read through a classifier."""

from dataclasses import dataclass

import numpy as np

from registry.estimates.votes import Floats, Posterior

USUAL_TRUST = 0.7  # what it is worth before anything is known of it here: 1 is all that it claims
SPREAD_OF_TRUST = 0.5  # standard deviation
STEP = 0.3  # the furthest that trust moves in a round
AS_TOLD = 2.0  # pseudo-inputs for each input, where it is told how often each answer is true


@dataclass(frozen=True, eq=False)
class Witness:
    """How likely a classifier, trained on a like task, finds each answer to each input."""

    log_odds: Floats  # (inputs, answers), log probabilities less their mean over the answers

    @classmethod
    def of(cls, probabilities: Floats) -> "Witness":
        """Make one of probabilities (inputs, answers)."""
        logs = np.log(np.maximum(probabilities, 1e-6))
        return cls(np.asarray(logs - logs.mean(axis=1, keepdims=True)))


@dataclass
class Expectation:
    """How likely each answer is before any voter is heard: by how often each is true, and by a like task's witness.

    log p(z = k) = share_k + trust x log_odds_k. How far a witness is trusted is estimated here, from how well it goes
    with what the voters make of the inputs: a task that only looks alike gets a trust near 0 and counts for nothing.
    """

    answers: int
    witness: Witness | None
    evenness: float  # pseudo-inputs of each answer, as a share of all inputs: how even the answers are taken to be
    priors: Floats | None = None  # (answers,), how often each is true, where that is told; they add up to 1
    trust: float = USUAL_TRUST

    def __post_init__(self) -> None:
        """Begin with answers that are equally often true, or as often as is told."""
        self.share = np.zeros(self.answers) if self.priors is None else np.log(self.priors)

    def log_probabilities(self, inputs: int) -> Floats:
        """Return the log probabilities of the answers, (inputs, answers)."""
        scores = np.broadcast_to(self.share, (inputs, self.answers))
        if self.witness is not None:
            scores = scores + self.trust * self.witness.log_odds
        scores = scores - scores.max(axis=1, keepdims=True)
        return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))

    def update(self, truth: Posterior) -> None:
        """Fit the shares, and the trust in the witness, to how likely each answer is now (Newton steps)."""
        inputs = len(truth)
        pseudo = self._pseudo * inputs
        if self.witness is None:
            share = (truth.sum(axis=0) + pseudo) / (inputs + pseudo.sum())
            self.share = np.log(share)
            return
        odds = self.witness.log_odds
        for _ in range(3):
            now = np.exp(self.log_probabilities(inputs))
            off = truth - now
            slope = float((off * odds).sum()) - (self.trust - USUAL_TRUST) / SPREAD_OF_TRUST**2
            bend = float((now * odds**2).sum() - ((now * odds).sum(axis=1) ** 2).sum()) + 1 / SPREAD_OF_TRUST**2
            self.trust = max(self.trust + float(np.clip(slope / bend, -STEP, STEP)), 0.0)
            slopes = off.sum(axis=0) + pseudo - pseudo.sum() * now.mean(axis=0)
            bends = (now * (1 - now)).sum(axis=0) + pseudo + 1
            self.share = self.share + np.clip(slopes / bends, -0.5, 0.5)
            self.share -= self.share.mean()

    @property
    def _pseudo(self) -> Floats:
        """Pseudo-inputs of each answer, (answers,), as a share of all inputs."""
        if self.priors is None:
            return np.full(self.answers, self.evenness / self.answers)
        return max(self.evenness, AS_TOLD) * self.priors
