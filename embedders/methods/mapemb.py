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

from embedders.methods.contract import Method, Parts, Reading
from embedders.methods.regression import RidgeRegression, Solved, regression_on
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
        features = surrogate.features(observed.inputs, among=observed.among)
        regression = regression_on(features, observed.distinct, parameters["ridge"], seed)
        is_of_corpus = observed.among is not None
        texts = surrogate.text_features(observed.answers, keep=is_of_corpus).astype(np.float64)  # (answers, hidden)
        answered, meanings = _answered(observed, texts)
        whole, *sides = regression.solved(answered)
        left = regression.unexplained(answered, whole.weights)
        halved = [_parts(side, meanings) for side in sides]
        fit = _explained(answered - whole.answers, left, meanings)
        return Reading(_parts(whole, meanings), {"fit": fit}, tuple(zip(halved[::2], halved[1::2], strict=True)))


def ridge_map(
    asked: NDArray[np.float64], answered: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], float]:
    """Return W (hidden, columns) from centred inputs to centred answers, and the share of variance it explains.

    Args:
        asked: (examples, hidden).
        answered: (examples, columns).
        ridge: regulariser per example.
    """
    regression = RidgeRegression(asked, ridge, np.zeros((0, len(asked)), bool))
    weights = regression.solved(answered)[0].weights
    left = regression.unexplained(answered, weights)
    return weights, _explained(answered - answered.mean(axis=0), left, None)


def _parts(solved: Solved, meanings: NDArray[np.float64] | None) -> Parts:
    """Return the facets of what was read; all but the inputs are linear in the answers, so meanings come last."""
    parts = {"answers": solved.answers, "joint": solved.joint, "map": solved.weights}
    told = parts if meanings is None else {name: part @ meanings for name, part in parts.items()}
    return {name: part.ravel().astype(np.float32) for name, part in {"inputs": solved.inputs, **told}.items()}


def _explained(centred: NDArray[np.float64], left: NDArray[np.float64], meanings: NDArray[np.float64] | None) -> float:
    """Return the share of the centred answers' variance (inputs, columns) that is not left over."""
    total, unexplained = _squares(centred, meanings), _squares(left, meanings)
    return 1.0 - unexplained / total if total > 0 else 0.0


def _squares(table: NDArray[np.float64], meanings: NDArray[np.float64] | None) -> float:
    """Return the sum of the squares of `table @ meanings`, which is not worked out row by row."""
    if meanings is None:
        return float((table**2).sum())
    return float(((table.T @ table) * (meanings @ meanings.T)).sum())


def _answered(observed: Observed, texts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return what was answered, (inputs, columns), and the feature that a column stands for, (columns, hidden).

    Where all inputs have the same few options, these are the columns. Elsewhere the columns are the numbers of the
    expected answer's feature, and stand for themselves (None). Padding has probability 0.
    """
    probabilities = observed.probabilities.astype(np.float64)
    if not len(probabilities) or not observed.has_fixed_options:
        return np.einsum("ik,ikh->ih", probabilities, texts[observed.options]), None
    meanings = texts[observed.options[0]]
    return (probabilities, meanings) if len(meanings) < meanings.shape[1] else (probabilities @ meanings, None)
