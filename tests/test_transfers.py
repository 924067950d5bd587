"""Measured transfers: read from CSV, kept, looked up."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry import Registry
from registry.catalog import TransferRecord
from registry.errors import DataError, InputError
from registry.formats.transfers import read_transfers

HEADER = "model,adaptation,target,source,score_mean,score_std,seeds\n"
SOUND = "t5-small,fine-tuning,cb,mnli,0.85,0.01,3\n"
RECORD = TransferRecord("t5-small", "fine-tuning", "cb", "mnli", 0.85, 0.01, 3)


def csv_file(path: Path, body: str | bytes) -> Path:
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def test_measurements_are_read_with_and_without_deviation_and_seeds(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "t.csv", "\ufeff" + HEADER + SOUND + "gpt2,lora,cb,org/rte,7.5e-1,,\r\n")

    assert read_transfers(path) == [RECORD, TransferRecord("gpt2", "lora", "cb", "org/rte", 0.75, None, None)]


def test_the_columns_may_stand_in_any_order_and_others_are_ignored(tmp_path: Path) -> None:
    body = "source,score_mean,note,model,target,adaptation\nmnli,0.85,x,t5-small,cb,fine-tuning\n"

    assert read_transfers(csv_file(tmp_path / "t.csv", body)) == [replace(RECORD, score_std=None, seeds=None)]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", r"t\.csv: has no column 'model'"),
        ("model,target,source,score_mean\n", r"t\.csv: has no column 'adaptation'"),
        (HEADER, r"t\.csv: holds no measurements"),
        (HEADER + SOUND + "m,f,a,b,high,,\n", r"t\.csv line 3: could not convert string to float: 'high'"),
        (HEADER + SOUND + "\nm,f,a,b,,,\n", r"t\.csv line 4: needs a model, an adaptation and a score_mean"),
        (HEADER + SOUND + "m,f,a,b,nan,,\n", r"t\.csv line 3: needs a model"),
        (HEADER + SOUND + "m,f,a,b,1e999,,\n", r"t\.csv line 3: needs a model"),
        (HEADER + SOUND + ",f,a,b,0.5,,\n", r"t\.csv line 3: needs a model"),
        (HEADER + SOUND + "m,,a,b,0.5,,\n", r"t\.csv line 3: needs a model"),
        (HEADER + SOUND + "m,f,a\n", r"t\.csv line 3: "),
        (HEADER + SOUND + "m,f,a,b,0.5,x,\n", r"t\.csv line 3: could not convert string to float: 'x'"),
        (HEADER + SOUND + "m,f,a,b,0.5,inf,\n", r"t\.csv line 3: "),
        (HEADER + SOUND + "m,f,a,b,0.5,nan,\n", r"t\.csv line 3: "),
        (HEADER + SOUND + "m,f,a,b,0.5,,three\n", r"t\.csv line 3: invalid literal for int"),
        (HEADER + SOUND + "m,f,a,b,0.5,,99999999999999999999\n", r"t\.csv line 3: "),
        (HEADER + SOUND + "m,f,SST-2,b,0.5,,\n", r"t\.csv line 3: 'SST-2' is not a name"),
        (HEADER + SOUND + "m,f,a,../b,0.5,,\n", r"t\.csv line 3: '\.\./b' is not a name"),
        (HEADER + 'm,f,"a,b,0.5\n', r"t\.csv: not a readable table"),
    ],
)
def test_a_fault_is_reported_with_its_line(tmp_path: Path, body: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as error:
        read_transfers(csv_file(tmp_path / "t.csv", body))

    assert error.value.exit_code == 2


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv: not a readable table"):
        read_transfers(csv_file(tmp_path / "t.csv", HEADER.encode() + b"\xe9"))


def test_the_published_measurements_are_read(data: Path) -> None:
    records = read_transfers(data / "taskweb" / "transfer.csv")

    assert len({record.target for record in records}) == 11
    assert len({(record.model, record.adaptation) for record in records}) == 9


def test_measurements_are_listed_best_first_within_a_target(registry: Registry) -> None:
    worse, other = replace(RECORD, source="rte", score_mean=0.5), replace(RECORD, target="boolq")

    assert registry.add_transfers([worse, RECORD, other]) == 3

    assert registry.transfers() == [other, RECORD, worse]
    assert registry.transfers("cb") == [RECORD, worse]
    assert registry.transfers("rte") == []


def test_a_newer_measurement_replaces_an_older_one(registry: Registry) -> None:
    registry.add_transfers([RECORD])
    newer = replace(RECORD, score_mean=0.9, score_std=None, seeds=5)

    registry.add_transfers([newer])

    assert registry.transfers() == [newer]


def test_the_same_pair_measured_in_another_way_is_another_measurement(registry: Registry) -> None:
    lora = replace(RECORD, adaptation="lora")

    registry.add_transfers([RECORD, lora])

    assert registry.transfers() == [RECORD, lora]


def test_measurements_are_kept_all_or_none(registry: Registry) -> None:
    def broken_off() -> Iterator[TransferRecord]:
        yield RECORD
        raise InputError("the source broke off")

    with pytest.raises(InputError, match="the source broke off"):
        registry.add_transfers(broken_off())

    assert registry.transfers() == []
