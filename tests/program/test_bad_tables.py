"""Tables that nobody could foresee: taken, or refused in one line, without a traceback and without a trace."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_cli import dump, fute

import cli
from registry import Registry
from registry.errors import InputError

NAMES = (
    "text",
    "label",
    "choices",
    "text_pair",
    "answers",
    "answer",
    "context",
    "question",
    "answer_start",
    "Text",
    "",
)
ODD: tuple[Any, ...] = (
    None, "", "a", "good", 1, 0, -1, 1.0, 0.5, float("nan"), float("inf"), True, ["a"], ["a", "b"], [], {}, {"a": 1},
    "1", "0,5", "1_000", "nan", "-1", "LABEL_0", "\u202e", "\0", "x" * 99, 10**30, "2024-01-01", " good ", "Good", '"',
    {"text": ["a", "b"], "label": ["A", "B"]}, {"text": [], "answer_start": []}, {"text": [None]}, "sep=;", "\n",
)  # fmt: skip
GOOD = st.fixed_dictionaries(
    {"text": st.text("abc ", min_size=1, max_size=9), "label": st.sampled_from(["good", "bad"])}
)
MORE = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ODD))
ROWS = st.lists(GOOD | st.builds(lambda row, more: {**row, **more}, GOOD, MORE), max_size=14)
CELLS = st.sampled_from(["good", "bad", "a text", *map(str, ODD)])


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Separated values whose rows have too few or too many cells."""
    sign = draw(st.sampled_from(",;\t|"))
    head = draw(st.just(["text", "label"]) | st.lists(st.sampled_from(NAMES), min_size=1, max_size=4))
    rows = draw(st.lists(st.lists(CELLS, max_size=4), max_size=12))
    return "\n".join(sign.join(row) for row in [head, *rows]).encode()


BODIES = st.one_of(
    ROWS.map(lambda rows: "\n".join(map(json.dumps, rows)).encode()),
    ROWS.map(lambda rows: json.dumps(rows).encode()),
    tables(),
    tables().map(lambda body: body.decode().encode("utf-16")),
    st.binary(max_size=60),
)
OPTIONS = st.lists(
    st.sampled_from(
        [
            ("--kind", "regression"),
            ("--kind", "multiple-choice"),
            ("--kind", "question-answering"),
            ("--kind", "free-text"),
            ("--skip-bad",),
            ("--answers-as-they-are",),
            ("--answers", "good=G,bad=B"),
            ("--label", "answer"),
            ("--sep", ";"),
            ("--encoding", "cp1252"),
            ("--range", "0,5"),
        ]
    ),
    max_size=2,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad") / "store"
    Registry.create(folder).close()
    return folder


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(BODIES, st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".parquet", ".csv.gz"]), OPTIONS)
def test_a_file_is_taken_or_refused_in_one_line_and_then_leaves_no_trace(
    store: Path, body: bytes, ending: str, options: list[tuple[str, ...]]
) -> None:
    place, before = store.parent / f"t{ending}", dump(store)
    place.write_bytes(body)
    more = [word for option in options for word in option]

    result = CliRunner().invoke(cli.main, ["--registry", str(store), "task", "add", "new", "--data", str(place), *more])

    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 2), result.output
    if result.exit_code == 2:
        assert len(result.output.strip().splitlines()) == 1, result.output
        assert dump(store) == before
    else:
        CliRunner().invoke(cli.main, ["--registry", str(store), "task", "remove", "new"])


OBJECTS = st.one_of(
    ROWS,
    ROWS.map(lambda rows: {"train": rows, "test": rows[:1]}),
    st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(ODD), max_size=4), max_size=3),
    st.dictionaries(st.sampled_from(["train", "data", "target"]), st.lists(st.sampled_from(ODD), max_size=4)),
    st.lists(st.sampled_from([*ODD, "\ud800"]), max_size=3),
    st.sampled_from([5, None, "", "\n", b"x", object]),
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=OBJECTS, as_they_are=st.booleans())
def test_an_object_is_taken_or_refused_by_an_error_of_ours(store: Path, data: object, *, as_they_are: bool) -> None:
    with Registry.open(store) as registry:
        try:
            registry.add_task("new", data, answers_as_they_are=as_they_are)
        except InputError:
            pass
        else:
            registry.remove("new", "task")
        assert registry.status().entries["task"] == 0


def test_a_terminal_without_unicode_gets_other_signs(store: Path) -> None:
    rows = [{"text": "плохо", "label": "нет"}, {"text": "хорошо", "label": "да"}]
    with Registry.open(store) as registry:
        registry.add_task("отзывы", rows)

    shown = fute("--registry", store, "task", "list", environment={"PYTHONIOENCODING": "cp1252"})
    failed = fute("--registry", store, "task", "show", "отзывы:9", environment={"PYTHONIOENCODING": "cp1252"})

    assert (shown.returncode, "??????" in shown.stdout, shown.stderr) == (0, True, "")
    assert (failed.returncode, failed.stderr) == (2, "Error: No version named '??????:9' in this registry.\n")
