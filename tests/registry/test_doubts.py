"""Why labels or answers may not be what they seem."""

import numpy as np
import pytest

from registry.choosing.asked import Answered
from registry.choosing.doubts import OWN_WORDS, contrary, in_other_words, unlike_priors
from registry.choosing.given import KnownLabels
from registry.data.answer_tables import NONE
from registry.data.inputs import Input
from registry.estimates.verdict import Doubt
from registry.estimates.votes import Votes

HALF = np.arange(40) % 2  # of 40 texts the even ones are 0, the others 1


def test_a_sample_with_other_shares_than_the_priors_is_doubted() -> None:
    priors = np.array([0.99, 0.01])

    found = unlike_priors(("no", "yes"), priors, HALF)

    assert found is not None
    assert found.why == "'no' is right of 50% of the texts by their labels, and its prior is 99%"
    assert unlike_priors(("no", "yes"), np.array([0.6, 0.4]), HALF) is None
    assert unlike_priors(("no", "yes"), None, HALF) is None


def test_a_sample_is_weighed_by_its_chances() -> None:
    """Every second text is drawn ten times as often, so that its label speaks for a tenth of the texts."""
    chance = np.where(HALF == 1, 0.01, 0.001)
    priors = np.array([0.91, 0.09])

    assert unlike_priors(("no", "yes"), priors, HALF, chance) is None
    assert unlike_priors(("no", "yes"), priors, HALF) is not None


@pytest.mark.parametrize("known", [19, 20])
def test_labels_against_what_most_answer_are_doubted_where_there_are_enough(known: int) -> None:
    labels = np.where(np.arange(40) < known, 1 - HALF, NONE)
    nearly = np.where(np.arange(40) == 39, 1 - HALF, HALF)  # else it is a copy, and heard once

    found = contrary(Votes(np.stack([HALF, nearly, 1 - HALF]), 2), labels)

    assert (found is not None) == (known == 20)
    if found is not None:
        assert found.why == "of the 20 known labels 0 are what most answer, less than by chance (kappa -1.00)"


def test_who_gives_several_other_answers_and_hardly_a_label_may_mean_the_labels_by_them() -> None:
    said = np.stack([HALF, 2 + HALF])  # the second voter says 2 and 3
    inputs = tuple(Input(str(number)) for number in range(40))
    answered = Answered(("a", "b"), ("no", "yes", "bad", "good"), Votes(said, 4), inputs, np.arange(40))

    assert in_other_words(answered, said >= 2, "films") == Doubt(
        "b gives other answers than the labels of films, which may mean them", OWN_WORDS
    )
    assert in_other_words(answered, said == 2, "films") is None  # half of the answers are labels


def test_labels_are_told_apart_by_how_their_texts_were_chosen() -> None:
    labels = KnownLabels(np.array([0, 1, 1, NONE]), np.array([0, 0.5, 0, 0]), np.array([True, False, False, False]))

    assert labels.count == 3
    assert labels.of_sample.tolist() == [0, NONE, NONE, NONE]
    assert labels.of_drawn.tolist() == [NONE, 1, NONE, NONE]
    assert labels.undrawn.tolist() == [0, NONE, 1, NONE]
    assert labels.drawn_alone().right.tolist() == [NONE, 1, NONE, NONE]
    assert not labels.drawn_alone().evenly.any()
