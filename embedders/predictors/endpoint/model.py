"""Language models behind an OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama, or hosted ones."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedders.errors import BlackBoxError
from embedders.predictors.endpoint.client import Client, RefusedError
from embedders.predictors.endpoint.reading import read_reply
from embedders.predictors.endpoint.replies import ChatReply, NotOfferedError, chat_reply, echoes, scored_echoes
from embedders.predictors.endpoint.requests import Body, ChatForm
from embedders.predictors.language.contract import Question, WordScores
from embedders.predictors.language.texts import joined, plain
from registry.data.predictions import ANSWERED, Missing
from registry.prompts.prompt import CONCLUSION

MOST_LIKELIEST = (20, 5)  # first tokens to ask a chat for: what OpenAI and vLLM give, and what others do
FEW_TOKENS = 8  # of a chat's reply that tells by its first: so many that what follows can turn nothing round
TEXT_TOKENS = 32  # of a chat's reply that is read as text
_NOT_LET_IN = (401, 403)
_NO_SUCH_PATH = 404


class Way(StrEnum):
    """How words are scored, the best first: what an endpoint offers is found out with the first prompts."""

    ECHOES = "completions, all words of a prompt in one request"  # log-likelihoods of the words, as a local model's
    ECHO = "completions, a request for each word"
    FIRST_TOKEN = "chat, log-probabilities of the first token"  # noqa: S105 - else the word that the text names
    TEXT = "chat, the word that the text names"


class _ScoredWords(NamedTuple):
    """One prompt's answer: the words' scores (words), and the mean log-likelihood of its own tokens, if told."""

    scores: NDArray[np.float64]
    own: float | None
    missing: Missing | None = None
    reply: str | None = None  # that they were read from; None: the server scored them
    is_text: bool = False  # whether its text was read although the server tells log-probabilities


class EndpointModel:
    """A language model behind an endpoint. It is asked for its likeliest tokens (temperature 0).

    Where `/completions` gives back the log-probabilities of what was sent, words are scored as a local model's are.
    Where only chats are offered, a word is scored by how likely the reply begins as it does, or by being what the
    reply's text names: which of the two is settled for each reply by itself, so no prompt's answer depends on those
    before it. A reply that names none for certain is no answer, with its reason. A model that is given room to
    think is asked by chat alone and its reply read as a text, for its first token begins a thought.
    """

    def __init__(self, client: Client, model: str) -> None:
        self._client = client
        self._model = model
        self._reasoning_tokens = client.limits.reasoning_tokens
        self._form = ChatForm()
        self._way: Way | None = None
        self._likeliest = 0  # first tokens that a chat is asked for
        self._read_as_text = 0  # replies so far, of a server that tells log-probabilities

    @property
    def _most_room(self) -> int:
        return TEXT_TOKENS + self._reasoning_tokens

    def settings(self) -> dict[str, Any]:
        """Return how the prompts are put to it; `offers` is None before it was asked."""
        is_chat = None if self._way is None else self._way in (Way.FIRST_TOKEN, Way.TEXT)
        return {
            "kind": "endpoint",
            "url": self._client.url,
            "model": self._model,
            "offers": None if self._way is None else str(self._way),
            "chat_template": is_chat,  # the server's
            **({"reasoning_tokens": self._reasoning_tokens} if self._reasoning_tokens else {}),
            **({"read_as_text": self._read_as_text} if self._read_as_text else {}),
        }

    def score(self, questions: Sequence[Question], words: Sequence[str]) -> WordScores:
        """Return how likely each word is, in the best way that the endpoint offers."""
        rows: list[_ScoredWords] = []
        with self._client:
            while self._way is None and len(rows) < len(questions):
                rows.append(self._find_out(questions[len(rows)], words))
            rows += self._client.each(lambda question: self._kept_way(question, words), questions[len(rows) :])
        self._read_as_text += sum(row.is_text for row in rows)
        own = [row.own for row in rows if row.own is not None]
        table = np.array([row.scores for row in rows]).reshape(len(questions), len(words))
        missing = np.array([row.missing or ANSWERED for row in rows], np.uint8)
        replies = [row.reply for row in rows]
        return WordScores(table, np.exp(own) if own and len(own) == len(rows) else None, missing, replies)

    def can_read(self, question: Question, words: Sequence[str], *, room: int = 0) -> bool:
        """Say that a prompt is read whole: a server refuses what is too long for its model."""
        return True

    def write(self, questions: Sequence[Question], *, most_tokens: int) -> list[str]:
        """Return what it writes to each prompt."""
        with self._client:
            for question in questions:
                if self._way is None:
                    self._find_out(question, ("yes", "no"))
            return self._client.each(lambda question: self._written(question, most_tokens), questions)

    # -- ways --------------------------------------------------------------------------------------------

    def _find_out(self, question: Question, words: Sequence[str]) -> _ScoredWords:
        """Return the answer to a prompt in the best way that is offered, and keep to that way.

        A prompt that is kept back by a filter, or replied to without a word, tells no way.

        Raises:
            BlackBoxError: it does not answer, takes none of the requests, or answers in another form.
        """
        refused: RefusedError | None = None
        tries = [(Way.ECHOES, 0), (Way.ECHO, 0), *((Way.FIRST_TOKEN, most) for most in MOST_LIKELIEST), (Way.TEXT, 0)]
        for way, likeliest in tries if not self._reasoning_tokens else tries[-1:]:
            self._likeliest = likeliest
            try:
                row, self._way = self._tried(way, question, words)
            except NotOfferedError:
                refused = None  # what was refused before is worked around: it is the form that is not known
            except RefusedError as error:
                if error.status in _NOT_LET_IN or 300 <= error.status < 400:
                    raise
                if error.is_filter:
                    return _ScoredWords(np.zeros(len(words)), None, Missing.REFUSED)
                if refused is None or error.status != _NO_SUCH_PATH:
                    refused = error  # what is said of a path that is there tells more than that another is not
            else:
                return row
        if refused is not None and refused.status == _NO_SUCH_PATH:
            raise self._client.with_hint(refused)
        raise refused or BlackBoxError(f"{self._client.url} answers in no form that is known{self._client.hint}.")

    def _tried(self, way: Way, question: Question, words: Sequence[str]) -> tuple[_ScoredWords, Way | None]:
        if way is not Way.FIRST_TOKEN:
            return self._row(way, question, words), way
        reply = chat_reply(self._chat(question, self._most_room))
        if len(reply.places) >= FEW_TOKENS:
            return self._read(question, words), Way.FIRST_TOKEN  # as all others are read
        row = _scored(reply, words)
        if reply.places:
            return row, Way.FIRST_TOKEN
        self._likeliest = 0
        return row, Way.TEXT if reply.missing is None else None

    def _kept_way(self, question: Question, words: Sequence[str]) -> _ScoredWords:
        assert self._way is not None, "found out with the first prompts"  # noqa: S101
        try:
            return self._row(self._way, question, words)
        except NotOfferedError:
            raise BlackBoxError(
                f"{self._client.url} answered a prompt in another form than the first ({self._way}): it may be too "
                "long for the model."
            ) from None
        except RefusedError as error:
            if error.is_filter:
                return _ScoredWords(np.zeros(len(words)), None, Missing.REFUSED)
            raise

    def _row(self, way: Way, question: Question, words: Sequence[str]) -> _ScoredWords:
        match way:
            case Way.ECHOES | Way.ECHO:
                text = plain(question)
                texts = [text, *(joined(text, word) for word in words)]
                sent: list[Any] = [texts] if way is Way.ECHOES else list(texts)
                read = [echo for some in sent for echo in echoes(self._echo(some), len(texts) // len(sent))]
                return _ScoredWords(*scored_echoes(read[0], read[1:]))
            case Way.FIRST_TOKEN | Way.TEXT:
                return self._read(question, words)

    def _read(self, question: Question, words: Sequence[str]) -> _ScoredWords:
        """Return what is read of a chat's reply; one whose first tokens tell nothing is asked for at full length."""
        if self._likeliest:
            reply = chat_reply(self._chat(question, FEW_TOKENS))
            if read_reply(reply, words).place is not None:
                return _scored(reply, words)
        return _scored(chat_reply(self._chat(question, self._most_room)), words)

    def _written(self, question: Question, most_tokens: int) -> str:
        try:
            if self._way in (Way.ECHOES, Way.ECHO):
                body = {"model": self._model, "prompt": plain(question), "max_tokens": most_tokens, "temperature": 0}
                reply: ChatReply = chat_reply(self._client.post("/completions", body))
            else:
                room = most_tokens + self._reasoning_tokens
                reply = chat_reply(self._chat(question, room, likeliest=0))
            return reply.text or reply.reasoning.strip()
        except NotOfferedError:
            raise BlackBoxError(f"{self._client.url} writes in no form that is known.") from None

    # -- requests ----------------------------------------------------------------------------------------

    def _echo(self, prompt: str | list[str]) -> dict[str, Any]:
        body = {"model": self._model, "prompt": prompt, "max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}
        return self._client.post("/completions", body)

    def _chat(self, question: Question, room: int, *, likeliest: int | None = None) -> dict[str, Any]:
        most = self._likeliest if likeliest is None else likeliest
        body: Body = {"model": self._model, "messages": _messages(question)}
        if most:
            body |= {"logprobs": True, "top_logprobs": most}
        return self._form.sent(self._client, body, room)


def _scored(reply: ChatReply, words: Sequence[str]) -> _ScoredWords:
    read = read_reply(reply, words)
    is_text = bool(reply.places) and read.place is None and read.missing is None
    return _ScoredWords(read.scores, None, read.missing, reply.written, is_text=is_text)


def _messages(question: Question) -> list[dict[str, str]]:
    """Return a prompt as a chat; a chain of thought is what the model said before it is asked to conclude."""
    turns = [("system", question.system), ("user", question.text)]
    if question.reasoning is not None:
        turns += [("assistant", question.reasoning.strip()), ("user", question.conclusion or CONCLUSION)]
    return [{"role": role, "content": text} for role, text in turns if text]
