"""R8: every command, called with whatever comes to hand, works, or says in one line why not and changes nothing."""

import gzip
import io
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import pytest
from goals import Goal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_cli import dump, run, tiny_bert, write_rows, write_task

import cli
from embedders import create_space, embed, recorded_model
from registry import Registry
from registry.formats.tasks import read_task

LEFT_OUT = {  # those that end when they are told to, and those that take minutes, whose files have tests of their own
    *(("serve",), ("mcp",)),
    *(("demo",), ("evaluate", "unify"), ("evaluate", "transfer")),
}
KNOWN = ("film", "shop", "oracle", "texts", "tiny", "film:1", "FILM", "oracle@p")
ODD = (
    *("", " ", "-", "--", "-1", "0", "1e309", "nan", "99999999999999999999", "a b", "a@b", "a@b@c", "@", "film:9"),
    *("../up", "/", ".", "~nobody", "é" * 200, "x" * 5000, "a\nb", "\u202eabc", "a\ttab", "🙂"),
    *("''", '"', "%s", "{{ x }}", "film:x"),
    *("a=b", "=", "=b", "1=x,2=", "inputs=-1", "inputs=nan", "model/", "hf:", "hf:no/such", "http://", "file:///etc"),
    *("none", "null", "True", "[]", "{}", "0x10", "1_000", "1,5", "*", "?", "[", "oracle@*", "org/", "a//b", "a..b"),
)


def arrays(**held: object) -> bytes:
    body = io.BytesIO()
    np.savez(body, **held)  # type: ignore[arg-type]
    return body.getvalue()


FILES: dict[str, bytes] = {
    "empty.csv": b"",
    "blank.csv": b"\n\n\n",
    "head.csv": b"text,label\n",
    "one.csv": b"text,label\nfine,good\n",
    "digits.csv": b"text,label\nfine,1\nbad,0\n" * 9,
    "odd.csv": b'text,label\n"never closed,good\nfine,good\n',
    "wide.csv": b"text,label\na,b,c,d\n",
    "twice.csv": b"text,text\na,b\n",
    "noise.bin": bytes(range(256)) * 40,
    "noise.npz": b"PK\x03\x04" + bytes(range(256)) * 9,
    "bad.jsonl": b'{"text": "a", "label": "x"}\n{"text": \n',
    "deep.json": b"[" * 5000,
    "list.json": b"[1, 2, 3]",
    "lone.jsonl": b'{"text": "\\ud800", "label": "x"}\n' * 3,
    "utf16.csv": "text,label\nfine,good\n".encode("utf-16"),
    "cut.csv.gz": gzip.compress(b"text,label\n" * 99, mtime=0)[:-12],
    "prompts.yaml": b"templates: {a: !Template {jinja: '{{ text', name: a}}\n",
    "python.yaml": b"a: !!python/object/apply:os.system ['true']\n",
    "nan.npz": arrays(fingerprint="0" * 64, names=["t"], kinds=["task"], vectors=[[np.nan] * 64]),
    "zero.npz": arrays(fingerprint="0" * 64, names=["t"], kinds=["task"], vectors=[[0.0] * 64]),
    "complex.npz": arrays(fingerprint="0" * 64, names=["t"], kinds=["task"], vectors=[[1j] * 64]),
    "bomb.csv.gz": gzip.compress(bytes(2**24), mtime=0) * 40,
    "escape.csv": b"text,label\nfine,\x1b[2Jgood\nbad,\x1b[2Jbad\n" * 9,
    "forms.csv": "text,label\nfine,\u00e9\nbad,e\u0301\n".encode() * 9,
    "bomb.yaml": b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
}


ODD_FILES = ("folder.csv", "loop", "pipe.txt", "pipe.jsonl", "pipe.npz", "endless.csv", "endless.yaml", "large.jsonl")


