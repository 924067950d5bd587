"""Measured transfers: read from CSV, kept, looked up."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from registry import Registry
from registry.catalog import TransferRecord
from registry.errors import DataError, InputError
from registry.formats.transfers import read_transfers, write_transfers

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


# -- out again ---------------------------------------------------------------------------------------


def test_what_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    records = [RECORD, TransferRecord("gpt2", "lora", "cb", "org/rte", 1 / 3, None, None)]

    assert write_transfers(tmp_path / "t.csv", records) == 2

    assert read_transfers(tmp_path / "t.csv") == sorted(records, key=lambda record: record.model)


def test_an_export_that_is_imported_elsewhere_is_exported_byte_by_byte(tmp_path: Path, registry: Registry) -> None:
    registry.add_transfers([RECORD, replace(RECORD, source="rte", score_std=None), replace(RECORD, adaptation="lora")])
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    write_transfers(first, registry.transfers())
    with Registry.create(tmp_path / "other") as other:
        other.add_transfers(reversed(read_transfers(first)))

        write_transfers(second, other.transfers())

    assert second.read_bytes() == first.read_bytes()


def test_the_published_measurements_come_out_as_they_came_in(tmp_path: Path, registry: Registry, data: Path) -> None:
    published = data / "taskweb" / "transfer.csv"
    registry.add_transfers(read_transfers(published))

    write_transfers(tmp_path / "t.csv", registry.transfers())

    assert (tmp_path / "t.csv").read_bytes() == published.read_bytes()


# -- as typed ----------------------------------------------------------------------------------------


def run(registry: Registry, *arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli.main, ["--registry", str(registry.folder), "transfer", *map(str, arguments)])
    return result.exit_code, result.stdout + result.stderr


MEASURED = ("--model", "t5-small", "--adaptation", "fine-tuning", "--target", "cb", "--source", "mnli")


def test_a_measurement_is_recorded_and_exported(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "t.csv"

    told = run(registry, "record", *MEASURED, "--score", "0.85", "--std", "0.01", "--seeds", "3")

    assert told == (0, "Kept: mnli to cb in t5-small/fine-tuning, 0.85\n")
    assert registry.transfers() == [RECORD]
    assert run(registry, "export", path) == (0, f"1 transfers written to {path}\n")
    assert path.read_bytes() == (HEADER + SOUND).replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (("--score", "nan"), "Error: needs a model, an adaptation and a score_mean that is a number.\n"),
        (("--score", "0.5", "--std", "-1"), "Error: score_std is not a finite number from 0.\n"),
        (("--score", "0.5", "--seeds", "0"), "Error: seeds is not a number of runs.\n"),
        (("--score", "0.5", "--source", "SST-2"), "Error: 'SST-2' is not a name"),
    ],
)
def test_a_wrong_measurement_is_refused_in_one_line(registry: Registry, wrong: tuple[str, ...], problem: str) -> None:
    code, text = run(registry, "record", *MEASURED, *wrong)

    assert code == 2
    assert text.startswith(problem)
    assert text.count("\n") == 1
    assert registry.transfers() == []


@pytest.mark.parametrize("change", [{"score_mean": -1e300}, {"score_std": 1e300}, {"score_mean": 1.1e9}])
def test_numbers_that_no_score_has_are_refused_at_every_door(
    registry: Registry, tmp_path: Path, change: dict[str, float]
) -> None:
    odd = replace(RECORD, **change)
    path = csv_file(tmp_path / "t.csv", f"{HEADER}a,b,c,d,{odd.score_mean},{odd.score_std},3\n")

    with pytest.raises(DataError, match=r"t.csv line 2: a score, and its deviation, is at most 1e\+09 in size"):
        read_transfers(path)
    with pytest.raises(InputError, match="is at most"):
        registry.add_transfers([RECORD, odd])

    assert registry.transfers() == []
