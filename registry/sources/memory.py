"""Which source helps a target, learnt from the transfers measured on other targets? A Gaussian process, in numpy.

The standardised score of starting from source s for target t in setting m is f(t, s, m) + noise. f is Gaussian with
the mean `slope` times the standardised similarity of t and s, so that nothing measured means plain similarity, and
with the covariance of `Kernel`. See docs/methods.md, "Memory".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from registry.sources.history import Measurement
from registry.sources.likeness import Likeness, Matrix

Rows = NDArray[np.int64]

MOST = 2500  # measurements in one memory; the work grows with the third power of the pairs


@dataclass(frozen=True)
class Kernel:
    """How much two measurements have in common: the constants of the covariance, chosen in docs/methods.md.

    cov f(t,s,m), f(t',s',m') = (shared + (1 - shared) [m=m']) * (worth [s=s'] + k(t,t') (like_targets [s=s']
    + like_sources k(s,s') + likeness x(t,s).x(t',s') / F) + slope_deviation^2 y(t,s) y(t',s')), with
    k = exp((kinship - 1) / reach), y the similarity and x those of the F facets, standardised over the target's other
    tasks. The mean of f is slope * y.
    """

    worth: float = 0.15  # a source that helped others helps
    like_targets: float = 0.4  # what helped tasks like this one helps
    like_sources: float = 0.15  # tasks like what helped tasks like this one help
    likeness: float = 0.15  # the facets by which what helped tasks like this one was alike; a slope for each of F
    shared: float = 0.7  # how much settings have in common
    reach: float = 0.35  # how far below 1 a kinship still counts
    noise: float = 0.2  # variance of a measurement, beside what repeated runs tell
    slope: float = 0.15  # what similarity promises before anything is measured
    slope_deviation: float = 0.15  # and how far that may be wrong, everywhere alike


@dataclass(frozen=True)
class Reason:
    """A measured pair, and what it adds to a score: weight times standardised score, over the settings."""

    target: str
    kinship: float | None  # of this target and the one that is asked for
    source: str
    gain: float  # percentage points over the mean of the target's sources, mean over settings
    contribution: float


@dataclass(frozen=True)
class Expected:
    """What memory expects of the sources of one target, in standard deviations of the target's sources."""

    target: str
    sources: tuple[str, ...]  # q
    mean: Matrix  # (q,)
    deviation: Matrix  # (q,), of the expected score, without the noise of measuring it
    parts: Matrix = field(repr=False)  # (q, pairs), what each measured pair adds to the mean

    @property
    def before(self) -> Matrix:
        """The part of the mean that no measurement adds, (q,): what likeness alone promises."""
        return np.asarray(self.mean - self.parts.sum(axis=1))


@dataclass(frozen=True)
class _Pairs:
    """Targets, each with a source, as the covariance needs them."""

    targets: Rows  # (p,), rows of the likeness
    sources: Rows  # (p,)
    features: Matrix  # (p, F), x
    similar: Matrix  # (p,), y


class Memory:
    """Measured transfers, made ready for questions: what is known of f is one matrix, shared by all targets.

    Observations are stacked by setting. With D_m = (1 - shared) K_m + noise of one setting and K of all pairs, the
    inverse covariance is D^-1 - D^-1 P (I + shared K A)^-1 shared K P' D^-1, where P repeats the pairs and
    A = P' D^-1 P: matrices of the size of the pairs, however many settings there are.
    """

    def __init__(self, history: Iterable[Measurement], likeness: Likeness, kernel: Kernel | None = None) -> None:
        self.history = tuple(sorted(history, key=lambda m: (m.setting, m.target, m.source)))
        self.kernel = kernel or Kernel()
        self.likeness = likeness.including(name for m in self.history for name in (m.target, m.source))
        self._settings = np.array([m.setting for m in self.history], object)
        self._scores = np.array([m.score for m in self.history], np.float64)
        self._left: dict[str, tuple[Rows, Matrix]] = {}
        self._fit()

    @property
    def settings(self) -> list[str]:
        """The settings that were measured, sorted."""
        return sorted(set(self._settings))

    @property
    def targets(self) -> list[str]:
        """The targets that were measured, sorted."""
        return sorted({m.target for m in self.history})

    def predict(
        self, target: str, sources: Sequence[str], *, setting: str | None = None, own: bool = False
    ) -> Expected:
        """Return what is to be expected of a target's sources.

        Args:
            setting: the one that is asked for, `MODEL/ADAPTATION`; None for one of which nothing is known.
            own: whether the outcomes of this very target, and of its doubles, count; else the answer is what it would
                be without them.

        Raises:
            KeyError: the target or a source is neither among the likenesses nor measured.
        """
        asked, covariance = self._asked(target, sources, setting)
        weights = self._solve(covariance)  # (observations, q)
        if not own:
            weights = self._left_out(target, weights)
        variance = self._variance(asked) - np.einsum("nq,nq->q", covariance, weights)
        mean = self._mean(target, asked, covariance, own=own)
        parts = np.zeros((len(self._bridge), len(sources)))
        for rows, at, _ in self._blocks:
            parts[at] += weights[rows] * self._scores[rows, None]
        return Expected(target, tuple(sources), mean, np.sqrt(np.maximum(variance, 0.0)), parts.T)

    def expected(self, target: str, sources: Sequence[str], *, setting: str | None = None, own: bool = False) -> Matrix:
        """Return the mean of `predict` alone, (sources,)."""
        asked, covariance = self._asked(target, sources, setting)
        return self._mean(target, asked, covariance, own=own)

    def reasons(self, prediction: Expected, source: str, *, setting: str | None = None) -> list[Reason]:
        """Return the measured pairs that add something to the score of a source, those that add most first.

        Args:
            prediction: of the target.
            source: the one that is asked for.
            setting: whose gains are told, where a pair was measured in it; else the mean over the settings.
        """
        parts = prediction.parts[prediction.sources.index(source)]
        kinship = {target: self.likeness.kin(prediction.target, target) for target in self.targets}
        return [
            Reason(target, kinship[target], source, gain, float(parts[i]))
            for i in np.argsort(-np.abs(parts), kind="stable")
            if parts[i]
            for target, source, mean in [self._measured[i]]
            for gain in [self._gains.get((target, source, setting or ""), mean)]
        ]

    def _fit(self) -> None:
        row = self.likeness.row
        ends = np.array([(row[m.target], row[m.source]) for m in self.history], np.int64).reshape(-1, 2)
        pairs, which = np.unique(ends, axis=0, return_inverse=True)
        self._pair = which.reshape(-1).astype(np.int64)
        self._pairs = self._as_pairs(pairs[:, 0], pairs[:, 1])
        self._gains = {(m.target, m.source, m.setting): m.gain for m in self.history}
        gains = np.bincount(self._pair, [m.gain for m in self.history], len(pairs)) / np.bincount(self._pair)
        names = self.likeness.names
        self._measured = [(names[t], names[s], float(g)) for (t, s), g in zip(pairs, gains, strict=True)]
        covariance = self._covariance(self._pairs, self._pairs)  # (pairs, pairs)
        noise = self.kernel.noise + np.array([m.variance for m in self.history], np.float64)
        pooled = np.zeros_like(covariance)
        self._blocks: list[tuple[Rows, Rows, Matrix]] = []  # the observations of a setting, their pairs, D_m^-1
        for setting in self.settings:
            rows = np.flatnonzero(self._settings == setting).astype(np.int64)
            at = self._pair[rows]
            own = (1 - self.kernel.shared) * covariance[np.ix_(at, at)] + np.diag(noise[rows])
            inverse = np.asarray(np.linalg.inv(own), np.float64)
            pooled[np.ix_(at, at)] += inverse
            self._blocks.append((rows, at, inverse))
        shared = self.kernel.shared * covariance
        self._bridge = np.asarray(np.linalg.solve(np.eye(len(pairs)) + shared @ pooled, shared), np.float64)
        surprise = self._scores - self.kernel.slope * self._pairs.similar[self._pair]
        self._told = self._solve(surprise[:, None])[:, 0]  # (observations,), what each adds for each unit of covariance

    def _as_pairs(self, targets: Rows, sources: Rows) -> _Pairs:
        rows, which = np.unique(targets, return_inverse=True)
        features, similar = self.likeness.standardised(rows)
        which = which.reshape(-1)
        return _Pairs(targets, sources, features[which, sources], similar[which, sources])

    def _asked(self, target: str, sources: Sequence[str], setting: str | None) -> tuple[_Pairs, Matrix]:
        """Return the pairs asked for, and their covariance with the observations, (observations, q)."""
        row = self.likeness.row
        asked = self._as_pairs(np.full(len(sources), row[target]), np.array([row[name] for name in sources], np.int64))
        covariance = self._covariance(asked, self._pairs)[:, self._pair].T
        covariance *= np.where(self._settings == setting, 1.0, self.kernel.shared)[:, None]
        return asked, covariance

    def _mean(self, target: str, asked: _Pairs, covariance: Matrix, *, own: bool) -> Matrix:
        told = self._told if own else self._left_out(target, self._told[:, None])[:, 0]
        return np.asarray(self.kernel.slope * asked.similar + covariance.T @ told)

    def _variance(self, pairs: _Pairs) -> Matrix:
        """Return the diagonal of `_covariance`, (pairs,): whatever is compared is as near as can be to itself."""
        k = self.kernel
        by_facets = (k.likeness / max(1, pairs.features.shape[1])) * (pairs.features**2).sum(axis=1)
        slope = k.slope_deviation**2 * pairs.similar**2
        return np.asarray(k.worth + k.like_targets + k.like_sources + by_facets + slope)

    def _covariance(self, a: _Pairs, b: _Pairs) -> Matrix:
        """Return the covariance of pairs in one setting, (a, b)."""
        k, same = self.kernel, a.sources[:, None] == b.sources[None, :]
        shared = k.like_targets * same + k.like_sources * self._near(a.sources, b.sources)
        shared += (k.likeness / max(1, a.features.shape[1])) * (a.features @ b.features.T)
        slope = k.slope_deviation**2 * np.outer(a.similar, b.similar)
        return np.asarray(k.worth * same + self._near(a.targets, b.targets) * shared + slope)

    def _near(self, a: Rows, b: Rows) -> Matrix:
        """Return k of each with each, (a, b), computed once for each that differs."""
        (some, of_a), (others, of_b) = (np.unique(rows, return_inverse=True) for rows in (a, b))
        near = np.exp((self.likeness.kinship[np.ix_(some, others)] - 1) / self.kernel.reach)
        return np.asarray(near[np.ix_(of_a.reshape(-1), of_b.reshape(-1))])

    def _solve(self, given: Matrix) -> Matrix:
        """Return the inverse covariance of the observations times a matrix, (observations, q)."""
        solved, pooled = np.empty_like(given), np.zeros((len(self._bridge), given.shape[1]))
        for rows, at, inverse in self._blocks:
            solved[rows] = inverse @ given[rows]
            pooled[at] += solved[rows]
        shared = self._bridge @ pooled
        for rows, at, inverse in self._blocks:
            solved[rows] -= inverse @ shared[at]
        return solved

    def _left_out(self, target: str, weights: Matrix) -> Matrix:
        """Return the weights that there would be, had neither the target nor a double of it been measured."""
        if target not in self._left:
            doubles = self.likeness.doubles_of(target)
            own = np.flatnonzero([m.target in doubles for m in self.history]).astype(np.int64)
            ones = np.zeros((len(self.history), len(own)))
            ones[own, np.arange(len(own))] = 1.0
            self._left[target] = own, self._solve(ones)  # (observations, own)
        own, columns = self._left[target]
        weights = weights - columns @ np.linalg.solve(columns[own], weights[own])
        weights[own] = 0.0
        return weights
