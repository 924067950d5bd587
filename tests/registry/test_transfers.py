"""Measured transfers: read from CSV, kept, looked up."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import cli
from registry import Registry
from registry.catalog.tables import Transfer
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.data.transfers import TransferRecord, checked_transfer
from registry.errors import DataError, InputError
from registry.formats.transfers import read_transfers, write_transfers
from registry.sources.history import Measurement, mean_score, setting_of, standardised

HEADER = "model,adaptation,target,source,score_mean,score_std,seeds\n"
SOUND = "t5-small,fine-tuning,cb,mnli,0.85,0.01,3\n"
RECORD = TransferRecord("t5-small", "fine-tuning", "cb", "mnli", 0.85, 0.01, 3)


def csv_file(path: Path, body: str | bytes) -> Path:
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def test_measurements_are_read_with_and_without_deviation_and_seeds(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "t.csv", "\ufeff" + HEADER + SOUND + "gpt2,lora,cb,org/rte,7.5e-1,,\r\n")

    assert read_transfers(path) == [RECORD, TransferRecord("gpt2", "lora", "cb", "org/rte", 0.75, None, None)]


def test_a_file_may_name_the_run_of_each_row(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "t.csv", f"run,{HEADER}august,{SOUND},{SOUND}")

    assert read_transfers(path) == [replace(RECORD, run="august"), RECORD]
    assert read_transfers(path, run="2") == [replace(RECORD, run="august"), replace(RECORD, run="2")]


def test_the_columns_may_stand_in_any_order_and_others_are_ignored(tmp_path: Path) -> None:
    body = "source,score_mean,note,model,target,adaptation\nmnli,0.85,x,t5-small,cb,fine-tuning\n"

    assert read_transfers(csv_file(tmp_path / "t.csv", body)) == [replace(RECORD, score_std=None, seeds=None)]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", r"t\.csv: has no column 'model'"),
        ("model,target,source,score_mean\n", r"t\.csv: has no column 'adaptation'"),
        (HEADER, r"t\.csv: holds no measurements"),
        (HEADER + SOUND + "m,f,a,b,high,,\n", r"t\.csv line 3: has no finite number in 'score_mean'"),
        (HEADER + SOUND + "\nm,f,a,b,,,\n", r"t\.csv line 4: needs a model, an adaptation and a score_mean"),
        (HEADER + SOUND + "m,f,a,b,nan,,\n", r"t\.csv line 3: has no finite number in 'score_mean'"),
        (HEADER + SOUND + "m,f,a,b,1e999,,\n", r"t\.csv line 3: has no finite number in 'score_mean'"),
        (HEADER + SOUND + ",f,a,b,0.5,,\n", r"t\.csv line 3: needs a model"),
        (HEADER + SOUND + "m,,a,b,0.5,,\n", r"t\.csv line 3: needs a model"),
        (HEADER + SOUND + "m,f,a\n", r"t\.csv line 3: "),
        (HEADER + SOUND + "m,f,a,b,0.5,x,\n", r"t\.csv line 3: has no finite number in 'score_std'"),
        (HEADER + SOUND + "m,f,a,b,0.5,inf,\n", r"t\.csv line 3: "),
        (HEADER + SOUND + "m,f,a,b,0.5,nan,\n", r"t\.csv line 3: "),
        (HEADER + SOUND + "m,f,a,b,0.5,,three\n", r"t\.csv line 3: has no finite number in 'seeds'"),
        (HEADER + SOUND + "m,f,a,b,0.5,,99999999999999999999\n", r"t\.csv line 3: "),
        (HEADER + SOUND + "m,f,SST 2,b,0.5,,\n", r"t\.csv line 3: the target 'SST 2' is not a name"),
        (HEADER + SOUND + "m,f,a,b,0.5,,2.5\n", r"t\.csv line 3: seeds is not a number of runs"),
        (HEADER + SOUND + "m,f,a,b,0.5,,1_0\n", r"t\.csv line 3: has no finite number in 'seeds'"),
        (
            HEADER + SOUND + "m,f,a,,0.5,,\n",
            r"line 3: the source is empty \(without a source, it is the target itself\)",
        ),
        (HEADER + SOUND + "m,f,,b,0.5,,\n", r"t\.csv line 3: the target is empty\."),
        (HEADER + SOUND + "m,f,a,../b,0.5,,\n", r"t\.csv line 3: the source '\.\./b' is not a name"),
        (HEADER + 'm,f,"a,b,0.5\n', r"t\.csv line 2: not a readable table"),
        (HEADER + SOUND + "m,f,a,b,0,85,0,01,3\n", r"t\.csv line 3: has more cells than the first line"),
        ("score_mean," + HEADER + "0.1," + SOUND, r"t\.csv: names a column twice: score_mean, model, "),
        (HEADER + f"{'m' * 129},f,a,b,0.5,,\n", r"t\.csv line 2: model is longer than 128 characters\."),
        (HEADER + "m,f\x1b[2J,a,b,0.5,,\n", r"t\.csv line 2: adaptation 'f\\x1b\[2J' holds a control character\."),
        ("run," + HEADER + f"{'r' * 129}," + SOUND, r"t\.csv line 2: run is longer than 128 characters\."),
        ("run," + HEADER + f'"a\nb",{SOUND}', r"t\.csv line 3: run 'a\\nb' holds a control character\."),
        ("run," + HEADER + f"a\u2028b,{SOUND}", r"t\.csv line 2: run 'a\\u2028b' holds a control character\."),
    ],
)
def test_a_fault_is_reported_with_its_line(tmp_path: Path, body: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as error:
        read_transfers(csv_file(tmp_path / "t.csv", body))

    assert error.value.exit_code == 2


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv: not UTF-8 at byte 58\."):
        read_transfers(csv_file(tmp_path / "t.csv", HEADER.encode() + b"\xe9"))


def test_a_run_for_all_rows_is_checked_like_those_in_the_file(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "t.csv", HEADER + SOUND)

    with pytest.raises(InputError, match=r"^run is longer than 128 characters\.$"):
        read_transfers(path, run="r" * 129)
    with pytest.raises(InputError, match=r"^run '\\x00' holds a control character\.$"):
        read_transfers(path, run="\0")


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


@pytest.mark.parametrize("run", ["", "august"])
def test_the_same_run_measured_anew_takes_the_place_of_what_was_there(registry: Registry, run: str) -> None:
    registry.add_transfers([replace(RECORD, run=run)])
    newer = replace(RECORD, score_mean=0.9, score_std=None, seeds=5, run=run)

    registry.add_transfers([newer])

    assert registry.transfers() == [newer]


def test_another_run_of_the_same_pair_stands_beside_the_first(registry: Registry) -> None:
    second, third = replace(RECORD, run="2"), replace(RECORD, run="august", score_mean=0.9)

    registry.add_transfers([second, RECORD])
    registry.add_transfers([third])

    assert registry.transfers() == [third, RECORD, second]


def test_the_last_of_rows_that_name_the_same_run_counts(registry: Registry) -> None:
    assert registry.add_transfers([RECORD, replace(RECORD, score_mean=0.1)]) == 2

    assert registry.transfers() == [replace(RECORD, score_mean=0.1)]


def test_one_more_run_gets_the_first_free_number(registry: Registry) -> None:
    registry.add_transfers([replace(RECORD, run=run) for run in ("3", "august")])
    registry.add_transfers([replace(RECORD, source="rte", run="2")])

    kept = [registry.catalog.transfers.add(replace(RECORD, run="not this")).run for _ in range(3)]

    assert kept == ["", "2", "4"]
    assert [record.run for record in registry.transfers()] == ["", "2", "3", "4", "august", "2"]


def test_runs_that_are_recorded_at_the_same_time_are_all_kept(registry: Registry) -> None:
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(registry.catalog.transfers.add, [RECORD] * 8))

    assert sorted(record.run for record in kept) == ["", "2", "3", "4", "5", "6", "7", "8"]
    assert len(registry.transfers()) == 8


def test_one_measurement_may_take_the_place_of_a_run(registry: Registry) -> None:
    registry.add_transfers([RECORD, replace(RECORD, run="2")])
    newer = replace(RECORD, score_mean=0.9, run="2")

    assert registry.catalog.transfers.add(newer, anew=False) == newer

    assert registry.transfers() == [newer, RECORD]


def test_a_measurement_knows_when_it_was_recorded(registry: Registry) -> None:
    before = datetime.now(UTC)

    registry.add_transfers([RECORD])

    recorded_at = registry.transfers()[0].recorded_at
    assert recorded_at is not None
    assert before <= recorded_at <= datetime.now(UTC)


def test_the_same_measurement_again_changes_nothing_and_a_new_one_its_time(registry: Registry) -> None:
    registry.add_transfers([RECORD, replace(RECORD, source="rte")])
    first = [record.recorded_at for record in registry.transfers()]

    registry.add_transfers([RECORD, replace(RECORD, source="rte", seeds=4)])

    mnli, rte = [record.recorded_at for record in registry.transfers()]
    assert mnli == first[0]
    assert rte is not None
    assert first[1] is not None
    assert rte > first[1]


def test_a_time_that_is_told_is_kept(registry: Registry) -> None:
    told = datetime(2025, 8, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    registry.add_transfers([replace(RECORD, recorded_at=told)])

    assert [record.recorded_at for record in registry.transfers()] == [datetime(2025, 8, 1, 10, tzinfo=UTC)]


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


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=8).map(str.strip)
SLASHED = (("google/t5", "lora"), ("google", "t5/lora"))
RECORDS = st.builds(
    TransferRecord,
    NAMES.filter(bool),
    NAMES.filter(bool),
    st.sampled_from(["cb", "rte"]),
    st.sampled_from(["mnli", "org/qqp"]),
    st.floats(-1e9, 1e9).filter(lambda score: not 0 <= score <= 1),  # which may not stand beside percents
    st.none() | st.floats(0, 1e9),
    st.none() | st.integers(1, 2**31 - 1),
    NAMES,
)


def key(record: TransferRecord) -> tuple[str, ...]:
    return record.model, record.adaptation, record.target, record.source, record.run


@given(st.lists(RECORDS, min_size=1, max_size=6, unique_by=key))
def test_whatever_was_measured_is_read_as_it_was_written(records: list[TransferRecord]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")

        assert write_transfers(path, [checked_transfer(record) for record in records]) == len(records)

        assert read_transfers(path) == sorted(records, key=key)


def test_runs_are_written_where_some_measurement_names_its_own(tmp_path: Path) -> None:
    write_transfers(tmp_path / "t.csv", [replace(RECORD, run="2"), RECORD])

    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines == [f"{HEADER.strip()},run", f"{SOUND.strip()},", f"{SOUND.strip()},2"]


def test_an_export_that_is_imported_elsewhere_is_exported_byte_by_byte(tmp_path: Path, registry: Registry) -> None:
    registry.add_transfers([RECORD, replace(RECORD, source="rte", score_std=None), replace(RECORD, adaptation="lora")])
    registry.add_transfers([replace(RECORD, run="2")])
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


def test_a_measurement_that_is_recorded_again_is_kept_beside_the_first(registry: Registry) -> None:
    told = [run(registry, "record", *MEASURED, "--score", score) for score in ("0.85", "0.8", "0.75")]

    assert told == [
        (0, "Kept: mnli to cb in t5-small/fine-tuning, 0.85\n"),
        (0, "Kept: mnli to cb in t5-small/fine-tuning, 0.8 (run 2)\n"),
        (0, "Kept: mnli to cb in t5-small/fine-tuning, 0.75 (run 3)\n"),
    ]
    assert [(r.score_mean, r.run) for r in registry.transfers()] == [(0.85, ""), (0.8, "2"), (0.75, "3")]


def test_a_measurement_that_names_its_run_takes_its_place(registry: Registry) -> None:
    run(registry, "record", *MEASURED, "--score", "0.85")
    run(registry, "record", *MEASURED, "--score", "0.8", "--run", "august")

    told = [run(registry, "record", *MEASURED, "--score", "0.9", "--run", name) for name in ("", "august")]

    assert told == [
        (0, "Kept: mnli to cb in t5-small/fine-tuning, 0.9\n"),
        (0, "Kept: mnli to cb in t5-small/fine-tuning, 0.9 (run august)\n"),
    ]
    assert [(r.score_mean, r.run) for r in registry.transfers()] == [(0.9, ""), (0.9, "august")]


def test_a_file_is_imported_as_a_run_as_often_as_one_likes(tmp_path: Path, registry: Registry) -> None:
    path = csv_file(tmp_path / "t.csv", HEADER + SOUND)
    run(registry, "import", path)

    told = [run(registry, "import", path, "--run", "august") for _ in range(2)]

    assert told == [(0, "1 transfers kept\n"), (0, "1 transfers kept\n")]
    assert registry.transfers() == [RECORD, replace(RECORD, run="august")]


def test_the_list_has_a_column_of_runs_where_one_has_a_name(registry: Registry) -> None:
    registry.add_transfers([RECORD])
    _, without = run(registry, "list")
    registry.add_transfers([replace(RECORD, run="august", score_mean=0.5)])

    _, having = run(registry, "list")

    assert [word in without for word in ("seeds", "run", "recorded_at")] == [True, False, False]
    assert [word in having for word in ("seeds", "run", "august", "recorded_at")] == [True, True, True, False]


def test_the_list_as_json_has_each_run_and_when_it_was_recorded(registry: Registry) -> None:
    registry.add_transfers([replace(RECORD, run="2", recorded_at=datetime(2025, 8, 1, tzinfo=UTC))])

    _, text = run(registry, "list", "--json")

    assert json.loads(text)["transfers"] == [
        {
            "model": "t5-small",
            "adaptation": "fine-tuning",
            "target": "cb",
            "source": "mnli",
            "score_mean": 0.85,
            "score_std": 0.01,
            "seeds": 3,
            "run": "2",
            "recorded_at": "2025-08-01T00:00:00+00:00",
        }
    ]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (("--score", "nan"), "Error: needs a model, an adaptation and a score_mean that is a number.\n"),
        (("--score", "0.5", "--std", "-1"), "Error: score_std is not a finite number from 0.\n"),
        (("--score", "0.5", "--seeds", "0"), "Error: seeds is not a number of runs.\n"),
        (("--score", "0.5", "--source", "SST 2"), "Error: the source 'SST 2' is not a name"),
        (("--score", "0.5", "--run", "r" * 129), "Error: run is longer than 128 characters.\n"),
        (("--score", "0.5", "--run", "a\tb"), "Error: run 'a\\tb' holds a control character.\n"),
        (("--score", "0.5", "--run", "\udcff"), "Error: run '\\udcff' holds a control character.\n"),
    ],
)
def test_a_wrong_measurement_is_refused_in_one_line(registry: Registry, wrong: tuple[str, ...], problem: str) -> None:
    code, text = run(registry, "record", *MEASURED, *wrong)

    assert code == 2
    assert text.startswith(problem)
    assert text.count("\n") == 1
    assert registry.transfers() == []


def test_numbers_of_numpy_are_kept_as_numbers(registry: Registry) -> None:
    """SQLite took a count as a data frame gives it for bytes, and memory broke on them."""
    given = TransferRecord("bert", "full", "films", "plots", np.float32(0.5), np.float64(0.25), np.int64(3))  # type: ignore[arg-type]
    whole = TransferRecord("bert", "full", "films", "songs", np.int64(1), None, np.int32(4))  # type: ignore[arg-type]

    registry.add_transfers([given, whole])

    kept = [(one.score_mean, one.score_std, one.seeds) for one in registry.transfers()]
    assert sorted(kept) == [(0.5, 0.25, 3), (1.0, None, 4)]
    assert all(type(one.seeds) is int and type(one.score_mean) is float for one in registry.transfers())


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"score_mean": "0.5"}, "score_mean: a number is needed, and no str"),
        ({"score_mean": None}, "score_mean: a number is needed, and no NoneType"),
        ({"score_std": b"1"}, "score_std: a number is needed, and no bytes"),
        ({"seeds": 2.5}, "seeds: a whole number is needed, and no float"),
        ({"model": 3}, "A model is a text, and no int"),
        ({"target": None}, "A target is a text, and no NoneType"),
    ],
)
def test_what_is_no_number_and_no_name_is_refused_from_python_too(
    registry: Registry, wrong: dict[str, Any], problem: str
) -> None:
    fine = TransferRecord("bert", "full", "films", "plots", 0.5)

    with pytest.raises(InputError, match=problem):
        registry.record_transfer(replace(fine, **wrong))
    with pytest.raises(InputError, match="a TransferRecord is needed, and no tuple"):
        registry.record_transfer(("bert", "full", "films", "plots", 0.5))  # type: ignore[arg-type]


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


# -- learnt from -------------------------------------------------------------------------------------


def mnli_against_rte(*runs: TransferRecord) -> Measurement:
    """Return what runs from `mnli` come to beside one run from `rte` of 0.5."""
    measured = standardised([*runs, TransferRecord("t5-small", "fine-tuning", "cb", "rte", 0.5)])
    assert [one.source for one in measured] == ["mnli", "rte"]
    return measured[0]


def test_runs_weigh_as_much_as_they_have_seeds() -> None:
    runs = [replace(RECORD, score_mean=0.9, seeds=3), replace(RECORD, score_mean=0.5, seeds=None, run="2")]

    assert mean_score(runs) == pytest.approx((3 * 0.9 + 0.5) / 4)
    assert mnli_against_rte(*runs).outcome == pytest.approx(0.8)


def test_one_run_is_its_own_mean_to_the_last_bit() -> None:
    assert mean_score([replace(RECORD, score_mean=0.1, seeds=3)]) == 0.1


def test_the_error_of_several_runs_is_that_of_all_their_seeds() -> None:
    # Means 0.9 and 0.5, weighed 3 to 1: 0.8. One seed's variance is (3 * 0.04 + 1 * 0.08) / 4 = 0.05, the mean of four
    # has a quarter. With rte at 0.5, the sources lie 0.15 from their mean, 0.65.
    runs = [
        replace(RECORD, score_mean=0.9, score_std=0.2, seeds=3),
        replace(RECORD, score_mean=0.5, score_std=0.08**0.5, seeds=1, run="2"),
    ]

    found = mnli_against_rte(*runs)

    assert found.score == pytest.approx(1.0)
    assert found.gain == pytest.approx(15.0)
    assert found.variance == pytest.approx(0.05 / 4 / 0.15**2)


def test_a_run_that_tells_no_deviation_is_taken_to_deviate_like_the_others() -> None:
    # 3 seeds tell a variance of 0.04, the fourth nothing: the mean of four has 0.04 / 4.
    runs = [
        replace(RECORD, score_mean=0.9, score_std=0.2, seeds=3),
        replace(RECORD, score_mean=0.5, score_std=None, seeds=None, run="2"),
    ]

    assert mnli_against_rte(*runs).variance == pytest.approx(0.04 / 4 / 0.15**2)


def test_where_no_run_tells_a_deviation_their_means_do() -> None:
    # 0.9 of 3 seeds and 0.5 of one lie 0.1 and 0.3 from 0.8: one seed's variance is (3 * 0.01 + 1 * 0.09) / (2 - 1).
    runs = [
        replace(RECORD, score_mean=0.9, score_std=None, seeds=3),
        replace(RECORD, score_mean=0.5, score_std=None, seeds=None, run="2"),
    ]

    assert mnli_against_rte(*runs).variance == pytest.approx(0.12 / 4 / 0.15**2)
    assert mnli_against_rte(runs[0]).variance == 0.0


def test_what_is_learnt_does_not_depend_on_the_order_of_runs() -> None:
    runs = [replace(RECORD, score_mean=n / 7, score_std=n / 30, seeds=n, run=str(n)) for n in (1, 2, 3, 4, 5)]

    assert mnli_against_rte(*runs) == mnli_against_rte(*reversed(runs))


def test_a_file_that_measures_a_pair_twice_has_two_runs(tmp_path: Path) -> None:
    rows = "m,lora,x,y,0.1,\nm,lora,x,y,0.2,\nm,lora,x,y,0.3,2\nm,lora,x,y,0.4,a\nm,lora,x,y,0.5,a\n"
    (tmp_path / "twice.csv").write_text(f"model,adaptation,target,source,score_mean,run\n{rows}")

    records = read_transfers(tmp_path / "twice.csv")

    assert [(r.score_mean, r.run) for r in records] == [(0.1, ""), (0.2, "2"), (0.3, "2-2"), (0.4, "a"), (0.5, "a-2")]


# -- tables as others write them -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        HEADER + "bert,full,SST-2,MNLI,71.3,0.5,3.0\n",
        "model, adaptation, target, source, score_mean, score_std, seeds\nbert, full, SST-2, MNLI, 71.3, 0.5, 3\n",
        "model;adaptation;target;source;score_mean;score_std;seeds\n bert;full ;SST-2;MNLI;71,3;0,5;3\n",
        "sep=;\nmodel;adaptation;target;source;score_mean;score_std;seeds\nbert;full;SST-2;MNLI;71.3;0.5;3\n",
    ],
)
def test_a_count_with_a_point_blanks_semicolons_and_capitals_are_read(tmp_path: Path, body: str) -> None:
    assert read_transfers(csv_file(tmp_path / "t.csv", body)) == [
        TransferRecord("bert", "full", "SST-2", "MNLI", 71.3, 0.5, 3)
    ]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            "m,f,cb,a,0.88,,\nm,f,rte,a,88,,\nm,f,cb,b,0,,\nm,f,cb,c,88,,\n",
            "t.csv line 5: score 88 stands beside 0.88 for 'cb' in m/f: write all scores as fractions, or all in "
            "percent.",
        ),
        (  # memory took it for a measurement that tells nothing
            "m,f,cb,a,0.88,0.02,3\nm,f,cb,b,0.56,2.10,3\n",
            "t.csv line 3: score_std 2.1 is more than scores from 0 to 1 with the mean 0.56 can have: write scores and "
            "deviations as fractions, or both in percent.",
        ),
    ],
)
def test_percents_beside_fractions_are_refused_with_the_line(tmp_path: Path, rows: str, told: str) -> None:
    with pytest.raises(DataError) as refused:
        read_transfers(csv_file(tmp_path / "t.csv", HEADER + rows))

    assert str(refused.value).endswith(told)


@pytest.mark.parametrize(
    "rows",
    [
        "m,f,cb,a,0.5,0.70,2\n",  # of 0 and 1, in two runs
        "m,f,cb,a,56,2.10,3\n",
        "m,f,cb,a,0.18,1.20,3\nm,f,rte,a,56,2.10,3\n",  # all in percent: a task that nothing learns
        "m,f,cb,a,-0.30,1.20,3\nm,f,cb,b,0.30,1.20,3\n",  # no fractions
        "m,f,cb,a,1,0.005,3\n",  # rounded
    ],
)
def test_deviations_that_can_be_are_read(tmp_path: Path, rows: str) -> None:
    assert read_transfers(csv_file(tmp_path / "t.csv", HEADER + rows))


def test_one_recorded_deviation_in_percent_is_refused_too(registry: Registry) -> None:
    with pytest.raises(InputError, match=r"score_std 2\.1 is more than scores from 0 to 1"):
        registry.record_transfer(replace(RECORD, score_mean=0.56, score_std=2.1))


def test_a_slash_in_an_adaptation_makes_no_other_setting() -> None:
    """`google/t5` with `lora`, and `google` with `t5/lora`, were averaged."""
    settings = [setting_of(replace(RECORD, model=model, adaptation=how)) for model, how in SLASHED]

    assert settings == ["google/t5/lora", "google/t5%2Flora"]


def test_a_known_outcome_in_another_unit_than_its_like_is_refused_unless_all_are_written_anew(
    registry: Registry,
) -> None:
    other = replace(RECORD, source="rte", score_mean=0.8)
    registry.add_transfers([RECORD, other])

    with pytest.raises(InputError, match=r"score 91 stands beside 0\.8 "):
        registry.add_transfers([replace(RECORD, score_mean=91.0)])
    registry.add_transfers([replace(RECORD, score_mean=91.0), replace(other, score_mean=80.0)])

    assert sorted(record.score_mean for record in registry.catalog.transfers.all()) == [80.0, 91.0]


def test_percents_beside_fractions_that_were_kept_before_are_refused_and_nothing_is_kept(registry: Registry) -> None:
    registry.add_transfers([RECORD])
    percent = replace(RECORD, source="rte", score_mean=88.0)

    with pytest.raises(InputError, match=r"score 88 stands beside 0\.85 .* write all scores as fractions, or all in"):
        registry.add_transfers([replace(RECORD, target="boolq"), percent])
    with pytest.raises(InputError, match=r"score 88 stands beside 0\.85"):
        registry.record_transfer(percent)

    assert registry.transfers() == [RECORD]


def test_names_of_tasks_are_spelled_as_the_registry_spells_them(registry: Registry, sentiment: TaskData) -> None:
    registry.add_task("SST-2", sentiment)
    registry.add_transfers([replace(RECORD, target="sst-2", source="Mnli"), replace(RECORD, target="Sst-2", run="2")])

    assert [(r.target, r.source) for r in registry.transfers("sST-2")] == [("SST-2", "Mnli"), ("SST-2", "Mnli")]

    registry.add_task("MNLI", sentiment)
    assert {r.source for r in registry.transfers()} == {"MNLI"}


@pytest.mark.parametrize("cell", ["1,234", "-12,345,678", "1,000.5"])
def test_a_number_that_may_have_thousands_is_refused(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f'model,adaptation,target,source,score_mean\nm,f,a,b,"{cell}"\n')

    with pytest.raises(DataError, match=r"write 1234 for thousands, 1\.234 for decimals"):
        read_transfers(path)


def test_a_comma_after_a_nought_or_before_other_than_three_digits_is_a_decimal_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('model,adaptation,target,source,score_mean\nm,f,a,b,"0,845"\nm,f,a,c,"0,9"\n')

    assert [record.score_mean for record in read_transfers(path)] == [0.845, 0.9]


def test_points_over_the_mean_source_are_the_same_of_fractions_and_percents() -> None:
    def gains(unit: float) -> list[float]:
        scores = {"b": 0.74, "c": 0.70, "d": 0.66}
        return [
            one.gain for one in standardised([TransferRecord("m", "f", "a", s, unit * x) for s, x in scores.items()])
        ]

    assert gains(1) == pytest.approx([4.0, 0.0, -4.0])
    assert gains(100) == pytest.approx(gains(1))


def test_who_removes_a_task_is_told_of_the_transfers_that_stay(tmp_path: Path) -> None:
    with Registry.create(tmp_path / "store") as registry:
        for name in ("cb", "mnli", "other"):
            registry.add_task(
                name, TaskData("classification", ("x", "y"), (Example(name, "x"), Example(f"no {name}", "y")))
            )
        registry.add_transfers([RECORD])

    def removed(name: str) -> list[str]:
        result = CliRunner().invoke(cli.main, ["--registry", str(tmp_path / "store"), "task", "remove", name, "--yes"])
        assert result.exit_code == 0, result.output
        return result.output.splitlines()

    assert removed("other") == ["removed other"]
    assert removed("mnli") == [
        "removed mnli",
        "transfers that were measured with mnli stay, and count for what is called so: "
        "'fute transfer remove --source mnli' removes them",
    ]


def test_who_registers_a_task_is_told_of_the_transfers_that_its_name_has(tmp_path: Path) -> None:
    with Registry.create(tmp_path / "store") as registry:
        registry.add_transfers([RECORD])
    rows = "text,label\n" + "".join(f"text {number},{'odd' if number % 2 else 'even'}\n" for number in range(8))
    data = csv_file(tmp_path / "rows.csv", rows)

    def told(name: str) -> list[str]:
        arguments = ["--registry", str(tmp_path / "store"), "task", "add", name, "--data", str(data)]
        result = CliRunner().invoke(cli.main, arguments)
        assert result.exit_code == 0, result.output
        return [line for line in result.stderr.splitlines() if "Transfers were measured" in line]

    assert told("other") == []
    assert told("mnli") == [
        "Transfers were measured with what is called mnli, and count for it: if that was other data, "
        "'fute transfer remove --source mnli' removes them"
    ]


def test_a_file_measures_one_task_whatever_the_case_of_its_name(tmp_path: Path) -> None:
    rows = "m,full,CB,rte,0.5,,\nm,full,cb,RTE,0.7,,\nm,full,Cb,mnli,0.6,,\n"

    records = read_transfers(csv_file(tmp_path / "t.csv", HEADER + rows))

    assert [(record.target, record.source, record.run) for record in records] == [
        ("CB", "rte", ""),
        ("CB", "rte", "2"),
        ("CB", "mnli", ""),
    ]
    (*_, last) = read_transfers(tmp_path / "t.csv", names=["cb", "MNLI"])
    assert (last.target, last.source) == ("cb", "MNLI")


def test_percents_beside_fractions_are_found_whatever_the_case_of_the_name(tmp_path: Path) -> None:
    rows = "m,full,CB,rte,0.5,,\nm,full,cb,mnli,70,,\n"

    with pytest.raises(DataError, match=r"score 70 stands beside 0\.5"):
        read_transfers(csv_file(tmp_path / "t.csv", HEADER + rows))


def test_a_measurement_is_one_after_its_task_is_registered_in_another_case(mine: Registry) -> None:
    told = replace(RECORD, target="IMDB", source="Rte")
    mine.add_transfers([told])
    for name in ("imdb", "rte"):
        mine.add_task(name, [{"text": f"{name} {label}", "label": label} for label in ("x", "y")])

    mine.add_transfers([replace(told, score_mean=0.9)])
    assert mine.record_transfer(told).run == "2"
    mine.rename("imdb", "films", "task")

    kept = [record for record in mine.transfers() if record.target == "films"]
    assert sorted((record.source, record.score_mean, record.run) for record in kept) == [
        ("rte", 0.85, "2"),
        ("rte", 0.9, ""),
    ]


def test_a_measurement_that_comes_in_another_case_is_known(mine: Registry, theirs: Registry, tmp_path: Path) -> None:
    told = replace(RECORD, target="IMDB")
    for one in (mine, theirs):
        one.add_transfers([told])
    mine.export_bundle(tmp_path / "bundle")
    theirs.add_task("imdb", [{"text": f"imdb {label}", "label": label} for label in ("x", "y")])

    theirs.import_bundle(tmp_path / "bundle")

    assert [record.target for record in theirs.transfers() if record.source == told.source] == ["imdb"]


def test_what_an_older_release_kept_twice_is_told_before_its_task_is_renamed(mine: Registry) -> None:
    mine.add_task("imdb", [{"text": f"imdb {label}", "label": label} for label in ("x", "y")])
    with mine.catalog.database.write() as session:
        session.add_all(
            Transfer(model="m", adaptation="full", target=name, source="rte", score_mean=0.5, run="")
            for name in ("imdb", "IMDB")
        )

    with pytest.raises(InputError, match="from 'rte' to 'IMDB' in m/full is recorded twice, in two cases of its names"):
        mine.rename("imdb", "films", "task")
