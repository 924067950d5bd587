"""How servers and models reply that know the answer: a mode for each way in which a reply is hard to read.

Texts with 'good' are positive, so what is recorded is right, or none.
"""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Says = Callable[[Json], tuple[int, Json]]


def right(body: Json) -> str:
    return "positive" if "good" in body["messages"][-1]["content"] else "negative"


def wrong(word: str) -> str:
    return "negative" if word == "positive" else "positive"


def choice(content: Any, *, finish: str = "stop", tokens: list[list[tuple[str, float]]] | None = None) -> Json:  # noqa: ANN401
    """Return a choice with a message, and the likeliest tokens of each of its places."""
    told: Json = {"message": {"role": "assistant", "content": content}, "finish_reason": finish}
    if tokens is not None:
        told["logprobs"] = {
            "content": [
                {"token": place[0][0], "top_logprobs": [{"token": token, "logprob": value} for token, value in place]}
                for place in tokens
            ]
        }
    return told


def reply(made: Json) -> tuple[int, Json]:
    return 200, {"choices": [made]}


def text(write: Callable[[str], Any], *, finish: str = "stop") -> Says:
    """Return a mode that says what `write` makes of the right word."""
    return lambda body: reply(choice(write(right(body)), finish=finish))


def message(finish: str = "stop", **fields: Any) -> Says:  # noqa: ANN401
    """Return a mode whose message has these fields."""
    return lambda _: reply({"message": {"role": "assistant", "content": None, **fields}, "finish_reason": finish})


def tokens(spell: Callable[[str], str], before: tuple[str, ...] = ()) -> Says:
    """Return a mode that tells log-probabilities, of tokens spelled so, after others that stand before them."""

    def says(body: Json) -> tuple[int, Json]:
        said = right(body)
        sure = [(spell(said), -0.1), (spell(wrong(said)), -2.5)]
        places = [[(one, -0.01), ("x", -9.0)] for one in before] + [sure]
        asked = places if body.get("logprobs") else None
        kept = places[: body["max_tokens"]]
        shown = f"{''.join(before)}{said}" if len(kept) == len(places) else "".join(before[: len(kept)])
        finish = "stop" if len(kept) == len(places) else "length"
        return reply(choice(shown, finish=finish, tokens=None if asked is None else kept))

    return says


def byte_level(word: str) -> str:
    return f"\u0120{word}"


def thinking(body: Json) -> tuple[int, Json]:
    """Say what a thinking model does: nothing but thought, until it has room for more."""
    said = right(body)
    thought = f"<think>It could be {wrong(said)}, or {said}. " + "Let me see. " * 20
    if body["max_tokens"] < 200:
        return reply(choice(thought, finish="length"))
    return reply(choice(f"{thought}</think>\n\n{said}"))


def reasoning_apart(body: Json) -> tuple[int, Json]:
    """Say what servers do that keep the thought apart, with no text until there is room."""
    said = right(body)
    short = body.get("max_tokens", body.get("max_completion_tokens")) < 200
    made = choice(None if short else said, finish="length" if short else "stop")
    made["message"]["reasoning_content"] = f"It could be {wrong(said)}"
    return reply(made)


READABLE: dict[str, Says] = {
    "plain": text(lambda word: word),
    "sentence": text(lambda word: f"The sentiment of this text is {word}."),
    "markdown": text(lambda word: f"**{word.capitalize()}**"),
    "stressed": text(lambda word: f"_{word}_"),
    "quoted": text(lambda word: f'"{word}"\n'),
    "json": text(lambda word: f'{{"label": "{word}"}}'),
    "with reasons": text(
        lambda word: f"{word.capitalize()}. It is nothing of the other kind, not {wrong(word)} at all."
    ),
    "led to": text(lambda word: f"It has negative and positive sides.\nAnswer: {word}"),
    "cut after the answer": text(lambda word: f"{word}\n\nThe writer says that", finish="length"),
    "parts": text(lambda word: [{"type": "thinking", "thinking": wrong(word)}, {"type": "text", "text": word}]),
    "thought": text(lambda word: f"<think>Perhaps {wrong(word)}?</think>{word}"),
    "thought without a beginning": text(lambda word: f"Perhaps {wrong(word)}?\n</think>\n\n{word}"),
    "channels": text(
        lambda word: f"<|channel|>analysis<|message|>{wrong(word)}?<|end|><|channel|>final<|message|>{word}<|return|>"
    ),
    "tokens": tokens(lambda word: f" {word}"),
    "tokens in capitals": tokens(lambda word: f" {word.upper()[:3]}"),
    "sentencepiece": tokens(lambda word: f"\u2581{word}"),
    "byte level": tokens(byte_level),
    "token ids": tokens(lambda word: f"token_id:{len(word) * 7}{word[0] == 'p':d}"),
    "a newline first": tokens(lambda word: word, ("\n",)),
    "a quote first": tokens(lambda word: word, ('"',)),
    "a mark of a piece first": tokens(lambda word: word, ("\u2581",)),
    "stars first": tokens(lambda word: word, ("\n\n", "**")),
}
NOT_READABLE: dict[str, tuple[Says, str]] = {  # with the reason that is told
    "no answer": (text(lambda _: "That depends on the reader."), "no answer"),
    "several": (text(lambda _: "It is positive and negative"), "undecided"),
    "restated": (text(lambda word: f"positive or negative: it seems {word}"), "undecided"),
    "denied": (text(lambda word: f"not {wrong(word)}, rather {word}"), "undecided"),
    "one denied": (text(lambda word: f"It is not {wrong(word)}."), "no answer"),
    "cut off": (text(lambda word: f"One might call this {word}, but", finish="length"), "cut off"),
    "refused in words": (text(lambda _: "I'm sorry, but I cannot help with that."), "refused"),
    "refused": (message(refusal="I cannot help with that."), "refused"),
    "filtered": (message(finish="content_filter", content="The text is"), "refused"),
    "filtered before": (
        lambda _: (400, {"error": {"code": "content_filter", "message": "The response was filtered."}}),
        "refused",
    ),
    "a tool call": (message(finish="tool_calls", tool_calls=[{"type": "function"}]), "empty"),
    "empty": (message(content=""), "empty"),
    "reasoning alone": (message(reasoning_content="It may be positive."), "empty"),
    "still reasoning": (thinking, "cut off"),
    "still reasoning, apart": (reasoning_apart, "cut off"),
}
