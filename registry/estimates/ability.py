"""Any number of answers: what is true, where inputs are easy or hard and voters are able or not.

Voter t is right about an input of difficulty x ~ N(0, 1) whose true answer is k with the probability

    sigmoid(m_t + d_tk - s x)

m_t: its ability; d_tk: how well it knows answer k; s: how far difficulty counts, which is a thing of the input and not
of the voter (Rasch 1960; Whitehill et al. 2009). What a voter says when it is wrong is told in two ways:

- `habits`: each voter has answers of its own that it gives too often, w_tl, whatever the input.
- `lures`: each input has a wrong answer of its own that many fall for: a Polya urn, in which a wrong answer becomes
  likelier with each voter that gives it. Made for tests whose answers are letters, where a letter means something else
  in each question: there no answer is favoured and no d_tk is learned. It is how the best model, which leaves the crowd
  on hard questions, is told from one that resembles the crowd.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from registry.estimates.votes import Floats, Posterior, Votes
from registry.estimates.witness import Expectation

NODES = 9
ROUNDS, SETTLED = 60, 1e-3
NEWTON = 2
ABLE, ABLE_SPREAD = 1.0, 1.5  # of m_t before anything is known: mean and standard deviation
KNOWING, KNOWING_COUNTS = 1.0, 4.0  # the standard deviation of d_tk in the beginning, and the values it counts for
HABIT_COUNTS = 0.5  # pseudo-answers of each kind
EVENNESS = 0.7  # pseudo-inputs for each input, spread evenly: constant voters must not settle what is true
LETTERS = 1e6  # the same of letters that mean nothing
URN = 1.0  # wrong answers of each kind that lie in a Polya urn in the beginning


@dataclass(frozen=True)
class Skill:
    """What is taken to be shared among the voters."""

    difficulty: float  # s
    lures: bool = False
    weight: float = 1.0  # of each voter's evidence on an input
    evenness: float = EVENNESS  # of the answers; those of tests with lures are `LETTERS`


@dataclass(frozen=True)
class Ability:
    """A fit."""

    truth: Posterior  # (inputs, answers)
    log_likelihood: float  # of all answers


def abilities(votes: Votes, heed: Floats, assumed: Skill, expected: Expectation) -> Ability:
    """Return how likely each answer is true.

    Args:
        votes: the answers.
        heed: what each voter counts for, (voters,).
        assumed: how the voters err.
        expected: how likely each answer is before any voter is heard; it is fitted too.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    of_node = np.log(weights / weights.sum())
    hardness = assumed.difficulty * nodes
    given, chosen = votes.given.astype(np.float64), votes.chosen
    counts = votes.counted(heed)
    seen = counts > 0
    believed = (counts + 0.5 * seen + 1e-3) / (counts + 0.5 * seen + 1e-3).sum(axis=1, keepdims=True)
    states = believed[:, :, None] * np.exp(of_node)
    able, known, spread = np.full(len(votes), ABLE), np.zeros((len(votes), votes.answers)), KNOWING
    wrong_answers = _urns(votes, counts) if assumed.lures else _habits(votes, heed)
    allowed = seen | ~seen.any(axis=1, keepdims=True)
    log_likelihood = 0.0
    for _ in range(ROUNDS):
        asked = np.einsum("tn,nkg->tkg", given, states, optimize=True)
        right = np.einsum("tnk,nkg->tkg", chosen, states, optimize=True)
        able, known, spread = _fit(able, known, spread, asked, right, hardness, alike=assumed.lures)
        expected.update(believed)
        score = (able[:, None] + known)[:, :, None] - hardness
        hit, miss = -np.logaddexp(0, -score), -np.logaddexp(0, score)
        hit, miss = heed[:, None, None] * hit, heed[:, None, None] * miss
        likely = np.einsum("tnk,tkg->nkg", chosen, hit - miss, optimize=True)
        likely += np.einsum("tn,tkg->nkg", given, miss, optimize=True)
        likely += wrong_answers(believed)[:, :, None]
        likely = assumed.weight * likely + expected.log_probabilities(votes.inputs)[:, :, None] + of_node
        likely[~allowed] = -np.inf
        most = likely.max(axis=(1, 2), keepdims=True)
        states = np.exp(likely - most)
        total = states.sum(axis=(1, 2), keepdims=True)
        states /= total
        log_likelihood = float((np.log(total) + most).sum())
        now = states.sum(axis=2)
        change, believed = float(np.abs(now - believed).max()), now
        if change < SETTLED:
            break
    return Ability(np.asarray(believed), log_likelihood)


