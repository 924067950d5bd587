"""What any index must do: a test class that every back end passes. See registry/index/contract.py."""

import numpy as np
import pytest
from numpy.typing import NDArray

from registry.index.contract import FileIndex, Neighbor, Selection, VectorIndex

DIMENSION = 6


def rows_of(count: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rising ids that are no row numbers, and rows of unit length."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, DIMENSION))
    ids = np.sort(random.choice(10**6, count, replace=False)).astype(np.int64) + 2**33
    return ids, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def brute_force(
    ids: NDArray[np.int64], rows: NDArray[np.float32], query: NDArray[np.floating], limit: int
) -> list[tuple[int, float]]:
    """Return what an index should: the greatest inner products, equals by id."""
    products = rows.astype(np.float64) @ query
    best = np.lexsort((ids, -products))[:limit]
    return [(int(ids[i]), float(products[i])) for i in best]


def assert_same(found: list[Neighbor], expected: list[tuple[int, float]]) -> None:
    assert [n.id for n in found] == [i for i, _ in expected]
    assert [n.similarity for n in found] == pytest.approx([s for _, s in expected], abs=1e-5)


class IndexContract:
    """Subclass it as `TestMyIndex` and say in `empty` how one is made."""

    def empty(self) -> VectorIndex:
        raise NotImplementedError

    def filled(self, count: int = 40) -> tuple[VectorIndex, NDArray[np.int64], NDArray[np.float32]]:
        index = self.empty()
        ids, rows = rows_of(count)
        index.add(ids, rows)
        return index, ids, rows

    def test_it_answers_as_brute_force_does(self) -> None:
        index, ids, rows = self.filled()
        for query in np.random.default_rng(1).normal(size=(20, DIMENSION)):
            assert_same(index.nearest(query, limit=7), brute_force(ids, rows, query, 7))

    def test_only_the_ids_that_may_be_are_returned(self) -> None:
        index, ids, rows = self.filled()
        for few in (slice(None, None, 3), slice(0, 1), slice(-5, None)):
            found = index.nearest(rows[0], limit=5, where=Selection(ids[few]))
            assert_same(found, brute_force(ids[few], rows[few], rows[0], 5))

    def test_a_filter_is_the_same_whether_ids_are_near_to_one_another_or_far_apart(self) -> None:
        rows = rows_of(40)[1]
        for ids in (np.arange(1, 41), np.arange(40) * 2**40):
            index = self.empty()
            index.add(ids, rows)
            among = Selection(ids[::3])
            assert (among.bits is None) == (ids[1] > 100)
            assert_same(index.nearest(rows[0], limit=20, where=among), brute_force(ids[::3], rows[::3], rows[0], 20))

    def test_a_filter_acts_inside_the_search_and_not_after_it(self) -> None:
        index, ids, rows = self.filled()
        last = np.argsort(rows @ rows[0])[:2]  # the two that are least alike
        assert {n.id for n in index.nearest(rows[0], limit=2, where=Selection(np.sort(ids[last])))} == set(
            ids[last].tolist()
        )

    def test_the_order_of_the_filters_ids_does_not_matter(self) -> None:
        index, ids, rows = self.filled()
        shuffled = np.random.default_rng(2).permutation(ids[:20])
        assert index.nearest(rows[3], limit=9, where=Selection(shuffled)) == index.nearest(
            rows[3], limit=9, where=Selection(ids[:20])
        )

    def test_equals_come_in_the_order_of_their_ids_however_many_they_are(self) -> None:
        index = self.empty()
        ids, rows = rows_of(200)
        rows[::2] = rows[0]
        shuffled = np.random.default_rng(3).permutation(200)
        index.add(ids[shuffled], rows[shuffled])
        assert [n.id for n in index.nearest(rows[0], limit=5)] == ids[::2][:5].tolist()

    def test_more_than_there_is_returns_all(self) -> None:
        index, ids, rows = self.filled(4)
        assert_same(index.nearest(rows[0], limit=50), brute_force(ids, rows, rows[0], 50))

    @pytest.mark.parametrize("limit", [0, -1])
    def test_nothing_is_returned_where_nothing_is_asked_for(self, limit: int) -> None:
        index, _, rows = self.filled()
        assert index.nearest(rows[0], limit=limit) == []

    def test_nothing_is_returned_where_nothing_may_be(self) -> None:
        index, _, rows = self.filled()
        assert index.nearest(rows[0], limit=5, where=Selection(np.array([], np.int64))) == []

    def test_an_id_that_is_not_indexed_is_not_returned(self) -> None:
        index, ids, rows = self.filled()
        assert [n.id for n in index.nearest(rows[0], limit=5, where=Selection(np.array([7, ids[1]])))] == [ids[1]]

    def test_an_empty_index_answers_with_nothing(self) -> None:
        index = self.empty()
        assert len(index) == 0
        assert index.ids.tolist() == []
        assert index.nearest(np.ones(DIMENSION), limit=5) == []

    def test_it_knows_its_ids_and_its_rows(self) -> None:
        index, ids, rows = self.filled()
        assert len(index) == len(ids)
        assert index.ids.tolist() == ids.tolist()
        assert index.rows(ids[[5, 2, 9]]).tolist() == rows[[5, 2, 9]].tolist()
        assert index.rows(ids[:0]).shape == (0, DIMENSION)
        with pytest.raises(KeyError):
            index.rows(np.array([ids[0], 7]))

    def test_ids_are_kept_whole_beyond_the_reach_of_32_bits(self) -> None:
        index = self.empty()
        ids, rows = np.array([3, 2**40 + 7, 2**62]), rows_of(3)[1]
        index.add(ids, rows)
        assert index.ids.tolist() == ids.tolist()
        assert [index.nearest(row, limit=1)[0].id for row in rows] == ids.tolist()

    def test_what_is_added_one_by_one_is_as_what_is_added_at_once(self) -> None:
        index, ids, rows = self.filled()
        other = self.empty()
        for number in np.random.default_rng(4).permutation(len(ids)):
            other.add(ids[[number]], rows[[number]])
        assert other.ids.tolist() == index.ids.tolist()
        for row in rows:
            assert other.nearest(row, limit=9) == index.nearest(row, limit=9)

    def test_a_row_that_is_added_again_takes_the_place_of_the_former(self) -> None:
        index, ids, rows = self.filled()
        index.add(ids[[8]], -rows[[8]])
        assert len(index) == len(ids)
        assert index.rows(ids[[8]]).tolist() == (-rows[[8]]).tolist()
        assert index.nearest(-rows[8], limit=1)[0].id == ids[8]
        assert index.nearest(rows[8], limit=1)[0].id != ids[8]

    def test_what_is_removed_is_gone(self) -> None:
        index, ids, rows = self.filled()
        index.remove(ids[[0, 10]])
        kept = np.delete(np.arange(len(ids)), [0, 10])
        assert len(index) == len(kept)
        assert index.ids.tolist() == ids[kept].tolist()
        for query in rows[[0, 10]]:
            assert_same(index.nearest(query, limit=7), brute_force(ids[kept], rows[kept], query, 7))
            assert_same(
                index.nearest(query, limit=7, where=Selection(ids)), brute_force(ids[kept], rows[kept], query, 7)
            )

    def test_what_is_not_there_can_be_removed(self) -> None:
        index, ids, _ = self.filled()
        index.remove(np.array([1, 2], np.int64))
        index.remove(np.array([], np.int64))
        assert index.ids.tolist() == ids.tolist()

    def test_what_was_removed_can_be_added_again(self) -> None:
        index, ids, rows = self.filled()
        index.remove(ids[[3]])
        index.add(ids[[3]], rows[[3]])
        assert_same(index.nearest(rows[3], limit=7), brute_force(ids, rows, rows[3], 7))

    def test_it_verifies_itself(self) -> None:
        index, ids, rows = self.filled()
        assert index.verify(ids, rows) == []
        assert index.verify(ids[1:], rows[1:]) == ["the index and the catalog hold different ids"]
        changed = rows.copy()
        changed[4] = -changed[4]
        assert "1 vectors of the index differ from the catalog's" in index.verify(ids, changed)


class FileIndexContract(IndexContract):
    """The same of an index that is kept in a file."""

    def empty(self) -> FileIndex:
        raise NotImplementedError

    def test_it_is_read_as_it_was_written(self) -> None:
        index = self.empty()
        ids, rows = rows_of(30)
        index.add(ids, rows)
        index.remove(ids[[4]])
        read = type(index).from_bytes(index.as_bytes())
        assert read.ids.tolist() == np.delete(ids, 4).tolist()
        assert [read.nearest(row, limit=5) for row in rows] == [index.nearest(row, limit=5) for row in rows]

    def test_an_empty_one_is_read_as_it_was_written(self) -> None:
        read = type(self.empty()).from_bytes(self.empty().as_bytes())
        assert len(read) == 0
