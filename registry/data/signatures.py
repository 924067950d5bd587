"""Do two tasks share their examples? Told from a signature of each, which is kept when a task is registered.

A signature has two keys of each distinct example, and what it was answered. The first key is of the texts whatever
their blanks, capitals and marks. The second is of the run of words with the smallest hash in each text (MinHash, Broder
1997): it survives an edit as likely as a run does, and a pair has it only if both texts do, so that a passage with
another question is another example. Keys have 32 bits: of 40,000 examples one in 100,000 is taken for another.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.data.examples import Example
from registry.data.spelling import words_of

RUN = 5  # words
MOST_WORDS = 256  # of a text that are looked at for runs
FEWEST = 8  # distinct examples, below which nothing is said: any two tasks of three examples may share one
NEAR_DUPLICATE = 0.5  # the share from which a task is set aside
WORTH_SAYING = 0.05  # and from which it is mentioned
SAME_QUESTION = 0.8  # the share of common examples whose answer follows from that of the other task
ROLE = "signature"  # of a version's contents

Keys = NDArray[np.uint32]


@dataclass(frozen=True)
class Shared:
    """What two tasks have in common."""

    share: float  # of the smaller task's examples
    same_question: bool  # whether the common examples are answered alike, by whatever names


@dataclass(frozen=True)
class Signature:
    """The keys of a task's distinct examples, rising, each with the key of its answer; both (2, examples)."""

    exact: Keys
    edited: Keys

    @property
    def examples(self) -> int:
        """How many distinct examples there are: copies tell nothing."""
        return int(self.exact.shape[1])

    @classmethod
    def from_examples(cls, examples: Iterable[Example]) -> "Signature":
        """Return the signature of a task's examples."""
        exact: dict[int, int] = {}
        edited: dict[int, int] = {}
        known: dict[str, tuple[str, str]] = {}  # a passage may be asked a hundred questions
        for example in examples:
            answer = _key(example.label)
            texts = [text for text in (example.text, example.text_pair) if text is not None]
            for text in texts:
                if text not in known:
                    known[text] = _bare_and_smallest_run(text)
            exact.setdefault(_key("\0".join(known[text][0] for text in texts)), answer)
            edited.setdefault(_key("\0".join(known[text][1] for text in texts)), answer)
        return cls(_table(exact), _table(edited))

    @classmethod
    def from_bytes(cls, body: bytes) -> "Signature":
        """Read back what `as_bytes` wrote."""
        numbers = np.frombuffer(body, "<u4").astype(np.uint32)
        first = 1 + 2 * int(numbers[0])
        return cls(numbers[1:first].reshape(2, -1), numbers[first:].reshape(2, -1))

    def as_bytes(self) -> bytes:
        """Return it as little-endian numbers: how many exact keys, these with their answers, and the edited ones."""
        count = np.array([self.exact.shape[1]], np.uint32)
        return np.concatenate([count, self.exact.ravel(), self.edited.ravel()]).astype("<u4").tobytes()

    def shared(self, other: "Signature") -> Shared | None:
        """Return what two tasks have in common; None where one has too few examples to tell."""
        overlaps = [_compared(*pair) for pair in ((self.exact, other.exact), (self.edited, other.edited))]
        return max((overlap for overlap in overlaps if overlap), key=lambda overlap: overlap.share, default=None)


def _compared(one: Keys, other: Keys) -> Shared | None:
    smaller = min(one.shape[1], other.shape[1])
    if smaller < FEWEST:
        return None
    _, mine, theirs = np.intersect1d(one[0], other[0], assume_unique=True, return_indices=True)
    return Shared(len(mine) / smaller, _agree(one[1, mine], other[1, theirs]))


def _agree(one: Keys, other: Keys) -> bool:
    """Say whether either task's answers follow from the other's: the same question, or a finer one.

    An answer that is nearly always given follows from anything: half of the errors that it makes must be gone.
    """
    count = len(one)
    if not count:
        return False
    pairs, counts = np.unique(np.stack([one, other]), axis=1, return_counts=True)
    for given, asked in (pairs, pairs[::-1]):
        right = sum(int(counts[given == answer].max()) for answer in np.unique(given))
        usual = max(int(counts[asked == answer].sum()) for answer in np.unique(asked))
        if right >= SAME_QUESTION * count and count - right < (count - usual) / 2:
            return True
    return float((one == other).mean()) >= SAME_QUESTION


def _bare_and_smallest_run(text: str) -> tuple[str, str]:
    words = words_of(text) or [text]
    first = words[:MOST_WORDS]
    runs = (" ".join(first[i : i + RUN]) for i in range(max(1, len(first) - RUN + 1)))
    return "".join(words), min(runs, key=_key)


def _table(keys: dict[int, int]) -> Keys:
    order = sorted(keys)
    return np.array([order, [keys[key] for key in order]], np.uint32)


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")
