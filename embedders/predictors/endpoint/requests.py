"""How a chat is asked for so many tokens: servers differ in what they call that, and in what they take beside it."""

import re
from typing import Any

from embedders.predictors.endpoint.client import Client, RefusedError

Body = dict[str, Any]
_NEWER_LIMIT = "max_completion_tokens"
_LEAST = re.compile(r"(?:>=|at least|greater than or equal to|minimum(?: value)?(?: of| is)?)\s*(\d{1,4})")
_MOST_CHANGES = 4


class ChatForm:
    """What a server has told so far of how it wants to be asked; it is told once, by refusing a request."""

    def __init__(self) -> None:
        self._limit = "max_tokens"
        self._least = 1  # tokens that may be asked for
        self._temperature = True  # whether it takes one

    def sent(self, client: Client, body: Body, room: int) -> dict[str, Any]:
        """Ask a chat for at most `room` tokens and return its reply; raise `RefusedError` as the client does."""
        for _ in range(_MOST_CHANGES):
            asked = self._filled(body, room)
            try:
                return client.post("/chat/completions", asked)
            except RefusedError as error:
                if not self._learnt(error, asked) and self._filled(body, room) == asked:
                    raise
        return client.post("/chat/completions", self._filled(body, room))

    def _filled(self, body: Body, room: int) -> Body:
        warmth = {"temperature": 0} if self._temperature else {}
        return {**body, self._limit: max(room, self._least), **warmth}

    def _learnt(self, error: RefusedError, asked: Body) -> bool:
        """Say whether a refusal told another form than that in which was asked; remember it."""
        said = error.said
        if error.status not in (400, 422):
            return False
        if _NEWER_LIMIT in said and _NEWER_LIMIT not in asked:
            self._limit = _NEWER_LIMIT
            return True
        least = _LEAST.search(said)
        most = next(asked[name] for name in (_NEWER_LIMIT, "max_tokens") if name in asked)
        if "token" in said and least is not None and int(least[1]) > most:
            self._least = max(self._least, int(least[1]))
            return True
        if "temperature" in said and "temperature" in asked:
            self._temperature = False
            return True
        return False
