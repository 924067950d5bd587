"""Pictures and pages: where points stand, what is written on them, and that no name does anything."""

import base64
import csv
import hashlib
import html
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from commands.pictures import GROUPS as TYPED_GROUPS
from commands.pictures import LAYOUTS as TYPED_LAYOUTS
from registry import Registry
from registry.errors import InputError
from registry.kinds import EntryKind
from registry.markup import MOST_ROWS
from registry.ranking.matches import Comparison, Match, Ranking
from registry.results import Table
from registry.spaces.spec import SpaceSpec
from registry.views.charts import picture
from registry.views.charts.bars import Measures, drawn
from registry.views.charts.heat import heat
from registry.views.charts.labels import placed
from registry.views.charts.order import clustered
from registry.views.charts.page import Page, built, inert
from registry.views.charts.picture import Picture, shortened, width_of
from registry.views.charts.plane import plane, principal
from registry.views.charts.points import LAYOUTS, Points, laid_out, nearest_of, tied_of
from registry.views.charts.scatter import grouped, scatter
from registry.views.charts.tsne import tsne
from registry.views.points import DRAWN, GROUPS

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection

HOSTILE = ("</script><img src=x onerror=alert(1)>", "<!--<script>", "$\\frac{", "\u2028'\"&amp;", "映画 <b>")


def groups_of_rows(count: int, groups: int = 5, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return unit rows about a few directions, and the direction of each."""
    random = np.random.default_rng(seed)
    which = np.arange(count) % groups
    rows = random.normal(size=(groups, 32))[which] + 0.5 * random.normal(size=(count, 32))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), which


def distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Twelve tasks, six models and six prompted models in five groups, by vectors that were brought in."""
    with Registry.create(tmp_path_factory.mktemp("drawn") / "store") as made:
        made.add_space("mine", SpaceSpec.imported("ours", 32), corpus=None)
        rows, which = groups_of_rows(24)
        kinds = ["task"] * 12 + ["model"] * 6 + ["prompted-model"] * 6
        names = [f"t{i}" for i in range(12)] + [f"m{i}" for i in range(6)] + [f"m0@p{i}" for i in range(6)]
        for group in range(5):
            own = [i for i in range(24) if which[i] == group]
            made.add_vectors([names[i] for i in own], rows[own], kind=[kinds[i] for i in own], tags=[f"group {group}"])
        yield made


# -- where points stand ------------------------------------------------------------------------------


def test_principal_components_are_those_of_the_vectors_less_their_mean() -> None:
    rows, _ = groups_of_rows(20)

    points = principal(rows @ rows.T, 3)

    left, values, _ = np.linalg.svd(rows.astype(np.float64) - rows.mean(axis=0), full_matrices=False)
    assert np.abs(points) == pytest.approx(np.abs(left[:, :3] * values[:3]), abs=1e-5)


def test_a_plane_keeps_distances_better_than_principal_components() -> None:
    rows, _ = groups_of_rows(40)
    similarity = rows @ rows.T
    wanted = np.sqrt(np.maximum(2 - 2 * similarity, 0))

    def stress(points: NDArray[np.float64]) -> float:
        return float(np.square(distances(points) - wanted).sum())

    assert stress(plane(similarity)) < 0.8 * stress(principal(similarity))


def test_t_sne_keeps_neighbours_together_and_is_the_same_each_time() -> None:
    rows, which = groups_of_rows(60)
    similarity = rows @ rows.T

    points, again = (tsne(similarity, principal(similarity)) for _ in range(2))

    apart = distances(points)
    np.fill_diagonal(apart, np.inf)
    assert (which[apart.argmin(axis=1)] == which).mean() > 0.95
    assert np.array_equal(points, again)


@pytest.mark.parametrize("count", [3, 4, 9])
@pytest.mark.parametrize("layout", ["distances", "pca", "tsne"])
def test_few_points_and_equal_ones_can_be_laid_out(layout: str, count: int) -> None:
    for similarity in (np.eye(count, dtype=np.float32), np.ones((count, count), np.float32)):
        points = laid_out(similarity, [layout])[layout]

        assert points.shape == (count, 2)
        assert np.isfinite(points).all()
        assert np.abs(points).max() <= 1 + 1e-9


def test_two_points_are_no_map() -> None:
    with pytest.raises(InputError, match=r"A map needs three vectors, and there are 2\."):
        laid_out(np.eye(2, dtype=np.float32), ["pca"])


def test_umap_is_used_where_it_is_installed_and_else_the_mend_is_told() -> None:
    rows, which = groups_of_rows(40)
    try:
        import umap  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match="pip install umap-learn"):
            laid_out(rows @ rows.T, ["umap"])
        return
    apart = distances(laid_out(rows @ rows.T, ["umap"])["umap"])
    np.fill_diagonal(apart, np.inf)
    assert (which[apart.argmin(axis=1)] == which).mean() > 0.8


