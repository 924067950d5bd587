"""MapEmb: a task as the linear map from what is asked to what is answered, in closed form.

With phi(x) the surrogate's unit feature of an input and psi(y) that of an answer's text, four facets are read:

    inputs   mean of phi(x)                                         what the texts are about
    answers  mean of psi(y)                                         what can be answered, and how often
    joint    mean of phi(x) psi(y)'                                 which answers go with which texts
    map      W = argmin_W sum_i |psi(y_i) - m - W' (phi(x_i) - n)|^2 + n_examples * ridge * |W|^2
                                                                    how answers depend on inputs
with n and m the means of phi and psi. `joint` is the kernel mean embedding of the pairs (x, y) under the product of
the two kernels: <J1, J2> = E[<phi(x1), phi(x2)> <psi(y1), psi(y2)>], so that two tasks are near where like texts have
like answers. W is ridge regression's closed form; nothing is trained. The cosine of two maps in the Frobenius inner
product is the correlation of what the two maps answer to inputs spread evenly in all directions:
<W1, W2> = E[(W1'x) . (W2'x)] for x with covariance I. The regulariser grows with the number of examples, so that a
task and a model seen on more or fewer texts are smoothed alike.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedders.methods.contract import Method, Parts, Reading, read_halves
from embedders.observed import Observed
from registry.spaces.facets import Facet
from registry.spaces.spec import DIMENSION

if TYPE_CHECKING:
    from embedders.surrogate.model import Surrogate


class MapEmb(Method):
    """Embeds the inputs, the answers, both together, and the map between them."""

    name = "mapemb"
    sees_answers = True

    def parameters(self) -> dict[str, Any]:
        """`ridge`: the regulariser per example."""
        return {"ridge": 0.01}

    def facets(self, dimension: int) -> tuple[Facet, ...]:
        """An eighth each for inputs and answers, a quarter for the joint facet, and the rest, a half, for the map."""
        eighth, quarter = dimension // 8, dimension // 4
        rest = dimension - 2 * eighth - quarter
        return (Facet("inputs", eighth), Facet("answers", eighth), Facet("joint", quarter), Facet("map", rest))

    def read(
        self,
        surrogate: "Surrogate",
        observed: Observed,
        parameters: dict[str, Any],
        *,
        seed: int,
        dimension: int = DIMENSION,
    ) -> Reading:
        """Return the four facets; `fit` in the provenance is the share of the answers' variance explained."""
        asked = surrogate.features(observed.inputs, among=observed.among).astype(np.float64)  # (inputs, hidden)
        texts = surrogate.text_features(observed.answers).astype(np.float64)  # (answers, hidden)
        answered = _expected(observed, texts)  # (inputs, hidden)
        parts, fit = _parts(asked, answered, parameters["ridge"])
        halves = read_halves(lambda rows: _parts(asked[rows], answered[rows], parameters["ridge"])[0], len(asked), seed)
        return Reading(parts, {"fit": fit}, halves)


def _parts(asked: NDArray[np.float64], answered: NDArray[np.float64], ridge: float) -> tuple[Parts, float]:
    """Return the facets of examples, and the share of the answers' variance that the map explains."""
    weights, fit = ridge_map(asked, answered, ridge)
    joint = asked.T @ answered / len(asked)  # (hidden, hidden)
    parts = {"inputs": asked.mean(axis=0), "answers": answered.mean(axis=0), "joint": joint.ravel()}
    parts["map"] = weights.ravel()
    return {name: part.astype(np.float32) for name, part in parts.items()}, fit


def ridge_map(
    asked: NDArray[np.float64], answered: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], float]:
    """Return W (hidden, hidden) from centred inputs to centred answers, and the share of variance it explains.

    Args:
        asked, answered: (examples, hidden).
        ridge: regulariser per example.
    """
    x, y = asked - asked.mean(axis=0), answered - answered.mean(axis=0)
    few = len(x) < x.shape[1]  # then the smaller system of the examples has the same solution
    gram = (x @ x.T if few else x.T @ x) + len(x) * ridge * np.eye(min(x.shape))
    weights = x.T @ np.linalg.solve(gram, y) if few else np.linalg.solve(gram, x.T @ y)
    total = float((y**2).sum())
    return weights, 1.0 - float(((y - x @ weights) ** 2).sum()) / total if total > 0 else 0.0


def _expected(observed: Observed, texts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected answer's feature of each input, (inputs, hidden); padding has probability 0."""
    probabilities = observed.probabilities.astype(np.float64)
    if len(probabilities) and observed.has_fixed_options:
        return probabilities @ texts[observed.options[0]]
    return np.einsum("ik,ikh->ih", probabilities, texts[observed.options])
