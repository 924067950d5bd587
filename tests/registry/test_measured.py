"""What was measured on one target: the table, its verdict and its chart, beside the model without a source."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import stdev

import pytest
from tiny_cli import told

from registry import Registry
from registry.data.transfers import TransferRecord
from registry.sources.measured import transfer_curve

pytest.importorskip("matplotlib")


def measured(registry: Registry, *rows: tuple[str, float, float | None, int | None], run: str = "") -> None:
    registry.add_transfers(
        TransferRecord("bert", "full", "film", source, score, std, seeds, run) for source, score, std, seeds in rows
    )


@pytest.fixture
def measurements(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "measured") as made:
        measured(made, ("film", 0.80, 0.01, 3), ("shop", 0.85, 0.02, 3), ("news", 0.81, 0.02, 3), ("spam", 0.7, 0.0, 3))
        yield made


def test_sources_are_held_against_the_model_without_one(measurements: Registry) -> None:
    curve = transfer_curve(measurements.catalog, "FILM")

    assert [(row.source, row.score, row.spread, row.is_base) for row in curve] == [
        ("shop", 0.85, 0.02, False),
        ("news", 0.81, 0.02, False),
        ("film", 0.80, 0.01, True),
        ("spam", 0.70, 0.0, False),
    ]
    assert [row.gain for row in curve] == [pytest.approx(0.05), pytest.approx(0.01), None, pytest.approx(-0.1)]
    assert curve.verdict() == "2 of 3 sources are better than none, 1 of them by more than both spread over seeds."


def test_runs_of_one_source_are_averaged_and_their_spread_is_that_of_all_seeds(measurements: Registry) -> None:
    measured(measurements, ("shop", 0.91, 0.04, 6), run="2")
    measured(measurements, ("film", 0.86, None, None), run="2")

    shop, film, *_ = transfer_curve(measurements.catalog, "film")

    assert (shop.source, shop.seeds, shop.runs) == ("shop", 9, 2)
    assert shop.score == pytest.approx((3 * 0.85 + 6 * 0.91) / 9)
    inside = 2 * 0.02**2 + 5 * 0.04**2
    between = 3 * (0.85 - 0.89) ** 2 + 6 * (0.91 - 0.89) ** 2
    assert shop.spread == pytest.approx(((inside + between) / 8) ** 0.5)
    assert (film.seeds, film.runs) == (None, 2)


def test_runs_of_one_seed_spread_as_the_seeds_of_one_run_do(measurements: Registry) -> None:
    scores = (0.5, 0.56, 0.7)
    for number, score in enumerate(scores):
        measured(measurements, ("bank", score, None, None), run=f"{number}")

    (bank,) = (row for row in transfer_curve(measurements.catalog, "film") if row.source == "bank")

    assert bank.spread == pytest.approx(stdev(scores))


def test_the_chart_has_a_row_for_each_and_a_line_at_the_model_without_a_source(
    measurements: Registry, tmp_path: Path
) -> None:
    picture = transfer_curve(measurements.catalog, "film").plot()

    axes = picture.figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["shop", "news", "without a source", "spam"]
    assert axes.collections[-1].get_offsets()[:, 0].tolist() == pytest.approx([0.85, 0.81, 0.80, 0.70])
    segments = axes.collections[0].get_segments()
    assert [list(map(float, segment[:, 0])) for segment in segments] == [
        pytest.approx(ends) for ends in ((0.83, 0.87), (0.79, 0.83), (0.79, 0.81), (0.70, 0.70))
    ]
    assert [line.get_xdata()[0] for line in axes.lines] == [0.80]
    for ending in ("png", "svg", "pdf"):
        picture.save(tmp_path / f"measured.{ending}")
        assert (tmp_path / f"measured.{ending}").stat().st_size > 5_000


def test_of_many_sources_it_is_said_how_many_are_drawn(measurements: Registry) -> None:
    measured(measurements, *((f"s{number:02}", 0.5 + number / 1000, None, None) for number in range(70)))

    figure = transfer_curve(measurements.catalog, "film").plot().figure

    assert len(figure.axes[0].get_yticklabels()) == 60
    assert figure.get_supxlabel().endswith("The best 60 of 74 are drawn.")


def test_without_the_model_alone_it_is_said_how_that_is_recorded(measurements: Registry) -> None:
    measurements.add_transfers([TransferRecord("bert", "full", "mail", "shop", 0.5)])

    curve = transfer_curve(measurements.catalog, "mail")

    assert [row.gain for row in curve] == [None]
    assert curve.verdict() == (
        "What the model reaches without a source is not recorded: "
        "'fute transfer record --target mail --source mail ...'."
    )
    assert len(curve.plot().figure.axes[0].lines) == 0


def test_the_command_shows_and_draws_it(measurements: Registry, tmp_path: Path) -> None:
    show = ("--registry", str(measurements.folder), "transfer", "show")
    code, text = told(*show, "film", "--plot", str(tmp_path / "film.svg"))

    assert code == 0
    assert "without a source" in text
    assert "2 of 3 sources are better than none" in text
    assert (tmp_path / "film.svg").read_text().count("</svg>") == 1
    assert json.loads(told(*show, "film", "--json")[1])["sources"][0]["gain"] == pytest.approx(0.05)
    measurements.add_transfers([TransferRecord("t5", "lora", "film", "shop", 0.5)])
    assert told(*show, "film") == (
        2,
        "Error: 'film' was measured in bert/full, t5/lora: name one of them with --setting.\n",
    )
    assert told(*show, "film", "--setting", "x/y")[1] == (
        "Error: 'film' was not measured in 'x/y', but in bert/full, t5/lora.\n"
    )
    assert told(*show, "film", "--setting", "t5/lora", "--csv")[1].splitlines()[1].startswith("shop,0.5,")
    assert told(*show, "nothing")[0] == 2