def test_what_may_be_typed_is_what_there_is() -> None:
    assert TYPED_LAYOUTS == LAYOUTS
    assert TYPED_GROUPS == GROUPS


def test_the_nearest_are_those_of_the_similarities() -> None:
    rows, _ = groups_of_rows(30)
    similarity = rows @ rows.T

    nearest, likeness = nearest_of(similarity)

    assert nearest.shape == likeness.shape == (30, 10)
    for point in range(30):
        expected = sorted((i for i in range(30) if i != point), key=lambda i, p=point: -similarity[p, i])[:10]
        assert nearest[point].tolist() == expected
        assert likeness[point].tolist() == similarity[point, expected].tolist()


# -- names that do not overlap -----------------------------------------------------------------------


def test_no_name_lies_on_another_nor_on_a_point() -> None:
    points = np.random.default_rng(0).uniform(20, 780, (150, 2))
    sizes = [(40.0 + 3 * (i % 20), 12.0) for i in range(150)]

    labels = placed(points, sizes, (0, 0, 800, 800), radius=5)

    boxes = np.array([[label.x, label.y, label.x + label.width, label.y + label.height] for label in labels])
    assert 60 < len(labels) < 150
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= 800).all()
    for i, (left, lower, right, upper) in enumerate(boxes):
        others = np.delete(boxes, i, axis=0)
        crossing = (others[:, 0] < right) & (others[:, 2] > left) & (others[:, 1] < upper) & (others[:, 3] > lower)
        assert not crossing.any()
        inside = (points[:, 0] > left) & (points[:, 0] < right) & (points[:, 1] > lower) & (points[:, 1] < upper)
        assert not inside.any()


def test_a_lone_point_is_named_to_its_right() -> None:
    (label,) = placed(np.array([[50.0, 50.0]]), [(30.0, 10.0)], (0, 0, 200, 100), radius=5)

    assert (label.point, label.y, label.is_far) == (0, 45.0, False)
    assert 55 <= label.x <= 62


# -- clusters ----------------------------------------------------------------------------------------


def merged_by_hand(similarity: NDArray[np.float32]) -> list[tuple[frozenset[int], float]]:
    """Return what each merge makes, and how far apart its parts were: the nearest two of all, again and again."""
    clusters, made = [frozenset([i]) for i in range(len(similarity))], []
    while len(clusters) > 1:
        apart = {
            (a, b): 1 - float(np.mean([similarity[i, j] for i in a for j in b]))
            for n, a in enumerate(clusters)
            for b in clusters[n + 1 :]
        }
        (one, other), distance = min(apart.items(), key=lambda item: item[1])
        clusters = [own for own in clusters if own not in (one, other)] + [one | other]
        made.append((one | other, distance))
    return made


@pytest.mark.parametrize("seed", range(4))
def test_clusters_are_those_of_average_linkage(seed: int) -> None:
    rows, _ = groups_of_rows(17, seed=seed)
    found = clustered(rows @ rows.T)

    held = [frozenset([i]) for i in range(17)]
    for first, second, _ in found.merges:
        held.append(held[int(first)] | held[int(second)])
    by_hand = merged_by_hand(rows @ rows.T)
    assert [own for own, _ in by_hand] == held[17:]
    assert found.merges[:, 2] == pytest.approx([distance for _, distance in by_hand], abs=1e-5)


def test_what_belongs_together_stands_together() -> None:
    rows, which = groups_of_rows(40)

    order = clustered(rows @ rows.T).order

    assert sorted(order.tolist()) == list(range(40))
    assert (np.diff(which[order]) != 0).sum() == 4


