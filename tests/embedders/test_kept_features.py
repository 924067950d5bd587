"""Features of a corpus are kept: what is found is what would be worked out, and what is damaged is worked out anew."""

import os
from pathlib import Path

import numpy as np
import pytest
from loading import loaded_by_program
from safetensors.torch import load_file, save_file
from tiny import GOOD, sentences, tiny_encoder

from embedders import create_space, embed, function_model
from embedders.errors import ModelNotUsableError, SurrogateError
from embedders.surrogate import kept
from embedders.surrogate.kept import ENDING, KeptFeatures, user_cache
from embedders.surrogate.loading import surrogate_of
from embedders.surrogate.model import Surrogate
from registry import Registry
from registry.data.inputs import Input
from registry.spaces.spec import SpaceSpec

TEXTS = [Input("a good film"), Input("a bad song", "and a pair")]
TABLE = np.array([[0.6, 0.8], [1.0, 0.0]], np.float32)


class Counted:
    """Works a table out, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> np.ndarray:
        self.times += 1
        return TABLE.copy()


@pytest.fixture
def worked_out() -> Counted:
    return Counted()


def test_a_table_is_worked_out_once_for_the_same_texts_and_makers(tmp_path: Path, worked_out: Counted) -> None:
    for _ in range(2):
        found = KeptFeatures(tmp_path / "cache", {"surrogate": "one"}).table(TEXTS, worked_out)
        assert found.tobytes() == TABLE.tobytes()
        found += 1  # it is the caller's own
    assert worked_out.times == 1
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("texts", "made_by"),
    [
        (TEXTS[::-1], {"surrogate": "one"}),
        ([Input("a good film"), Input("a bad song and a pair")], {"surrogate": "one"}),
        (TEXTS, {"surrogate": "another"}),
        (TEXTS, {"surrogate": "one", "half": True}),
    ],
)
def test_other_texts_and_other_makers_have_tables_of_their_own(
    tmp_path: Path, worked_out: Counted, texts: list[Input], made_by: dict[str, object]
) -> None:
    KeptFeatures(tmp_path, {"surrogate": "one"}).table(TEXTS, worked_out)
    KeptFeatures(tmp_path, made_by).table(texts, worked_out)

    assert worked_out.times == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_table_that_another_user_has_laid_there_is_not_believed(tmp_path: Path, worked_out: Counted) -> None:
    KeptFeatures(tmp_path, {}).table(TEXTS, lambda: TABLE + 1)
    (file,) = tmp_path.glob(f"*{ENDING}")
    os.chown(file, 65534, 65534)

    for _ in range(2):
        assert KeptFeatures(tmp_path, {}).table(TEXTS, worked_out).tobytes() == TABLE.tobytes()
    assert worked_out.times == 1


@pytest.mark.parametrize("damage", [lambda b: b[:-3], lambda b: b[:-1] + b"!", lambda _: b"", lambda b: b + b"more"])
def test_a_damaged_table_is_worked_out_anew(tmp_path: Path, worked_out: Counted, damage) -> None:  # noqa: ANN001
    features = KeptFeatures(tmp_path, {})
    features.table(TEXTS, worked_out)
    (file,) = tmp_path.glob(f"*{ENDING}")
    file.write_bytes(damage(file.read_bytes()))

    assert features.table(TEXTS, worked_out).tobytes() == TABLE.tobytes()
    assert features.table(TEXTS, worked_out).tobytes() == TABLE.tobytes()
    assert worked_out.times == 2


def test_where_nothing_can_be_kept_all_goes_on(tmp_path: Path, worked_out: Counted) -> None:
    (tmp_path / "file").write_text("no folder")

    for _ in range(2):
        assert (KeptFeatures(tmp_path / "file" / "cache", {}).table(TEXTS, worked_out) == TABLE).all()
    assert worked_out.times == 2


def test_a_user_without_a_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert user_cache("features") is not None  # the variable says where
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert user_cache("features") is None


def test_what_was_not_used_for_longest_makes_room(
    tmp_path: Path, worked_out: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, size = KeptFeatures(tmp_path, {}), kept.DIGEST + TABLE.nbytes
    monkeypatch.setattr(kept, "MOST", 4 * size)
    texts = [[Input(f"a{number}"), Input("b")] for number in range(5)]
    for number in range(4):
        features.table(texts[number], worked_out)
        (newest,) = set(tmp_path.glob(f"*{ENDING}")) - {
            path for path in tmp_path.iterdir() if path.stat().st_mtime < 1e9
        }
        os.utime(newest, (1e8 + number, 1e8 + number))
    features.table(texts[0], worked_out)  # used again

    features.table(texts[4], worked_out)
    before = worked_out.times
    features.table(texts[0], worked_out)
    assert worked_out.times == before
    features.table(texts[1], worked_out)
    assert worked_out.times == before + 1


def answered(texts: list[str]) -> list[str]:
    return ["good" if len(text) % 2 else "bad" for text in texts]


def test_a_further_model_on_a_known_corpus_has_the_same_vector_without_the_surrogates_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_encoder(tmp_path / "base")
    made = []
    asked: list[int] = []
    features = Surrogate._features

    def counted(self: Surrogate, inputs: list[Input]) -> np.ndarray:
        asked.append(len(inputs))
        return features(self, inputs)

    monkeypatch.setattr(Surrogate, "_features", counted)
    for store in ("one", "other"):
        with Registry.create(tmp_path / store) as registry:
            corpus = registry.add_corpus("texts", [Input(text) for text in sentences(GOOD, 30)], source="here")
            function_model(registry, "model", "test_kept_features:answered")
            create_space(registry, "s", surrogate=str(base), corpus=corpus.name)
            embed(registry, device="cpu")
            made.append(registry.vectors(entry="model").matrix.tobytes())

    assert made[0] == made[1]
    assert asked == [30, 2], "the texts and the answers, once each"


@pytest.mark.usefixtures("own_precision")  # of the program that is started
def test_where_all_is_kept_transformers_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "def answered(texts):\n    return ['good' if len(text) % 2 else 'bad' for text in texts]\n"
    (tmp_path / "by_length.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Registry.create(tmp_path / "store") as registry:
        corpus = registry.add_corpus("texts", [Input(text) for text in sentences(GOOD, 30)], source="here")
        function_model(registry, "model", "by_length:answered")
        create_space(registry, "s", surrogate=str(tiny_encoder(tmp_path / "base")), corpus=corpus.name)
        embed(registry, device="cpu")
        first = registry.vectors(entry="model").matrix.tobytes()

    loaded, said = loaded_by_program("embed", "model", "--again", "--device", "cpu", registry=tmp_path / "store")

    assert "embedded model in" in said
    assert "torch" in loaded
    assert "transformers" not in loaded
    with Registry.open(tmp_path / "store") as registry:
        assert registry.vectors(entry="model").matrix.tobytes() == first


def test_a_surrogate_whose_files_are_others_by_the_time_it_is_loaded_is_refused(tmp_path: Path) -> None:
    base = tiny_encoder(tmp_path / "base")
    with Registry.create(tmp_path / "store") as registry:
        create_space(registry, "s", surrogate=str(base), corpus=None)
        spec = SpaceSpec.from_document(registry.catalog.spaces.get("s").spec)
    surrogate = surrogate_of(spec, "cpu")  # a worker that waits may load it hours later
    weights = load_file(base / "model.safetensors")
    save_file({name: value * 2 for name, value in weights.items()}, base / "model.safetensors", {"format": "pt"})

    for load in (lambda: surrogate.text_features(["good", "bad"], keep=True), surrogate.fresh_model):
        with pytest.raises(ModelNotUsableError, match="is not the surrogate that this space was made with"):
            load()

    save_file(weights, base / "model.safetensors", {"format": "pt"})
    right = Surrogate(base, device="cpu", max_length=surrogate.max_length).text_features(["good", "bad"])
    assert surrogate_of(spec, "cpu").text_features(["good", "bad"], keep=True).tobytes() == right.tobytes()


def test_a_surrogate_that_cannot_be_loaded_ends_the_run_and_is_no_fault_of_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object, **__: object) -> None:
        raise ModelNotUsableError("The surrogate does not fit.")

    with Registry.create(tmp_path / "store") as registry:
        corpus = registry.add_corpus("texts", [Input(text) for text in sentences(GOOD, 30)], source="here")
        for name in ("one", "other"):
            function_model(registry, name, "test_kept_features:answered")
        create_space(registry, "s", surrogate=str(tiny_encoder(tmp_path / "base")), corpus=corpus.name)
        with monkeypatch.context() as patched:
            patched.setattr(Surrogate, "_loaded", too_large)
            with pytest.raises(SurrogateError, match="does not fit"):
                embed(registry, device="cpu")

        assert registry.catalog.jobs.failures() == {}
        assert sorted(embed(registry, device="cpu").embedded) == ["one", "other"], "both are still to be done"