def commands(of: click.Command = cli.main, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found = {} if isinstance(of, click.Group) else {path: of}
    for name, command in of.commands.items() if isinstance(of, click.Group) else ():
        found |= commands(command, (*path, name))
    return {path: command for path, command in found.items() if path not in LEFT_OUT}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with something of each kind, and a folder of bad files beside it."""
    place = tmp_path_factory.mktemp("prepared")
    (place / "files").mkdir()
    for name, body in FILES.items():
        (place / "files" / name).write_bytes(body)
    (place / "files" / "folder.csv").mkdir()
    (place / "files" / "loop").symlink_to(place / "files" / "loop")
    for name in ("pipe.txt", "pipe.jsonl", "pipe.npz"):
        os.mkfifo(place / "files" / name)
    for name in ("endless.csv", "endless.yaml"):
        (place / "files" / name).symlink_to("/dev/zero")
    with (place / "files" / "large.jsonl").open("wb") as large:
        large.truncate(2**31)
    with Registry.create(place / "store") as registry:
        for number, name in enumerate(("film", "shop")):
            registry.add_task(name, read_task(str(write_task(place / name, number))))
        corpus = registry.sample_corpus("texts")
        rows = [
            {"text": one.text, "answer": ("yes", "no")[n % 2]} for n, one in enumerate(registry.corpus_inputs(corpus))
        ]
        recorded_model(registry, "oracle", str(write_rows(place / "oracle.jsonl", rows)))
        create_space(registry, "tiny", surrogate=str(tiny_bert(place / "bert")), corpus="texts", dimension=64)
        assert not embed(registry).failed
    return place


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, ...]:
    """Draw a command with options and arguments, right and wrong ones."""
    path, command = draw(st.sampled_from(sorted(commands().items())))
    value = st.sampled_from((*KNOWN, *ODD)) | st.sampled_from([f"files/{name}" for name in (*FILES, *ODD_FILES)])
    words: list[str] = []
    options = [
        p for p in command.params if isinstance(p, click.Option) and p.name not in ("everything", "help", "watch")
    ]
    for option in draw(st.lists(st.sampled_from(options), max_size=3, unique=True)) if options else ():
        words.append(option.opts[-1])
        if not option.is_flag:
            words.append(draw(value))
    arguments = sum(isinstance(p, click.Argument) for p in command.params)
    words += draw(st.lists(value, min_size=max(0, arguments - 1), max_size=arguments + 1))
    return (*path, *words)


def assert_works_or_says_why(prepared: Path, place: Path, call: Sequence[str]) -> int:
    """Run a call on a copy of the registry; return its exit code."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(prepared / "store", place / "store")
    before = dump(place / "store")

    result = run("--registry", str(place / "store"), *call)

    crash = None if isinstance(result.exception, SystemExit) else result.exception
    assert crash is None, f"{str(call)[:300]}: {str(crash)[:300]}"
    assert result.exit_code in (0, 1, 2), f"{str(call)[:300]}: {result.exit_code} {result.stderr[:500]}"
    assert "Traceback" not in result.output
    if result.exit_code == 2:
        assert dump(place / "store") == before, f"{str(call)[:300]} changed something"
        last = result.stderr.rstrip("\n").rpartition("\n")[2]
        assert last.startswith("Error: "), f"{str(call)[:300]}: {result.stderr[:500]}"
        assert len(result.stderr) < 3000, f"{str(call)[:300]}: {result.stderr[:500]}"
    return result.exit_code


@pytest.mark.goal("R8", "3,000 bad inputs: exit code 2 (1 for a disk) and one line, the catalog as it was")
def test_bad_input_is_told_and_changes_nothing(
    goal: Goal, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared)  # where files/ is; what a command writes here is nobody's
    monkeypatch.setenv("HOME", str(tmp_path))
    count = goal.tries(quick=150, full=3000)
    codes: Counter[int] = Counter()

    @settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(calls())
    def each(call: tuple[str, ...]) -> None:
        codes[assert_works_or_says_why(prepared, tmp_path / "place", call)] += 1

    each()
    goal.reached(f"{sum(codes.values()):,} calls: {codes[2]:,} refused with 2, {codes[1]} with 1, {codes[0]} worked")
