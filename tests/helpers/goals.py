"""The goals of reliability, as their tests state them."""

import os

IS_FULL = os.environ.get("FUTE_RELIABILITY") == "full"


class Goal:
    """One promise, as its test states it."""

    def __init__(self, number: str, promised: str) -> None:
        self.number, self.promised = number, promised
        self.told: list[str] = []

    def tries(self, *, quick: int, full: int) -> int:
        """Return how often to try: a sample in `make test`, all in `make reliability`."""
        return full if IS_FULL else quick

    def reached(self, told: str) -> None:
        """Keep what was reached, with its figures: "500 kills: 0 acknowledged rows lost"."""
        self.told.append(told)
