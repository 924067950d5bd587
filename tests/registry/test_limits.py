"""What is too large, endless or no file is refused before it is read, in one line that says the limit."""

import gzip
import io
import os
import re
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry.errors import DataError
from registry.files import limits
from registry.files.arrays import read_arrays
from registry.files.lines import lines_and_faults, read_json
from registry.files.separated import rows_and_faults
from registry.files.whole import read_file, read_stream, unzipped
from registry.formats.arrow_tables import parquet_rows
from registry.formats.corpora import read_corpus
from registry.formats.recorded import read_answers
from registry.formats.table_files import read_table
from registry.formats.tasks import read_task
from registry.formats.transfers import read_transfers
from registry.formats.vector_sources import vector_source
from registry.formats.vectors import read_vectors
from registry.prompts.importing.reading import read_prompts, read_template

READERS = {
    "task.jsonl": read_task,
    "task.csv": read_task,
    "task.csv.gz": read_task,
    "task.parquet": read_task,
    "corpus.txt": read_corpus,
    "answers.jsonl": read_answers,
    "transfers.csv": read_transfers,
    "vectors.npz": read_vectors,
    "prompts.jsonl": read_prompts,
    "prompts.yaml": read_prompts,
    "template.txt": read_template,
}


def read(path: Path) -> None:
    READERS[path.name](str(path) if READERS[path.name] is read_task else path)  # type: ignore[operator]


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_that_nobody_writes_to_is_refused_before_it_is_opened(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)

    with pytest.raises(DataError, match=r"is a pipe, a file is needed"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", READERS)
def test_a_device_that_never_ends_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/zero")

    with pytest.raises(DataError, match=r"is a device, a file is needed"):
        read(tmp_path / name)


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("task.csv")

        with pytest.raises(DataError, match=r"task\.csv: is a socket"):
            read(Path("task.csv"))


@pytest.mark.parametrize("name", READERS)
def test_two_gigabytes_are_refused_without_being_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**31)

    with pytest.raises(DataError, match=rf"{re.escape(name)}: larger than [\d,]+ MiB, the most that is read"):
        read(tmp_path / name)


def test_a_file_that_says_it_is_empty_is_not_read_beyond_the_limit() -> None:
    with pytest.raises(DataError, match="larger than 0 MiB"):
        read_stream(io.BytesIO(b"x" * 11), "stdin", most=10)

    assert read_stream(io.BytesIO(b"x" * 10), "stdin", most=10) == b"x" * 10


def test_a_gzip_file_is_unpacked_to_the_limit_and_no_further(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(2**24)) * 64  # 1 GiB in 1 MB

    with pytest.raises(DataError, match=r"larger than 2 MiB"):
        unzipped(bomb, "task.csv.gz", most=2**21)


def test_an_archive_of_arrays_is_measured_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "outputs.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("log_prob.npy", "w") as member:
        np.lib.format.write_array_header_1_0(  # type: ignore[no-untyped-call]
            member, {"descr": "<f4", "fortran_order": False, "shape": (2**22,)}
        )
        for _ in range(16):
            member.write(bytes(2**20))
    assert path.stat().st_size < 50_000

    with pytest.raises(DataError, match=r"would unpack to 16,777,\d+ bytes, and 1,048,576 is the most that is read"):
        read_arrays(path, ["log_prob"], "scores", most=2**20)

    assert read_arrays(path, ["log_prob"], "scores")["log_prob"].shape == (2**22,)


