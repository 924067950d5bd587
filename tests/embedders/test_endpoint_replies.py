"""What is read of an endpoint's reply: the right answer, or none with its reason. Never a guess."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import reach_loopback_alone
from reply_modes import NOT_READABLE, READABLE, Json, Says, choice, reasoning_apart, reply, right, thinking
from tiny_server import TinyServer, running

from embedders.black_boxes.self_select import self_select
from embedders.errors import BlackBoxError
from embedders.predictors.endpoint.client import Client, Limits
from embedders.predictors.endpoint.model import EndpointModel, Way
from embedders.predictors.endpoint.reading import LEAST, by_text, by_tokens, read_reply
from embedders.predictors.endpoint.replies import (
    ChatReply,
    LikelyTokens,
    NotOfferedError,
    chat_reply,
    without_reasoning,
)
from embedders.predictors.language.contract import LanguageModel, Question, WordScores
from embedders.predictors.language.prompted import PromptedPredictor
from registry.data.inputs import Input
from registry.data.predictions import ANSWERED, Missing, Predictions
from registry.errors import InputError
from registry.prompts.prompt import Prompt

TEXTS = [Input(f"the film number {n} was {'good' if n % 2 else 'awful'}") for n in range(8)]
ANSWERS = ("negative", "positive")
PROMPT = Prompt("{{ text }}", ANSWERS, (("negative",), ("positive",)))
QUICK: dict[str, Any] = {"first_pause": 0.01, "attempts": 3}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_loopback_alone(monkeypatch)


@pytest.fixture
def served() -> Iterator[TinyServer]:
    """A server that chats alone, and says what the test tells it to."""
    with running(TinyServer(None)) as server:
        server.offers.completions = False
        yield server


def asked(server: TinyServer, says: Says, texts: list[Input] = TEXTS, **limits: Any) -> Predictions:  # noqa: ANN401
    server.says = says
    model = EndpointModel(Client(server.url, limits=Limits(**{**QUICK, **limits})), "tiny")
    box = PromptedPredictor(model, PROMPT, lambda inputs: [one.text for one in inputs], "tiny@p")
    return box.predict(texts)


def expected(texts: list[Input] = TEXTS) -> list[str]:
    return ["positive" if "good" in text else "negative" for text, _ in texts]


# -- by the server ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", READABLE)
def test_what_can_be_read_for_certain_is_read(served: TinyServer, mode: str) -> None:
    said = asked(served, READABLE[mode])

    assert said.missing is None
    assert said.likeliest() == expected()


@pytest.mark.parametrize("mode", NOT_READABLE)
def test_what_cannot_be_read_is_no_answer_and_says_why(served: TinyServer, mode: str) -> None:
    says, reason = NOT_READABLE[mode]

    said = asked(served, says)

    assert {why.told: count for why, count in said.counts().items()} == {reason: len(TEXTS)}
    assert not said.probabilities.any(), "no answer is the first choice by default"


def test_of_a_mixture_of_all_every_answer_is_right_or_none(served: TinyServer) -> None:
    modes = [*READABLE.values(), *(says for says, _ in NOT_READABLE.values())]
    draw = random.Random(0)  # noqa: S311 - drawn modes, no secrets
    kept: dict[str, Says] = {}

    def says(body: Json) -> tuple[int, Json]:
        text = body["messages"][-1]["content"]
        return kept.setdefault(text, draw.choice(modes))(body)

    texts = [Input(f"text {n} is {'good' if n % 3 else 'awful'}") for n in range(100)]
    said = asked(served, says, texts)

    rows = np.flatnonzero(said.is_answered)
    assert 40 < len(rows) < 90
    assert said.take(rows).likeliest() == [expected(texts)[row] for row in rows]
    assert sum(said.counts().values()) == 100 - len(rows)


def test_of_a_reply_that_tells_by_its_first_token_only_a_few_are_asked_for(served: TinyServer) -> None:
    asked(served, READABLE["tokens"])

    assert [one.body["max_tokens"] for one in served.answered] == [32] + [8] * (len(TEXTS) - 1)


LED = {"a prize": "Spam", "a parcel": "Not spam", "a letter": "The answer is: not spam", "a bill": "Spam."}


@pytest.mark.parametrize("first", LED)
def test_an_answer_is_as_likely_whichever_text_came_first(served: TinyServer, first: str) -> None:
    """Log-probabilities that settle no word of one reply are no reason to ask for none of the others."""
    served.says = worded(LED)
    texts = [first, *(text for text in LED if text != first)]
    model = EndpointModel(Client(served.url, limits=Limits(**QUICK)), "tiny")
    box = PromptedPredictor(model, SPAM, lambda inputs: [one.text for one in inputs], "tiny@p")

    said = box.predict([Input(text) for text in texts])

    sure = dict(zip(texts, said.probabilities.max(axis=1).tolist(), strict=True))
    assert sure == pytest.approx({**dict.fromkeys(LED, 1 / (1 + np.exp(-2.95))), "a letter": 1.0}, abs=1e-5)
    assert box.settings()["offers"] == str(Way.FIRST_TOKEN)
    assert box.settings()["read_as_text"] == 1


def test_a_reply_without_a_word_settles_no_way(served: TinyServer) -> None:
    filtered, sure = NOT_READABLE["filtered"][0], READABLE["tokens"]
    served.says = lambda body: (filtered if "number 0" in body["messages"][-1]["content"] else sure)(body)
    model = EndpointModel(Client(served.url, limits=Limits(**QUICK)), "tiny")
    box = PromptedPredictor(model, PROMPT, lambda inputs: [one.text for one in inputs], "tiny@p")

    said = box.predict(TEXTS)

    assert said.is_answered.tolist() == [False] + [True] * 7
    assert box.settings()["offers"] == str(Way.FIRST_TOKEN)
    assert said.probabilities[1:].max(axis=1).tolist() == pytest.approx([1 / (1 + np.exp(-2.4))] * 7)


SPAM = Prompt("{{ text }}", ("spam", "no spam"), (("spam",), ("not spam",)))


def worded(says: dict[str, str]) -> Says:
    """Return a mode that says this to these texts, a word a token, with the log-probability of each."""

    def answer(body: Json) -> tuple[int, Json]:
        first, *rest = says[body["messages"][-1]["content"]].split(" ")
        parts = [first, *(f" {word}" for word in rest)]
        kept = parts[: body["max_tokens"]]
        places = [[(part, -0.05), ("Maybe", -3.0)] for part in kept]
        finish = "length" if len(kept) < len(parts) else "stop"
        return reply(choice("".join(kept), finish=finish, tokens=places if body.get("logprobs") else None))

    return answer


SAID = {
    "a prize": "Spam",
    "hello": "Not enough context to decide",
    "a parcel": "Not spam",
    "an offer": "Spam does not apply here.",
    "a question": "Spam? I do not think that it is one, for it comes from a friend.",
    "a greeting": "Not having seen more of it I can only say that it may be spam or not spam",
    "a bill": "Spam. It asks for money that nobody owes, and threatens.",
}
MEANT = {"a prize": "spam", "a parcel": "no spam", "a bill": "spam"}


@pytest.mark.parametrize("first", SAID)
def test_a_reply_is_read_alike_whichever_text_came_first(served: TinyServer, first: str) -> None:
    served.says = worded(SAID)
    texts = [first, *(text for text in SAID if text != first)]
    model = EndpointModel(Client(served.url, limits=Limits(**QUICK)), "tiny")
    box = PromptedPredictor(model, SPAM, lambda inputs: [one.text for one in inputs], "tiny@p")

    said = box.predict([Input(text) for text in texts])

    read = {texts[row]: said.take([row]).likeliest()[0] for row in np.flatnonzero(said.is_answered).tolist()}
    assert read == MEANT
    assert said.probabilities[said.is_answered].max(axis=1).tolist() == pytest.approx([1 / (1 + np.exp(-2.95))] * 3)


def test_log_probabilities_are_read_behind_a_quote(served: TinyServer) -> None:
    said = asked(served, READABLE["a quote first"])

    assert said.probabilities.max(axis=1).tolist() == pytest.approx([1 / (1 + np.exp(-2.4))] * len(TEXTS), abs=1e-5)


@pytest.mark.parametrize("says", [thinking, reasoning_apart])
def test_room_for_reasoning_is_a_setting(served: TinyServer, says: Says) -> None:
    said = asked(served, says, reasoning_tokens=400)

    assert said.likeliest() == expected()
    assert {one.body["max_tokens"] for one in served.answered} == {432}
    assert not any("logprobs" in one.body for one in served.seen)


def test_the_setting_stands_in_the_provenance_and_in_the_description() -> None:
    limits = Limits(reasoning_tokens=400)
    model = EndpointModel(Client("http://127.0.0.1:1/v1", limits=limits), "tiny")

    assert model.settings()["reasoning_tokens"] == 400
    assert limits.spec()["reasoning_tokens"] == 400
    assert "reasoning_tokens" not in Limits().spec(), "endpoints of earlier releases keep their description"


def test_a_model_that_names_none_of_its_prompts_selects_none(served: TinyServer) -> None:
    served.says = lambda _: reply({"message": {"content": "Both are good."}, "finish_reason": "stop"})
    model = EndpointModel(Client(served.url, limits=Limits(**QUICK)), "tiny")

    with pytest.raises(InputError, match="No self-select: the model's reply names none of the prompts for certain"):
        self_select(model, [PROMPT, PROMPT])


def test_words_of_one_answer_may_all_be_named(served: TinyServer) -> None:
    served.says = lambda _: reply({"message": {"content": "It is fine and great"}, "finish_reason": "stop"})
    model = EndpointModel(Client(served.url, limits=Limits(**QUICK)), "tiny")
    prompt = Prompt("{{ text }}", ("bad", "good"), (("dull", "awful"), ("fine", "great")))

    said = PromptedPredictor(model, prompt, lambda inputs: [one.text for one in inputs], "m@p").predict(TEXTS[:2])

    assert said.likeliest() == ["good", "good"]


# -- other forms of requests and replies -----------------------------------------------------------------


def refusing(word: str, message: str) -> Says:
    """Return a mode that refuses requests with this word in them."""

    def says(body: Json) -> tuple[int, Json]:
        return (400, {"error": {"message": message}}) if word in body else READABLE["plain"](body)

    return says


def test_a_server_that_wants_max_completion_tokens_gets_them(served: TinyServer) -> None:
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )

    assert asked(served, refusing("max_tokens", message)).likeliest() == expected()

    assert sum("max_tokens" in one.body for one in served.seen if "messages" in one.body) == 1, "it is told once"


def test_a_server_that_takes_no_temperature_gets_none(served: TinyServer) -> None:
    said = asked(
        served, refusing("temperature", "Unsupported value: 'temperature' does not support 0 with this model.")
    )

    assert said.likeliest() == expected()


def test_a_server_that_gives_a_least_number_of_tokens_is_asked_for_it(served: TinyServer) -> None:
    def says(body: Json) -> tuple[int, Json]:
        if body["max_tokens"] < 16:
            return 400, {"error": {"message": "Invalid 'max_tokens': integer below minimum value. Expected >= 16."}}
        return READABLE["tokens"](body)

    assert asked(served, says).likeliest() == expected()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"object": "error", "message": "The model `m` does not exist.", "code": 404}, "The model `m` does not exist"),
        ({"error": {"message": "No model is loaded."}}, "No model is loaded"),
        ({"error": "Unexpected endpoint or method."}, "Unexpected endpoint or method"),
    ],
)
def test_an_error_with_status_200_is_told_in_the_servers_words(served: TinyServer, body: Json, told: str) -> None:
    with pytest.raises(BlackBoxError) as problem:
        asked(served, lambda _: (200, body))

    assert str(problem.value) == f"{served.url} answers with an error ({told})."


def test_an_overload_with_status_200_is_waited_for(served: TinyServer) -> None:
    busy = [True]

    def says(body: Json) -> tuple[int, Json]:
        return (200, {"error": {"message": "busy", "code": 503}}) if busy and busy.pop() else READABLE["plain"](body)

    assert asked(served, says).likeliest() == expected()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("<!DOCTYPE html><html><body>Welcome</body></html>", "answers with a web page: it is no endpoint."),
        ('data: {"choices": []}\n\ndata: [DONE]\n', "answers with a stream of events, which was not asked for"),
    ],
)
def test_a_web_page_and_a_stream_are_told_as_such(served: TinyServer, content: str, told: str) -> None:
    served.always = f"text {content}"

    with pytest.raises(BlackBoxError) as problem:
        asked(served, READABLE["plain"])

    assert told in str(problem.value)
    assert served.url in str(problem.value)


@pytest.mark.parametrize("takes", [True, False])
def test_a_reply_of_no_known_form_is_told_though_a_request_was_refused_before(
    served: TinyServer, *, takes: bool
) -> None:
    def says(body: Json) -> tuple[int, Json]:
        refuses = "logprobs" in body and not takes
        return (400, {"error": {"message": "logprobs unsupported"}}) if refuses else (200, {"choices": []})

    with pytest.raises(BlackBoxError) as problem:
        asked(served, says)

    assert str(problem.value) == f"{served.url} answers in no form that is known."


@pytest.mark.parametrize(
    ("path", "hint"), [("", ": most servers answer below /v1, try --endpoint {url}/v1."), ("/v1", "")]
)
def test_a_missing_v1_is_hinted_where_it_is_missing(served: TinyServer, path: str, hint: str) -> None:
    url = served.url.removesuffix("/v1")
    served.offers.chat = False
    model = EndpointModel(Client(url + path, limits=Limits(**QUICK)), "tiny")

    with pytest.raises(BlackBoxError, match="refuses with status 404") as problem:
        model.score([Question("a film")], ["good", "bad"])

    assert ("below /v1" in str(problem.value)) is bool(hint)
    assert str(problem.value).endswith(hint.format(url=url) or ").")


@pytest.mark.parametrize("path", ["/chat/completions", "/completions"])
def test_a_url_of_one_path_is_told_to_be_no_base_url(served: TinyServer, path: str) -> None:
    model = EndpointModel(Client(served.url + path, limits=Limits(**QUICK)), "tiny")

    with pytest.raises(BlackBoxError, match="refuses with status 404") as problem:
        model.score([Question("a film")], ["good", "bad"])

    assert str(problem.value).endswith(f": {path} is put behind the base URL, try --endpoint {served.url}.")


def test_a_reply_that_begins_with_a_mark_of_its_encoding_is_read(served: TinyServer) -> None:
    served.always = "text \ufeff" + json.dumps({"choices": [{"message": {"content": "positive"}}]})
    model = EndpointModel(Client(served.url, limits=Limits(**QUICK)), "tiny")

    assert model.score([Question("a film")], ["negative", "positive"]).log_prob.argmax() == 1


def test_azures_version_follows_each_path_and_its_key_has_a_header_of_its_own(
    served: TinyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_KEY", "secret-0123456789")
    served.says = READABLE["plain"]
    url = f"http://127.0.0.1:{served.port}/openai/deployments/tiny?api-version=2024-10-21"
    model = EndpointModel(Client(url, key_env="AZURE_KEY", limits=Limits(**QUICK)), "tiny")
    box = PromptedPredictor(model, PROMPT, lambda inputs: [one.text for one in inputs], "tiny@p")

    assert box.predict(TEXTS).likeliest() == expected()

    assert {one.path.partition("?")[2] for one in served.seen} == {"api-version=2024-10-21"}
    headers = served.answered[-1].headers
    assert (headers["api-key"], headers.get("Authorization")) == ("secret-0123456789", None)
    assert model._way is Way.TEXT


# -- by the text -----------------------------------------------------------------------------------------

WORDS = ["great", "dull", "so say", "no"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Great!", ["great"]),
        ("  \n**great**", ["great"]),
        ("Great - a fine film", ["great"]),
        ("Great; it is not dull.", ["great"]),
        ("I think that the film is great", ["great"]),
        ("so SAY, all of us", ["so say"]),
        ("so-say", ["so say"]),
        ("The answer is no.", ["no"]),
        ("No.", ["no"]),
        ("No, thanks.", ["no"]),
        ("label=dull", ["dull"]),
        ("It may be great or dull. My verdict: dull", ["dull"]),
        ("It is great and dull", ["great", "dull"]),
    ],
)
def test_a_text_names_words(text: str, named: list[str]) -> None:
    scores = by_text(text, WORDS)

    assert not isinstance(scores, Missing)
    assert [word for word, score in zip(WORDS, scores, strict=True) if score == 0.0] == named
    assert set(scores.tolist()) <= {0.0, LEAST}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Missing.NO_ANSWER),
        ("greatly dulled", Missing.NO_ANSWER),
        ("No idea", Missing.NO_ANSWER),
        ("there is no way to tell", Missing.NO_ANSWER),
        ("It is not great", Missing.NO_ANSWER),
        ("It isn't great.", Missing.NO_ANSWER),
        ("It is dull, not great.", Missing.UNDECIDED),
        ("Sorry, I can't tell", Missing.REFUSED),
    ],
)
def test_a_text_names_none(text: str, why: Missing) -> None:
    assert by_text(text, WORDS) is why


@pytest.mark.parametrize(
    ("text", "words", "named"),
    [
        ("very good", ["good", "very good"], "very good"),
        ("not spam", ["spam", "not spam"], "not spam"),
        ("non-offensive", ["offensive", "non offensive"], "non offensive"),
        ("B", ["A", "B"], "B"),
        ("Answer: (B)", ["A", "B"], "B"),
        ("это положительный отзыв", ["отрицательный", "положительный"], "положительный"),
        ("答案是正面", ["负面", "正面"], "正面"),
        ("\u0415\u0308лка", ["\u0401лка", "сосна"], "\u0401лка"),  # noqa: RUF001 - letters of another script
    ],
)
def test_words_of_all_scripts_are_found_whole(text: str, words: list[str], named: str) -> None:
    scores = by_text(text, words)

    assert not isinstance(scores, Missing)
    assert words[int(scores.argmax())] == named
    assert (scores == 0.0).sum() == 1


@pytest.mark.parametrize(("text", "words"), [("A good film", ["A", "B"]), ("这不正面", ["负面", "正面"])])
def test_a_word_that_may_mean_another_thing_is_none(text: str, words: list[str]) -> None:
    assert by_text(text, words) is Missing.NO_ANSWER


@pytest.mark.parametrize(
    ("token", "first"),
    [
        ("pos", 0),
        (" Neg", 1),
        ("\u2581positive", 0),
        ("\u0120negative", 1),
        ('"negative', 1),
        ("I", None),
        ("<think>", None),
    ],
)
def test_a_token_begins_a_word_however_it_is_spelled(token: str, first: int | None) -> None:
    scores = by_tokens({token: -0.1, "x": -3.0}, ["positive", "negative", "irony"])

    assert (None if scores is None else int(scores.argmax())) == first


def test_bytes_of_other_scripts_are_read() -> None:
    signs = "\u0120\u00d0\u00bf\u00d0\u00be\u00d0\u00bb"  # ' пол', as byte-level tokenizers write it

    scores = by_tokens({signs: -0.1, "x": -3.0}, ["положительный", "отрицательный"])

    assert scores is not None
    assert int(scores.argmax()) == 0


def test_words_that_begin_alike_are_not_told_apart_by_a_token() -> None:
    assert by_tokens({"pos": -0.1, "x": -3.0}, ["positive", "possible"]) is None


@pytest.mark.parametrize(
    ("written", "text", "thought"),
    [
        ("<think>a</think> b", "b", "<think>a</think>"),
        ("a</think>b", "b", "a</think>"),
        ("<think>a", "", "<think>a"),
        ("[THINK]a[/THINK]b", "b", "[THINK]a[/THINK]"),
        ("a", "a", ""),
    ],
)
def test_reasoning_is_cut_off(written: str, text: str, thought: str) -> None:
    assert without_reasoning(written) == (text, thought)


# -- ties ------------------------------------------------------------------------------------------------


class Tied(LanguageModel):
    """A language model that holds all words equally likely."""

    def settings(self) -> dict[str, Any]:
        return {}

    def score(self, questions: Sequence[Question], words: Sequence[str]) -> WordScores:
        return WordScores(np.zeros((len(questions), len(words))), None)

    def can_read(self, question: Question, words: Sequence[str], *, room: int = 0) -> bool:
        return True


def test_a_tie_is_never_the_first_choice() -> None:
    box = PromptedPredictor(Tied(), PROMPT, lambda inputs: [one.text for one in inputs], "tied@p")

    said = box.predict(TEXTS[:3])

    assert said.counts() == {Missing.UNDECIDED: 3}
    assert Counter(said.reasons.tolist()) == {int(Missing.UNDECIDED): 3}
    assert ANSWERED not in said.reasons
    assert right({"messages": [{"content": "good"}]}) == "positive"


# -- replies of any form ---------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(ANSWERS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("choices", "message", "content", "text", "logprobs", "top_logprobs", "token", "logprob", "bytes"),
                    *("finish_reason", "refusal", "error", "code", "type", "reasoning_content", "tool_calls"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["message", "text", "logprobs", "finish_reason"]), VALUES, max_size=4))
def test_a_reply_of_any_form_is_read_or_told_to_be_none(made: Json) -> None:
    try:
        read = read_reply(chat_reply({"choices": [made]}), ANSWERS)
    except NotOfferedError:
        return
    assert read.scores.shape == (2,)
    assert np.isfinite(read.scores).all()
    assert read.missing is None or not read.scores.any()


@pytest.mark.parametrize("value", [10**400, float("nan"), float("-inf"), "-0.1", None])
def test_a_log_probability_that_is_no_number_is_not_told(value: object) -> None:
    place = {"token": "positive", "top_logprobs": [{"token": "positive", "logprob": value}]}

    assert chat_reply({"choices": [{"message": {"content": "x"}, "logprobs": {"content": [place]}}]}).places == []


@given(st.text(max_size=200))
def test_a_text_of_any_kind_names_words_or_says_why_not(text: str) -> None:
    named = by_text(text, ["yes", "no", "正面", "not good"])

    assert isinstance(named, Missing) or (named == 0).any()


@pytest.mark.parametrize(
    ("text", "words", "named"),
    [
        ('{"positive": 0.1, "negative": 0.9}', ("positive", "negative"), None),
        ("positive: 0.1\nnegative: 0.9", ("positive", "negative"), None),
        ("Positive (10%), Negative (90%)", ("positive", "negative"), None),
        ("Positive: great cast\nVerdict: negative", ("positive", "negative"), "negative"),
        ("positive\n\nWait, actually it is negative.", ("positive", "negative"), None),
        ("Positive? No.", ("positive", "negative"), None),
        ("It is far from positive.", ("positive", "negative"), None),
        ("Nobody would call it positive.", ("positive", "negative"), None),
        ("There is nothing positive here.", ("positive", "negative"), None),
        ("Few would call this positive.", ("positive", "negative"), None),
        ("It is barely positive.", ("positive", "negative"), None),
        ("The reviewer is unlikely to be positive.", ("positive", "negative"), None),
        ("It lacks positive aspects.", ("positive", "negative"), None),
        ("Positive? Hardly.", ("positive", "negative"), None),
        ("Anything other than positive.", ("positive", "negative"), None),
        ("A positive answer would be wrong.", ("positive", "negative"), None),
        ("Positive, with a few flaws.", ("positive", "negative"), "positive"),
        ("A: London\nB: Paris\nThe answer is B.", ("A", "B"), "B"),
        ("A: incorrect. B: correct", ("A", "B"), None),
        ("Answer: B (not A)", ("A", "B"), "B"),
        ("Biased: No", ("biased", "not biased"), None),
        ("Is it biased? No.", ("biased", "not biased"), None),
        ("Entailment: False", ("entailment", "not entailment"), None),
        ("Positive: the cast is great.", ("positive", "negative"), "positive"),
        ("B (Paris)", ("A", "B"), "B"),
    ],
)
def test_a_heading_is_no_answer_and_what_is_denied_behind_it_neither(
    text: str, words: tuple[str, str], named: str | None
) -> None:
    found = by_text(text, words)

    certain = not isinstance(found, Missing) and (found == found.max()).sum() == 1
    assert (words[int(np.argmax(found))] if certain else None) == named


def test_a_first_token_that_began_something_else_is_no_answer() -> None:
    place = LikelyTokens("Not", {"Not": np.log(0.9), "biased": np.log(0.05)})
    words = ("biased", "not biased")

    def read(text: str, *, is_cut: bool) -> Missing | None:
        return read_reply(ChatReply(text, "", None, is_cut, [place], text), words).missing

    assert read("Not sure.", is_cut=False) is Missing.NO_ANSWER
    assert read("Not biased.", is_cut=False) is None
    assert read("Not", is_cut=True) is Missing.CUT_OFF  # the rest is not known


def test_of_several_choices_the_first_by_number_is_the_reply() -> None:
    later, first = ({"index": number, "message": {"content": text}} for number, text in ((1, "bad"), (0, "good")))

    assert chat_reply({"choices": [later, first]}).text == "good"


@pytest.mark.parametrize(
    ("words", "tokens", "text", "expected"),
    [
        (("no", "not sure"), {"no": 0.6, "not": 0.3}, "no", (0.6, 0.3)),
        (("no", "not sure"), {"not": 0.6, "no": 0.3}, "not sure", (0.3, 0.6)),
        (("no", "none"), {" No": 0.5, "None": 0.3, "no": 0.1}, "No.", (0.6, 0.3)),
        (("1", "10"), {"1": 0.6, "10": 0.3}, "1", (0.6, 0.3)),
        (("sport", "sports"), {"sport": 0.6, "sports": 0.3}, "sport", (0.6, 0.3)),
        (("yes", "yes, but"), {"yes": 0.6, "no": 0.3}, "yes, but", (np.exp(LEAST), 1.0)),  # told by the text alone
        (("science", "sci-fi"), {"sci": 0.7, "science": 0.3}, "sci-fi", (np.exp(LEAST), 1.0)),
        (("no", "not sure"), {"No": 0.9, "Not": 0.05}, "Not sure", (np.exp(LEAST), 1.0)),
    ],
)
def test_an_answer_that_another_begins_with_is_told_from_it(
    words: tuple[str, str], tokens: dict[str, float], text: str, expected: tuple[float, float]
) -> None:
    place = LikelyTokens(next(iter(tokens)), {token: float(np.log(share)) for token, share in tokens.items()})

    found = read_reply(ChatReply(text, "", None, False, [place], text), words)

    assert found.missing is None
    assert np.exp(found.scores).tolist() == pytest.approx(expected)


def test_tokens_that_begin_another_word_than_the_text_says_are_not_those_of_the_text() -> None:
    place = LikelyTokens("bad", {"bad": -0.1, "good": -2.4})

    found = read_reply(ChatReply("good", "", None, False, [place], "good"), ("bad", "good"))

    assert found.place is None
    assert found.scores.tolist() == [LEAST, 0.0]
