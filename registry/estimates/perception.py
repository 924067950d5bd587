"""Two answers: what is true, where the prompts of one LLM see an input alike and err together.

Independence of errors is what Dawid and Skene (1979) assume and what the prompts of one LLM deny. Here each input has a
true answer z, -1 or 1, and a lure x ~ N(0, 1) that all voters share. Voter t answers 1 with the probability

    sigmoid(a_t (z + s x) + d_t (z - s x) + b_t)

a_t: how clearly it follows what the LLM perceives, z + s x; b_t: how much it favours an answer; d_t: what it knows of
the truth beyond the common perception. s says how much of the perception is lure: with s = 0 errors are independent,
with s = 1 even a prompt that follows the perception without noise errs on sixteen inputs of a hundred. The fit is an EM
over z and x (quadrature), with normal priors on a, d and b, whose spread is learned.
"""

from dataclasses import dataclass

import numpy as np

from registry.estimates.votes import Floats, Posterior, Votes
from registry.estimates.witness import Expectation

NODES = 9  # of the quadrature over the lure
ROUNDS, SETTLED = 60, 1e-3  # of EM, at most; the largest change of a probability at which it ends
NEWTON = 2  # steps in each round
CLEAR, CLEAR_SPREAD = 1.5, 1.5  # of a_t before anything is known: mean and standard deviation
FAVOUR = 1.0  # of b_t, in the beginning
FAVOUR_COUNTS = 2.0  # voters that this beginning counts for
EVENNESS = 0.2  # pseudo-inputs for each input, spread evenly over the answers


@dataclass(frozen=True)
class Perception:
    """What is taken to be shared among the voters."""

    lure: float  # s
    own: float  # the standard deviation of d_t
    weight: float = 1.0  # of each voter's evidence on an input: below 1 where voters repeat one another
    evenness: float = EVENNESS  # of the two answers


def perceived(votes: Votes, heed: Floats, assumed: Perception, expected: Expectation) -> Posterior:
    """Return how likely each of two answers is true, (inputs, 2).

    Args:
        votes: the answers.
        heed: what each voter counts for, (voters,).
        assumed: how the voters err together.
        expected: how likely each answer is before any voter is heard; it is fitted too.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    truth = np.repeat([-1.0, 1.0], NODES)
    lure = np.tile(nodes, 2) * assumed.lure
    basis = np.stack([truth + lure, truth - lure, np.ones(2 * NODES)])  # (3, states)
    of_node = np.tile(np.log(weights / weights.sum()), 2)
    yes, given = votes.chosen[:, :, 1], votes.given.astype(np.float64)
    no = given - yes
    counts = votes.counted(heed) + 0.5
    believed = counts / counts.sum(axis=1, keepdims=True)
    states = np.repeat(believed, NODES, axis=1) * np.exp(of_node)
    fitted = np.tile([CLEAR, 0.0, 0.0], (len(votes), 1))
    favour, evidence = FAVOUR, assumed.weight * heed[:, None]
    for _ in range(ROUNDS):
        fitted, favour = _fit(fitted, favour, given @ states, yes @ states, basis, assumed.own)
        expected.update(believed)
        scores = fitted @ basis
        likely = yes.T @ (evidence * _log_sigmoid(scores)) + no.T @ (evidence * _log_sigmoid(-scores))
        likely += np.repeat(expected.log_probabilities(votes.inputs), NODES, axis=1) + of_node
        states = np.exp(likely - likely.max(axis=1, keepdims=True))
        states /= states.sum(axis=1, keepdims=True)
        now = np.stack([states[:, :NODES].sum(axis=1), states[:, NODES:].sum(axis=1)], axis=1)
        change, believed = float(np.abs(now - believed).max()), now
        if change < SETTLED:
            break
    return np.asarray(believed)


def _fit(fitted: Floats, favour: float, asked: Floats, said: Floats, basis: Floats, own: float) -> tuple[Floats, float]:
    """Return the voters' parameters (voters, 3) after Newton steps, and the spread of b.

    Args:
        fitted: the parameters so far.
        favour: the standard deviation of b.
        asked: (voters, states), how many inputs a voter is expected to have answered in each state.
        said: the same of those to which it answered 1.
        basis: (3, states).
        own: the standard deviation of d.
    """
    precision = 1 / np.array([CLEAR_SPREAD, own, favour]) ** 2
    for _ in range(NEWTON):
        chance = 1 / (1 + np.exp(-np.clip(fitted @ basis, -500, 500)))
        slope = (said - asked * chance) @ basis.T - (fitted - [CLEAR, 0, 0]) * precision
        bend = np.einsum("tq,aq,bq->tab", asked * chance * (1 - chance), basis, basis, optimize=True)
        bend += np.diag(precision)
        fitted = fitted + np.clip(np.linalg.solve(bend, slope[:, :, None])[:, :, 0], -1, 1)
    squares = float((fitted[:, 2] ** 2).sum()) + FAVOUR_COUNTS * FAVOUR**2
    return fitted, float(np.sqrt(squares / (len(fitted) + FAVOUR_COUNTS)))


def _log_sigmoid(scores: Floats) -> Floats:
    return np.asarray(-np.logaddexp(0, -scores))
