"""Which prompt is best, without labels: the rival methods as pure functions of what an LLM answered.

Every method takes the probabilities p(y | x, t) of choices y, inputs x and prompts t, as an array
(prompts, inputs, choices) that adds up to 1 over the choices, and returns a score per prompt; higher is better.
The definitions are those of the papers that are named, in the common form of Yang et al. (2024), "Improving
Probability-based Prompt Selection Through Unified Evaluation and Analysis", which measured them against each other.
None reads a label.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from registry.data.probabilities import softmax
from registry.errors import InputError

PromptScores = NDArray[np.float64]
Probabilities = NDArray[np.float64]

CALIBRATIONS = ("none", "contextual", "batch")
LAST_BITS = 1e-9  # what differs by less is equal
_LEAST = np.finfo(np.float64).tiny


# -- probabilities -----------------------------------------------------------------------------------


def probabilities(log_prob: ArrayLike) -> Probabilities:
    """Return p(y | x, t), normalised over the choices, of log probabilities (prompts, inputs, choices)."""
    return softmax(np.asarray(log_prob, np.float64))


def calibrated(table: Probabilities, calibration: str, content_free: ArrayLike | None = None) -> Probabilities:
    """Return probabilities after a calibration, one of `CALIBRATIONS`.

    - `contextual` (Zhao et al. 2021, "Calibrate Before Use"): each choice is divided by what the prompt gives it on
      content-free inputs, the mean over them, normalised over the choices; then the choices are normalised.
    - `batch` (Zhou et al. 2024, "Batch Calibration"; Yang et al.'s calibration by marginalisation with the mean): each
      choice is divided by the prompt's mean probability of it over the inputs; then the choices are normalised.

    Args:
        table: (prompts, inputs, choices).
        content_free: log probabilities of content-free inputs, (kinds, prompts, choices); for `contextual`.

    Raises:
        InputError: there is no such calibration, or what it needs is missing.
    """
    check_calibration(calibration)
    if calibration == "none":
        return table
    if calibration == "batch":
        usual = table.mean(axis=1)
    else:
        if content_free is None:
            raise InputError("Contextual calibration needs answers to content-free inputs: log_prob_empty, _na, _mask.")
        usual = np.exp(np.asarray(content_free, np.float64)).mean(axis=0)
        usual = usual / np.maximum(usual.sum(axis=-1, keepdims=True), _LEAST)
    share = table / np.maximum(usual, _LEAST)[:, None]
    return np.asarray(share / share.sum(axis=-1, keepdims=True), np.float64)


def check_calibration(name: str) -> None:
    """Raise `InputError` if there is no such calibration."""
    if name not in CALIBRATIONS:
        raise InputError(f"No calibration {name!r}: there are {', '.join(CALIBRATIONS)}.")


def hard(table: Probabilities) -> Probabilities:
    """Return the likeliest choice of each input as certain; the first of equals."""
    return np.asarray(np.eye(table.shape[-1])[table.argmax(axis=-1)])


def likeliest(scores: ArrayLike) -> Probabilities:
    """Return the likeliest choice of each input as certain, shared among equals: no method leans to the first one."""
    given = np.asarray(scores, np.float64)
    first = np.isclose(given, given.max(axis=-1, keepdims=True), rtol=LAST_BITS, atol=LAST_BITS)
    return np.asarray(first / first.sum(axis=-1, keepdims=True))


# -- the methods -------------------------------------------------------------------------------------


def mutual_information(table: Probabilities) -> PromptScores:
    """Return MI, H(Y | t) - H(Y | X, t): answers that differ between inputs and are sure (Sorensen et al. 2022)."""
    return np.asarray(np.maximum(_entropy(table.mean(axis=1)) - _entropy(table).mean(axis=1), 0.0))


def global_entropy(table: Probabilities) -> PromptScores:
    """Return GlobalE, the entropy of how often each choice is the likeliest (Lu et al. 2022)."""
    return _entropy(likeliest(table).mean(axis=1))


def local_entropy(table: Probabilities) -> PromptScores:
    """Return LocalE, the mean entropy of single answers: prompts that are overconfident fall (Lu et al. 2022)."""
    return np.asarray(_entropy(table).mean(axis=1))


def description_length(table: Probabilities) -> PromptScores:
    """Return MDL, minus the mean entropy of single answers (Wu et al. 2023).

    Wu et al. choose a prompt for each input, the one whose answer has the least entropy. One prompt for all inputs is
    Yang et al.'s form of it, and the exact opposite of LocalE.
    """
    return -local_entropy(table)


def zero_label_log_prob(table: Probabilities) -> PromptScores:
    """Return ZPS-Log: agreement with the choices of the highest mean log probability (Liao et al. 2022)."""
    return _agreement(table, lambda kept: np.log(np.maximum(kept, _LEAST)).mean(axis=0))


def zero_label_prob(table: Probabilities) -> PromptScores:
    """Return ZPS-Prob: agreement with the choices of the highest mean probability (Liao et al. 2022)."""
    return _agreement(table, lambda kept: np.asarray(kept.mean(axis=0)))


def zero_label_vote(table: Probabilities) -> PromptScores:
    """Return ZPS-Vote: agreement with the choices that most prompts think likeliest (Liao et al. 2022)."""
    return _agreement(table, lambda kept: likeliest(kept).sum(axis=0))


def perplexity(prompt_prob: ArrayLike) -> PromptScores:
    """Return minus the mean perplexity of the filled-in prompt, SPELL (Gonen et al. 2022).

    Args:
        prompt_prob: (prompts, inputs), the mean probability of the tokens; the perplexity is 1 over it.
    """
    return np.asarray(-(1 / np.asarray(prompt_prob, np.float64)).mean(axis=1))


METHODS: Mapping[str, Callable[[Probabilities], PromptScores]] = {
    "mi": mutual_information,
    "globale": global_entropy,
    "locale": local_entropy,
    "zps-log": zero_label_log_prob,
    "zps-prob": zero_label_prob,
    "zps-vote": zero_label_vote,
    "mdl": description_length,
}
PERPLEXITY = "perplexity"


def score_prompts(table: Probabilities, prompt_prob: ArrayLike | None = None) -> dict[str, PromptScores]:
    """Return the scores of every method, (prompts,) each; perplexity only where the prompts' own is known.

    What differs in the last bit is equal.
    """
    scores = {name: method(table) for name, method in METHODS.items()}
    if prompt_prob is not None:
        scores[PERPLEXITY] = perplexity(prompt_prob)
    return {name: np.round(its, 9) for name, its in scores.items()}


def confident(table: Probabilities) -> NDArray[np.bool_]:
    """Return which prompts pass the confidence filter, (prompts,) (Liao et al. 2022).

    A prompt's confidence is the sum over inputs of the likeliest choice's lead over the second. Two means divide the
    prompts into two clusters, and the lower one is discarded. In one dimension the best division is found exactly, so
    nothing depends on a random start. Equals stay together; where all are equal, all pass.
    """
    two = np.sort(table, axis=-1)[..., -2:]
    confidence = np.round((two[..., 1] - two[..., 0]).sum(axis=1), 9)
    values = np.sort(confidence)
    cuts = [i for i in range(1, len(values)) if values[i] > values[i - 1]]
    if not cuts:
        return np.ones(len(values), bool)
    errors = [values[:i].var() * i + values[i:].var() * (len(values) - i) for i in cuts]
    return np.asarray(confidence >= values[cuts[int(np.argmin(errors))]])


def spread(table: Probabilities) -> PromptScores:
    """Return how far answers differ between inputs, (prompts,): 0 where all are the same, 1 for all choices as often.

    The standard deviation over the inputs of the vector of probabilities, over that of certain answers spread evenly.
    """
    most = 1 - 1 / table.shape[-1]
    return np.asarray(np.sqrt(table.var(axis=1).sum(axis=-1) / most))


def expected_agreement(cosines: ArrayLike, table: Probabilities) -> PromptScores:
    """Return FUTE's scores: the cosines of the prompts' maps with the task's map, times the spread of the answers.

    For two answers +1 and -1, equally often right, the accuracy of answers f to the truth t is
    1/2 + E[t f] / 2 = 1/2 + corr(t, f) sd(f) / 2. The map's cosine stands for the correlation: it has no length, so a
    prompt that nearly always gives one answer, and is right where it does not, has the cosine of one that is right
    throughout. The standard deviation is read off the answers.

    Args:
        cosines: (prompts,), of the map facets of DTE and MTEs.
        table: the answers of which the MTEs were made, certain ones or probabilities, (prompts, inputs, choices).
    """
    return np.asarray(np.asarray(cosines, np.float64) * spread(table))


# -- together ----------------------------------------------------------------------------------------


def standardised(scores: ArrayLike) -> PromptScores:
    """Return scores with mean 0 and standard deviation 1; all 0 where they are equal."""
    given = np.asarray(scores, np.float64)
    spread = given.std()
    return (given - given.mean()) / spread if spread > 1e-12 * max(1.0, float(np.abs(given).max())) else 0 * given


def combined(parts: Sequence[ArrayLike]) -> PromptScores:
    """Return the mean of several methods' standardised scores, (prompts,)."""
    return np.asarray(np.mean([standardised(scores) for scores in parts], axis=0))


def _agreement(table: Probabilities, ensemble: Callable[[Probabilities], NDArray[np.float64]]) -> PromptScores:
    """Return the share of inputs on which each prompt answers as the ensemble of the confident ones.

    Choices that are first together share it: else the names of the choices would decide. A discarded prompt gets 2
    less, so that it stands behind all that were kept.
    """
    kept = confident(table)
    agreed = likeliest(ensemble(table[kept]))  # (inputs, choices)
    share = (likeliest(table) * agreed).sum(axis=-1).mean(axis=1)
    return np.asarray(np.where(kept, share, share - 2))


def _entropy(table: Probabilities) -> Probabilities:
    """Return the entropy over the last axis, in nats; 0 log 0 is 0."""
    return np.asarray(-(table * np.log(np.maximum(table, _LEAST))).sum(axis=-1), np.float64)