@pytest.mark.parametrize("count", [1, 2])
def test_one_and_two_things_have_an_order(count: int) -> None:
    assert clustered(np.eye(count, dtype=np.float32)).order.tolist() == list(range(count))


# -- pages -------------------------------------------------------------------------------------------


def hostile_points() -> Points:
    rows, _ = groups_of_rows(len(HOSTILE))
    similarity = rows @ rows.T
    nearest, likeness = nearest_of(similarity)
    shapes = ("task", "model", "prompted-model", "task", "task")
    places = laid_out(similarity, ["pca"])
    alike = np.ones(nearest.shape, np.int8)
    return Points(HOSTILE[0], HOSTILE, shapes, {"kind": HOSTILE[::-1]}, places, nearest, likeness, alike, HOSTILE[1])


def data_of(page: Page) -> Any:  # noqa: ANN401 - JSON
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.text, re.DOTALL)
    return json.loads(text)


def test_a_page_holds_what_it_shows_and_fetches_nothing(registry: Registry, tmp_path: Path) -> None:
    registry.draw_map(tmp_path / "map.html")
    page = Page((tmp_path / "map.html").read_text(encoding="utf-8"))

    data = data_of(page)
    assert sorted(data["names"]) == sorted(registry.similarities().vectors.names)
    assert [layout["name"] for layout in data["layouts"]] == ["distances", "pca", "tsne"]
    assert {tuple(group["words"]) for name, group in data["groups"].items() if name == "kind"} == {
        ("task", "model", "prompted-model")
    }
    assert set(data["groups"]["tag"]["words"]) == {f"group {i}" for i in range(5)}
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", page.text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not a place
    assert not re.search(r"\b(?:src|href)=|@import|url\(|fetch\(|XMLHttpRequest", page.text)


