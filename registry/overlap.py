"""Do two tasks share their examples? Told from a small signature of each, which is kept when a task is registered.

A signature is the smallest hashes of a task's texts, and of the runs of words in them (MinHash, Broder 1997; the
bottom-k sketch of Cohen and Kaplan 2007). Texts tell of shared examples whatever their blanks, capitals and marks;
runs of words also of examples that were edited. Below the smaller of both signatures' ends all hashes of both tasks are
known, so the share of the smaller task that the larger holds too is estimated there, exactly where none was left out.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.formats.corpora import bare
from registry.formats.examples import Example

KEPT = 1024  # hashes of each sort: 16 KiB a task; the standard error of a share is at most 1/sqrt(KEPT) = 0.03
RUN = 5  # words
FEWEST = 8  # hashes in common, below which nothing is said: any two tasks of three examples may share one
NEAR_DUPLICATE = 0.5  # the share from which a task is set aside
WORTH_SAYING = 0.05  # and from which it is mentioned: a few runs of words are in any two tasks
ROLE = "signature"  # of a version's contents

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Signature:
    """The smallest hashes of a task's texts and of the runs of words in them, rising; all of them where few."""

    texts: Hashes
    runs: Hashes

    @classmethod
    def of(cls, examples: Iterable[Example]) -> "Signature":
        """Return the signature of a task's examples."""
        texts: set[int] = set()
        runs: set[int] = set()
        single: set[str] = set()  # a passage may be asked a hundred questions
        for example in examples:
            said = [text for text in (example.text, example.text_pair) if text is not None]
            texts.add(_hash("\0".join(map(bare, said))))
            single.update(said)
        for text in single:
            words = re.findall(r"\w+", text.lower())
            runs.update(_hash(" ".join(words[i : i + RUN])) for i in range(max(1, len(words) - RUN + 1)))
        return cls(_smallest(texts), _smallest(runs))

    @classmethod
    def from_bytes(cls, body: bytes) -> "Signature":
        """Read back what `as_bytes` wrote."""
        numbers = np.frombuffer(body, "<u8").astype(np.uint64)
        first = 1 + int(numbers[0])
        return cls(numbers[1:first], numbers[first:])

    def as_bytes(self) -> bytes:
        """Return it as little-endian numbers: how many texts, the texts, the runs."""
        return np.concatenate([np.array([len(self.texts)], np.uint64), self.texts, self.runs]).astype("<u8").tobytes()

    def shared(self, other: "Signature") -> float:
        """Return the share of the smaller task that the other holds too, by texts or by runs of words, from 0 to 1."""
        return max(_containment(self.texts, other.texts), _containment(self.runs, other.runs))


def _containment(one: Hashes, other: Hashes) -> float:
    if not len(one) or not len(other):
        return 0.0
    ends = [hashes[-1] for hashes in (one, other) if len(hashes) == KEPT]  # of what was cut off
    one, other = (hashes[hashes <= min(ends)] if ends else hashes for hashes in (one, other))
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / min(len(one), len(other)) if common >= FEWEST else 0.0


def _smallest(hashes: set[int]) -> Hashes:
    return np.sort(np.fromiter(hashes, np.uint64, len(hashes)))[:KEPT]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
