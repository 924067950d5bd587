"""Language models behind an OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama, or hosted ones."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedders.errors import BlackBoxError
from embedders.predictors.endpoint.client import Client, RefusedError
from embedders.predictors.endpoint.replies import (
    NotOfferedError,
    by_first_token,
    by_text,
    echoes,
    first_token,
    message_text,
    scored_echoes,
)
from embedders.predictors.language.contract import Question, WordScores
from embedders.predictors.language.texts import joined, plain
from registry.prompts.prompt import CONCLUSION

MOST_LIKELIEST = (20, 5)  # first tokens to ask a chat for: what OpenAI and vLLM give, and what others do
TEXT_TOKENS = 32  # of a chat's reply that is read as text
_NOT_LET_IN = (401, 403)


class Way(StrEnum):
    """How words are scored, the best first: what an endpoint offers is found out with the first prompt."""

    ECHOES = "completions, all words of a prompt in one request"  # log-likelihoods of the words, as a local model's
    ECHO = "completions, a request for each word"
    FIRST_TOKEN = "chat, log-probabilities of the first token"  # noqa: S105 - a token of text
    TEXT = "chat, the word that stands first in the text"


class _ScoredWords(NamedTuple):
    """One prompt's answer: the words' scores (words), and the mean log-likelihood of its own tokens, if told."""

    scores: NDArray[np.float64]
    own: float | None


class EndpointModel:
    """A language model behind an endpoint. It is asked for its likeliest tokens (temperature 0).

    Where `/completions` gives back the log-probabilities of what was sent, words are scored as a local model's are.
    Where only chats are offered, a word is scored by how likely the reply begins as it does, or by being the first
    word that stands in the reply.
    """

    def __init__(self, client: Client, model: str) -> None:
        self._client = client
        self._model = model
        self._way: Way | None = None
        self._likeliest = 0  # first tokens that a chat is asked for

    def settings(self) -> dict[str, Any]:
        """Return how the prompts are put to it; `offers` is None before it was asked."""
        is_chat = None if self._way is None else self._way in (Way.FIRST_TOKEN, Way.TEXT)
        return {
            "kind": "endpoint",
            "url": self._client.url,
            "model": self._model,
            "offers": None if self._way is None else str(self._way),
            "chat_template": is_chat,  # the server's
        }

    def score(self, questions: Sequence[Question], words: Sequence[str]) -> WordScores:
        """Return how likely each word is, in the best way that the endpoint offers."""
        with self._client:
            first = [self._find_out(question, words) for question in questions[:1]] if self._way is None else []
            rest = self._client.each(lambda question: self._kept_way(question, words), questions[len(first) :])
        rows = [*first, *rest]
        own = [row.own for row in rows if row.own is not None]
        table = np.array([row.scores for row in rows]).reshape(len(questions), len(words))
        return WordScores(table, np.exp(own) if own and len(own) == len(rows) else None)

    def can_read(self, question: Question, words: Sequence[str]) -> bool:
        """Say that a prompt is read whole: a server refuses what is too long for its model."""
        return True

    def write(self, questions: Sequence[Question], *, most_tokens: int) -> list[str]:
        """Return what it writes to each prompt."""
        with self._client:
            if self._way is None and questions:
                self._find_out(questions[0], ("yes", "no"))
            return self._client.each(lambda question: self._written(question, most_tokens), questions)

    # -- ways --------------------------------------------------------------------------------------------

    def _find_out(self, question: Question, words: Sequence[str]) -> _ScoredWords:
        """Return the answer to the first prompt in the best way that is offered, and keep to that way.

        Raises:
            BlackBoxError: it does not answer, takes none of the requests, or answers in another form.
        """
        refused: RefusedError | None = None
        tries = [(Way.ECHOES, 0), (Way.ECHO, 0), *((Way.FIRST_TOKEN, most) for most in MOST_LIKELIEST), (Way.TEXT, 0)]
        for way, likeliest in tries:
            self._likeliest = likeliest
            try:
                row, self._way = self._tried(way, question, words)
            except NotOfferedError:
                continue
            except RefusedError as error:
                if error.status in _NOT_LET_IN or error.status < 400:
                    raise
                refused = error
            else:
                return row
        raise refused or BlackBoxError(f"{self._client.url} answers in no form that is known: see that it ends in /v1.")

    def _tried(self, way: Way, question: Question, words: Sequence[str]) -> tuple[_ScoredWords, Way]:
        if way is not Way.FIRST_TOKEN:
            return self._row(way, question, words), way
        reply = self._chat(question, TEXT_TOKENS)  # one that gives no log-probabilities is read as a text
        try:
            return _ScoredWords(by_first_token(first_token(reply), words), None), Way.FIRST_TOKEN
        except NotOfferedError:
            self._likeliest = 0
            return _ScoredWords(by_text(message_text(reply), words), None), Way.TEXT

    def _kept_way(self, question: Question, words: Sequence[str]) -> _ScoredWords:
        assert self._way is not None, "found out with the first prompt"  # noqa: S101
        try:
            return self._row(self._way, question, words)
        except NotOfferedError:
            raise BlackBoxError(
                f"{self._client.url} answered a prompt in another form than the first ({self._way}): it may be too "
                "long for the model."
            ) from None

    def _row(self, way: Way, question: Question, words: Sequence[str]) -> _ScoredWords:
        match way:
            case Way.ECHOES | Way.ECHO:
                text = plain(question)
                texts = [text, *(joined(text, word) for word in words)]
                sent: list[Any] = [texts] if way is Way.ECHOES else list(texts)
                read = [echo for some in sent for echo in echoes(self._echo(some), len(texts) // len(sent))]
                return _ScoredWords(*scored_echoes(read[0], read[1:]))
            case Way.FIRST_TOKEN:
                return _ScoredWords(by_first_token(first_token(self._chat(question, 1)), words), None)
            case Way.TEXT:
                return _ScoredWords(by_text(message_text(self._chat(question, TEXT_TOKENS)), words), None)

    def _written(self, question: Question, most_tokens: int) -> str:
        try:
            if self._way in (Way.ECHOES, Way.ECHO):
                body = {"model": self._model, "prompt": plain(question), "max_tokens": most_tokens, "temperature": 0}
                return message_text(self._client.post("/completions", body)).strip()
            return message_text(self._chat(question, most_tokens, likeliest=0)).strip()
        except NotOfferedError:
            raise BlackBoxError(f"{self._client.url} writes in no form that is known.") from None

    # -- requests ----------------------------------------------------------------------------------------

    def _echo(self, prompt: str | list[str]) -> dict[str, Any]:
        body = {"model": self._model, "prompt": prompt, "max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}
        return self._client.post("/completions", body)

    def _chat(self, question: Question, most_tokens: int, *, likeliest: int | None = None) -> dict[str, Any]:
        body = {"model": self._model, "messages": _messages(question), "max_tokens": most_tokens, "temperature": 0}
        most = self._likeliest if likeliest is None else likeliest
        if most:
            body |= {"logprobs": True, "top_logprobs": most}
        return self._client.post("/chat/completions", body)


def _messages(question: Question) -> list[dict[str, str]]:
    """Return a prompt as a chat; a chain of thought is what the model said before it is asked to conclude."""
    turns = [("system", question.system), ("user", question.text)]
    if question.reasoning is not None:
        turns += [("assistant", question.reasoning.strip()), ("user", question.conclusion or CONCLUSION)]
    return [{"role": role, "content": text} for role, text in turns if text]