@pytest.mark.parametrize("kind", ["map", "heat"])
def test_the_browser_may_run_the_page_s_own_script_alone(registry: Registry, kind: str) -> None:
    page = registry.map().page() if kind == "map" else registry.heatmap().page()

    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page.text)
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    for text, rule in ((script, "script-src"), (style, "style-src")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_no_name_on_a_page_is_markup() -> None:
    page = built("map", HOSTILE[0], {"names": HOSTILE, "note": HOSTILE[1]})

    assert data_of(page)["names"] == list(HOSTILE)
    assert "<img" not in page.text
    assert page.text.count("<script") == 2
    assert f"<title>{html.escape(HOSTILE[0])}</title>" in page.text
    assert re.search(r"[<>&\u2028]", inert(list(HOSTILE))) is None


def test_a_notebook_shows_a_page_in_a_frame_of_its_own(registry: Registry) -> None:
    shown = registry.map()._repr_html_()

    (inner,) = re.findall(r'srcdoc="([^"]*)"', shown)
    assert shown.startswith('<iframe sandbox="allow-scripts"')
    assert html.unescape(inner) == registry.map().page().text


def test_a_heatmap_s_page_has_the_similarities_to_a_hundredth(registry: Registry) -> None:
    data = data_of(registry.heatmap().page())

    cells = np.frombuffer(base64.b64decode(data["cells"]), np.int8).reshape(24, 24) / 100
    vectors, matrix = registry.similarities()
    assert data["names"] == list(vectors.names)
    assert cells == pytest.approx(matrix, abs=0.0051)
    assert sorted(data["order"]) == list(range(24))
    assert len(data["merges"]) == 23


# -- pictures and points -----------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_heatmap_and_a_ranking_are_pictures(registry: Registry, tmp_path: Path, ending: str, start: bytes) -> None:
    registry.heatmap().save(tmp_path / f"heat.{ending}")
    registry.nearest("t0").plot().save(tmp_path / f"near.{ending}")

    assert (tmp_path / f"heat.{ending}").read_bytes().startswith(start)
    assert (tmp_path / f"near.{ending}").read_bytes().startswith(start)


def test_the_same_map_has_the_same_bytes(registry: Registry, tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg", "one.html", "two.html"):
        registry.map().save(tmp_path / name)

    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    one, two = ((tmp_path / name).read_text() for name in ("one.svg", "two.svg"))
    assert re.sub(r"[mp][0-9a-f]{10}", "", one) == re.sub(r"[mp][0-9a-f]{10}", "", two)  # names of its parts


def test_every_text_is_drawn_as_it_stands(tmp_path: Path) -> None:
    """A dollar sign begins no formula, and letters that no font has stop nothing and warn of nothing."""
    scatter(hostile_points()).save(tmp_path / "map.svg")
    drawn(Measures(HOSTILE[2], HOSTILE[2], HOSTILE, [0.1, 0.2, 0.3, 0.4, 0.5])).save(tmp_path / "bars.svg")

    assert "<img" not in (tmp_path / "map.svg").read_text(encoding="utf-8")
    assert (tmp_path / "bars.svg").stat().st_size > 1000


@pytest.fixture
def one_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that has the one font that comes with matplotlib, which has no letters of Thai or Chinese."""
    monkeypatch.setattr(picture, "FONTS", picture.FONTS[:1])
    picture.fonts.cache_clear()
    yield
    picture.fonts.cache_clear()


THAI = "ความรู้สึก"
LONG = ("日" * 100, "W" * 60, "x" * 128, THAI * 9)


def heat_of(names: tuple[str, ...]) -> Picture:
    similarity = np.eye(len(names), dtype=np.float32)
    return heat("title", names, similarity, clustered(similarity))


def ranking_of(names: tuple[str, ...]) -> Picture:
    return drawn(Measures("title", "axis", names, [0.5] * len(names)))


def map_of(names: tuple[str, ...]) -> Picture:
    similarity = np.eye(len(names), dtype=np.float32)
    nearest, likeness = nearest_of(similarity)
    kinds, alike = ("task",) * len(names), np.zeros(nearest.shape, np.int8)
    places = laid_out(similarity, ["distances"])
    return scatter(Points("title", names, kinds, {"kind": kinds}, places, nearest, likeness, alike))


@pytest.mark.usefixtures("one_font")
@pytest.mark.parametrize("draw", [heat_of, ranking_of, map_of])
def test_letters_that_no_font_has_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, draw: Callable[[tuple[str, ...]], Picture]
) -> None:
    draw(("plain", "Ελληνικά", "日本", THAI)).save(tmp_path / "picture.png")

    assert caplog.messages == [
        f"no font of this machine has the letters of {THAI!r} (texts with such letters: 2), which are drawn as boxes: "
        "install Noto Sans CJK or Unifont; a page (map and heatmap as FILE.html) takes the reader's fonts."
    ]


@pytest.mark.usefixtures("one_font")
@pytest.mark.parametrize("draw", [heat_of, ranking_of, map_of])
def test_letters_that_a_font_has_are_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, draw: Callable[[tuple[str, ...]], Picture]
) -> None:
    draw(("plain", "Ελληνικά", "ניתוח")).save(tmp_path / "picture.png")

    assert caplog.messages == []


@pytest.mark.parametrize("count", [4, 30, 90])
def test_no_name_of_a_heatmap_runs_over_its_scale_or_off_its_edge(count: int) -> None:
    figure = heat_of((*LONG, *(f"t{i}" for i in range(count - 4)))).figure

    with picture.plain(figure):
        renderer = FigureCanvasAgg(figure).get_renderer()
        axes, _, scale = figure.axes
        boxes = [text.get_window_extent(renderer) for text in (*axes.get_xticklabels(), *axes.get_yticklabels())]
        below, beside = boxes[:count], boxes[count:]

    assert min(box.x0 for box in boxes) >= 0
    assert min(box.y0 for box in below) >= 0
    assert max(box.x1 for box in beside) < scale.get_window_extent(renderer).x0


def test_a_line_is_cut_by_its_width() -> None:
    narrow, wide = shortened("i" * 100, 1.0, 8.5), shortened("W" * 100, 1.0, 8.5)

    assert (narrow, wide) == ("i" * (len(narrow) - 4) + " ...", "W" * (len(wide) - 4) + " ...")
    assert len(narrow) > 2 * len(wide)
    assert 0.8 < width_of(wide, 8.5) <= 1.0
    assert shortened("i" * 20, 1.0, 8.5) == "i" * 20


def test_colours_go_to_the_most_frequent_and_the_rest_share_one() -> None:
    words = ("", *(f"w{i:02d}" for i in range(14) for _ in range(20 - i)))

    colours = grouped(words)

    first = [colours[f"w{i:02d}"] for i in range(9)]
    assert len(set(first)) == 9
    assert {colours[f"w{i:02d}"] for i in range(9, 14)} == {colours[""]}


def test_a_ranking_is_drawn_row_by_row() -> None:
    facets = {"inputs": 0.5, "map": 0.1}
    matches = [
        Match(1, "a", EntryKind.TASK, 0.7, facets, deviation=0.1, alike=True),
        Match(2, "b", EntryKind.TASK, -0.2, facets),
    ]

    axes = Ranking(matches, query="q", space="s").plot().figure.axes[0]

    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    assert [bar.get_width() for bar in axes.patches] == [0.7, -0.2]
    first, second = (line for own in axes.collections for line in own.get_segments())
    assert first[:, 0].tolist() == pytest.approx([0.7 - 2.13 * 0.1, 0.7 + 2.13 * 0.1], abs=0.15)
    assert second[0, 0] == second[1, 0] == -0.2
    assert "orange: more than unrelated entries are" in axes.get_xlabel()


def test_a_map_s_points_are_a_table(registry: Registry, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    space_map = registry.map(layout="pca")
    space_map.save(tmp_path / "points.csv")
    space_map.save(tmp_path / "points.parquet")

    frame = space_map.to_pandas()
    with (tmp_path / "points.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(frame.columns) == ["name", "kind", "family", "model", "tag", "x", "y", "nearest", "similarity", "alike"]
    assert [row["name"] for row in rows] == frame["name"].tolist()
    assert [float(row["x"]) for row in rows] == frame["x"].tolist()
    pandas.testing.assert_frame_equal(pandas.read_parquet(tmp_path / "points.parquet"), frame)
    by_name = frame.set_index("name")
    assert by_name.loc["m0@p1", ["kind", "family", "model"]].tolist() == ["prompted-model", "vector alone", "m0"]
    assert by_name.loc["m0", "model"] == "m0"
    near = registry.nearest("t0", limit=1)[0]
    assert by_name.loc["t0", "nearest"] == near.name
    assert by_name.loc["t0", "similarity"] == pytest.approx(near.similarity, abs=1e-5)


def test_a_map_ties_what_nearest_calls_alike_and_nothing_else(tmp_path: Path) -> None:
    rows = groups_of_rows(17, groups=4)[0]
    rows[16] = groups_of_rows(1, seed=9)[0]  # unlike all others
    names, kinds = [f"n{i}" for i in range(17)], ["task"] * 13 + ["model"] * 4
    with Registry.create(tmp_path / "some") as some:
        some.add_space("mine", SpaceSpec.imported("ours", 32), corpus=None)
        some.add_vectors(names, rows, kind=kinds)
        first = {name: some.nearest(name, limit=1)[0] for name in names}
        told = some.map().to_pandas().to_dict("records")
        points = some.map().points()
    lines = scatter(points).figure.axes[0].collections[0]

    assert [(row["name"], row["nearest"], row["alike"]) for row in told] == [
        (name, match.name, match.alike) for name, match in first.items()
    ]
    tied = [name for name, match in first.items() if match.alike]
    assert "n16" not in tied
    assert len(tied) > 8
    assert {points.names[i]: points.names[j] for i, j in points.ties.items()} == {
        name: first[name].name for name in tied
    }
    assert isinstance(lines, LineCollection)
    assert len(lines.get_segments()) == len(tied)


def test_where_nobody_can_tell_what_is_alike_each_is_tied(tmp_path: Path) -> None:
    with Registry.create(tmp_path / "few") as few:
        few.add_space("mine", SpaceSpec.imported("ours", 32), corpus=None)
        few.add_vectors(["a", "b", "c"], groups_of_rows(3)[0], kind="task")

        assert [row["alike"] for row in few.map().to_pandas().to_dict("records")] == [None] * 3
        assert list(few.map().points().ties) == [0, 1, 2]


def test_a_line_passes_over_what_is_not_alike() -> None:
    nearest = np.array([[1, 2], [2, 0], [0, 1]])

    assert tied_of(nearest, np.array([[0, 1], [1, 0], [0, 0]], np.int8)) == {0: 2, 1: 2}
    assert tied_of(nearest, np.array([[-1, 1], [0, -1], [0, 0]], np.int8)) == {0: 1, 1: 0}


def test_the_projector_gets_vectors_as_near_as_the_similarities(registry: Registry, tmp_path: Path) -> None:
    registry.map().save(tmp_path / "all.tsv")

    rows = np.loadtxt(tmp_path / "all.tsv", delimiter="\t")
    header, *lines = (tmp_path / "all-metadata.tsv").read_text(encoding="utf-8").splitlines()
    vectors, matrix = registry.similarities()
    assert header.split("\t")[:2] == ["name", "kind"]
    assert [line.split("\t")[0] for line in lines] == list(vectors.names)
    squares = np.square(rows[:, None, :] - rows[None, :, :]).sum(axis=2)
    assert squares == pytest.approx(2 - 2 * matrix, abs=1e-3)


def test_a_map_of_too_many_entries_says_that_it_is_a_sample(tmp_path: Path) -> None:
    with Registry.create(tmp_path / "store") as registry:
        registry.add_space("many", SpaceSpec.imported("ours", 8), corpus=None)
        count = DRAWN + 5
        registry.add_vectors([f"t{i}" for i in range(count)], np.random.default_rng(0).normal(size=(count, 8)))

        points = registry.map(layout="pca").points()
        heatmap = registry.heatmap()

    assert (len(points.names), points.note) == (DRAWN, f"A sample of 1,000 of the {count:,} entries is drawn.")
    assert heatmap.title.startswith(f"How alike are a sample of 1,000 of {count:,} entries")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "ring"}, "No layout 'ring': there are distances, pca, tsne, umap."),
        ({"colour_by": "mood"}, "A map is not coloured by 'mood', but by kind, family, model, tag."),
    ],
)
def test_a_map_that_there_is_not_is_refused(registry: Registry, options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        registry.map(**options)


# -- a notebook --------------------------------------------------------------------------------------


def test_a_notebook_shows_a_registry_with_its_spaces(registry: Registry) -> None:
    shown = registry._repr_html_()

    assert "12 tasks, 6 models, 6 prompted models" in shown
    assert ">mine<" in shown
    assert ">24<" in shown


def test_a_notebook_draws_similarities_as_bars_and_says_the_verdict() -> None:
    match = Match(1, "<b>", EntryKind.TASK, -0.25, {"inputs": 0.5, "map": 0.001})
    ranking = Ranking([match], query="q", space="s")
    ranking.notes = ("<i>note",)

    shown = ranking._repr_html_()

    assert '-0.250<i class="m" style="width:calc(0.250*' in shown
    assert '0.500<i style="width:calc(0.500*' in shown
    assert '<td class="n b">0.001</td>' in shown  # too little to be seen
    assert "&lt;i&gt;note" in shown
    assert "&lt;b&gt;" in shown


def test_a_notebook_shows_the_first_rows_of_many() -> None:
    rows = [Match(i, f"n{i}", EntryKind.TASK, 0.5, {}) for i in range(MOST_ROWS + 7)]

    shown = Table(rows)._repr_html_()

    assert shown.count("<tr>") == 1 + MOST_ROWS
    assert "and 7 more" in shown


def test_a_comparison_is_a_table_a_frame_and_a_picture() -> None:
    pytest.importorskip("pandas")
    comparison = Comparison("a", "b", "s", 0.5, {"inputs": 0.25, "map": 0.75}, deviation=0.1)

    axes = comparison.plot().figure.axes[0]

    assert comparison.to_pandas().loc[0, ["a", "similarity", "map"]].tolist() == ["a", 0.5, 0.75]
    assert '0.250<i style="width:calc(0.250*' in comparison._repr_html_()
    assert [text.get_text() for text in axes.get_yticklabels()] == ["similarity", "inputs", "map"]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.25, 0.75]


def test_similarities_are_shown_and_drawn(registry: Registry, tmp_path: Path) -> None:
    similarities = registry.similarities()

    similarities.plot().save(tmp_path / "heat.png")

    assert "12 more are not shown" in similarities._repr_html_()
    assert "rgba(66,133,244,0.70)" in similarities._repr_html_()
    assert (tmp_path / "heat.png").stat().st_size > 1000