def test_a_parquet_file_is_counted_as_it_unpacks(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "task.parquet"
    text = arrow.DictionaryArray.from_arrays(arrow.array([0] * 1000, arrow.int32()), arrow.array(["x" * 1_000_000]))
    parquet.write_table(arrow.table({"text": text, "label": ["a", "b"] * 500}), path)
    assert path.stat().st_size < 1_000_000  # of a table of 1 GB

    with pytest.raises(DataError, match=r"task\.parquet: larger than 512 MiB, the most that is read: take a part"):
        read_table(path)


LONG = "a fine film " * 1_000_000  # a text that many rows share
UNPACKED = {  # columns of a thousand rows that would unpack to gigabytes, and take no room in a file
    "texts in lists": lambda arrow: arrow.FixedSizeListArray.from_arrays(shared(arrow, 3_000), 3),
    "texts in records": lambda arrow: arrow.StructArray.from_arrays([shared(arrow, 1_000)], ["text"]),
    "numbers in lists": lambda arrow: arrow.FixedSizeListArray.from_arrays(
        arrow.array(np.zeros(100_000_000, np.int64)), 100_000
    ),
}


def shared(arrow: Any, count: int) -> Any:  # noqa: ANN401 - an Arrow array, whose library is optional
    return arrow.DictionaryArray.from_arrays(arrow.array(np.zeros(count, np.int32)), arrow.array([LONG]))


@pytest.mark.parametrize("what", UNPACKED)
def test_what_stands_in_lists_of_a_parquet_file_is_counted_before_it_is_unpacked(tmp_path: Path, what: str) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "task.parquet"
    parquet.write_table(arrow.table({"text": ["one", "two"] * 500, "more": UNPACKED[what](arrow)}), path)

    with held_at_most(arrow, limits.FILE // 4), pytest.raises(DataError, match=r"larger than 512 MiB, the most that"):
        read_task(str(path))


def test_texts_in_lists_of_a_parquet_file_are_those_of_other_tables(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    row = {"text": "t", "more": [{"a": "x", "b": b"y"}, {"a": "x", "b": None}], "map": [("k", "v")], "number": 1}
    kinds = [
        ("text", arrow.large_string()),
        ("more", arrow.large_list(arrow.struct({"a": arrow.string(), "b": arrow.binary()}))),
        ("map", arrow.map_(arrow.string(), arrow.string())),
        ("number", arrow.decimal128(5, 2)),
    ]
    table = arrow.Table.from_pylist([row, dict.fromkeys(row)], arrow.schema(kinds))
    parquet.write_table(table, tmp_path / "t.parquet", store_decimal_as_integer=False)

    rows = parquet_rows((tmp_path / "t.parquet").read_bytes(), "t").rows

    assert rows == [{**row, "number": "1.00"}, dict.fromkeys(row)]


@contextmanager
def held_at_most(arrow: Any, most: int) -> Iterator[None]:  # noqa: ANN401 - the module, which is optional
    """Hold that Arrow never has more bytes than these."""
    usual = arrow.default_memory_pool()
    pool = arrow.proxy_memory_pool(usual)
    arrow.set_memory_pool(pool)
    try:
        yield
    finally:
        arrow.set_memory_pool(usual)
    assert pool.max_memory() <= most


@pytest.mark.parametrize("ending", ["npy", "npz", "parquet"])
def test_vectors_longer_than_any_of_a_space_are_refused_before_one_is_read(tmp_path: Path, ending: str) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, names, zeros = tmp_path / f"v.{ending}", ["one", "two"], np.zeros((2, 1_000_000), np.float32)
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    if ending == "npy":
        np.save(path, zeros)
    elif ending == "npz":
        np.savez_compressed(path, names=names, vectors=zeros)
    else:
        lists = arrow.FixedSizeListArray.from_arrays(arrow.array(zeros.ravel()), 1_000_000)
        parquet.write_table(arrow.table({"name": names, "vector": lists}), path)
    source = vector_source(path, names=tmp_path / "names.txt")

    with (
        held_at_most(arrow, zeros.nbytes // 4),
        pytest.raises(DataError, match=r"vectors of 1,000,000 numbers: a space has at most 65,536\."),
    ):
        next(source.batches("0" * 64))


def test_a_name_that_all_vectors_of_a_parquet_file_share_is_counted_before_it_is_unpacked(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    vectors = arrow.FixedSizeListArray.from_arrays(arrow.array(np.ones(8_000, np.float32)), 8)
    parquet.write_table(arrow.table({"name": shared(arrow, 1_000), "vector": vectors}), tmp_path / "v.parquet")

    with held_at_most(arrow, limits.FILE // 4), pytest.raises(DataError, match=r"larger than 512 MiB, the most that"):
        next(vector_source(tmp_path / "v.parquet").batches("0" * 64))


def test_a_table_has_so_many_rows_columns_and_signs_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"t\.csv: has more than 20,000 columns"):
        rows_and_faults("a," * limits.COLUMNS + "b\n", "t.csv", ",")
    with pytest.raises(DataError, match=r"t\.csv line 2: longer than 10,000,000 characters"):
        rows_and_faults("a,b\n" + "," * (limits.LINE + 1) + "\n", "t.csv", ",")
    monkeypatch.setattr(limits, "LINE", 5)
    assert "longer than 5 characters" in str(lines_and_faults('{"a": 1}', "t.jsonl")[1][0])


def test_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROWS", 3)

    assert len(lines_and_faults("{}\n" * 3, "t.jsonl")[0]) == 3
    with pytest.raises(DataError, match=r"t\.jsonl: has more than 3 rows, the most that are read"):
        lines_and_faults("{}\n" * 4, "t.jsonl")
    with pytest.raises(DataError, match=r"t\.csv: has more than 3 rows"):
        rows_and_faults("a,b\n" + "1,2\n" * 4, "t.csv", ",")


def test_a_description_is_small(tmp_path: Path) -> None:
    with (tmp_path / "task.json").open("wb") as file:
        file.truncate(2**24 + 1)

    with pytest.raises(DataError, match=r"larger than 16 MiB"):
        read_json(tmp_path / "task.json")


def test_a_file_of_the_system_is_read_though_its_size_is_said_to_be_0() -> None:
    assert b"pid" in read_file(Path("/proc/self/status")).lower()