def _fit(
    able: Floats, known: Floats, spread: float, asked: Floats, right: Floats, hardness: Floats, *, alike: bool
) -> tuple[Floats, Floats, float]:
    """Return m (voters,), d (voters, answers) and its spread after Newton steps.

    Args:
        able: m so far.
        known: d so far.
        spread: the standard deviation of d.
        asked: (voters, answers, nodes), how many inputs of each true answer and difficulty a voter answered.
        right: the same of those that it answered rightly.
        hardness: (nodes,), s x.
        alike: whether all answers are known equally well, d = 0.
    """
    bend = np.ones_like(known)
    for _ in range(NEWTON):
        chance = 1 / (1 + np.exp(-((able[:, None] + known)[:, :, None] - hardness)))
        slope = (right - asked * chance).sum(axis=(1, 2)) - (able - ABLE) / ABLE_SPREAD**2
        bends = (asked * chance * (1 - chance)).sum(axis=(1, 2)) + 1 / ABLE_SPREAD**2
        able = able + np.clip(slope / bends, -1, 1)
        if not alike:
            chance = 1 / (1 + np.exp(-((able[:, None] + known)[:, :, None] - hardness)))
            bend = (asked * chance * (1 - chance)).sum(axis=2) + 1 / spread**2
            known = known + np.clip(((right - asked * chance).sum(axis=2) - known / spread**2) / bend, -1, 1)
    if not alike:
        squares = float((known**2 + 1 / bend).sum()) + KNOWING_COUNTS * KNOWING**2
        spread = float(np.sqrt(squares / (known.size + KNOWING_COUNTS)))
    return able, known, spread


def _habits(votes: Votes, heed: Floats) -> Callable[[Posterior], Floats]:
    """Return a function of what is believed: the log probability of all wrong answers, were each answer true."""
    usual = (votes.counts.sum(axis=0) + 1) / (votes.counts.sum() + votes.answers)
    habit = np.tile(usual, (len(votes), 1))
    given, chosen = votes.given.astype(np.float64), votes.chosen

    def wrong_answers(believed: Posterior) -> Floats:
        nonlocal habit
        hits = np.einsum("tnk,nk->tk", chosen, believed, optimize=True)
        said_wrongly = chosen.sum(axis=1) - hits
        missed = given @ believed - hits  # inputs whose answer this is, and that the voter missed
        for _ in range(2):
            share = missed / np.maximum(1 - habit, 1e-9)
            chances = share.sum(axis=1, keepdims=True) - share
            habit = (said_wrongly + HABIT_COUNTS * votes.answers * usual) / (chances + HABIT_COUNTS * votes.answers)
            habit = habit / habit.sum(axis=1, keepdims=True)
        habit = np.clip(habit, 1e-6, 1 - 1e-3)
        logs, others = heed[:, None] * np.log(habit), heed[:, None] * np.log(1 - habit)
        of_each = np.einsum("tnk,tk->nk", chosen, logs, optimize=True)
        spared = given.T @ others - np.einsum("tnk,tk->nk", chosen, others, optimize=True)
        return np.asarray(of_each.sum(axis=1, keepdims=True) - of_each - spared)

    return wrong_answers


def _urns(votes: Votes, counts: Floats) -> Callable[[Posterior], Floats]:
    """Return a function that gives the log probability of all wrong answers, were each answer true, by Polya urns."""
    usual = (votes.counts.sum(axis=0) + 1) / (votes.counts.sum() + votes.answers)
    balls = URN * (votes.answers - 1)
    drawn_of_all = _draws(np.array([balls]), len(votes))[0]
    made = np.zeros((votes.inputs, votes.answers))
    for answer in range(votes.answers):
        others = np.arange(votes.answers) != answer
        urns = _draws(usual[others] / usual[others].sum() * balls, len(votes))
        drawn = counts[:, others]
        made[:, answer] = sum(np.interp(drawn[:, i], np.arange(len(urns[i])), urns[i]) for i in range(len(urns)))
        made[:, answer] -= np.interp(drawn.sum(axis=1), np.arange(len(drawn_of_all)), drawn_of_all)
    return lambda _: made


def _draws(balls: Floats, most: int) -> Floats:
    """Return the log weight of 0, 1, ... draws of each kind from an urn to which each adds one, (kinds, 1 + most)."""
    steps = np.log(balls[:, None] + np.arange(most))
    return np.concatenate([np.zeros((len(balls), 1)), np.cumsum(steps, axis=1)], axis=1)
