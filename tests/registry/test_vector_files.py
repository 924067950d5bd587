"""Vectors in and out, with the fingerprint of their space."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry.data.vectors import VectorFile
from registry.errors import DataError, InputError, RegistryError
from registry.formats.vectors import read_vectors, write_vectors

MATRIX = np.array([[0.6, 0.8], [-0.8, 0.6]], np.float32)
VECTORS = VectorFile("f" * 64, ("films", "m@p"), ("task", "prompted-model"), MATRIX)


def arrays(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever an array is made of
    sound = {"fingerprint": "f", "names": ["a", "b"], "kinds": ["task", "task"], "vectors": MATRIX}
    return {name: value for name, value in {**sound, **changed}.items() if value is not None}


def test_vectors_in_an_npz_file_are_read_back_as_they_were(tmp_path: Path) -> None:
    write_vectors(VECTORS, tmp_path / "v.npz")

    back = read_vectors(tmp_path / "v.npz")

    assert (back.fingerprint, back.names, back.kinds) == (VECTORS.fingerprint, VECTORS.names, VECTORS.kinds)
    assert back.matrix.dtype == np.float32
    assert back.matrix.tolist() == MATRIX.tolist()


def test_vectors_in_a_parquet_file_carry_their_names_and_the_fingerprint(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")

    write_vectors(VECTORS, tmp_path / "v.parquet")

    table = parquet.read_table(tmp_path / "v.parquet")
    assert table.schema.metadata[b"fingerprint"] == b"f" * 64
    assert table.to_pydict() == {
        "name": ["films", "m@p"],
        "kind": ["task", "prompted-model"],
        "vector": MATRIX.tolist(),
    }


def test_vectors_are_written_where_they_were_asked_for_whatever_the_endings_case(tmp_path: Path) -> None:
    write_vectors(VECTORS, tmp_path / "V.NPZ")

    assert [path.name for path in tmp_path.iterdir()] == ["V.NPZ"]


@pytest.mark.parametrize("name", ["v.csv", "v", "v.npy"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"vectors are written as \.npz or \.parquet"):
        write_vectors(VECTORS, tmp_path / name)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["v.npz", "v.parquet"])
def test_a_folder_that_is_not_there_is_an_error_for_people(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegistryError, match=name):
        write_vectors(VECTORS, tmp_path / "absent" / name)


@pytest.mark.parametrize("missing", ["fingerprint", "names", "kinds", "vectors"])
def test_a_file_without_one_of_its_arrays_is_refused(tmp_path: Path, missing: str) -> None:
    np.savez(tmp_path / "v.npz", **arrays(**{missing: None}))

    with pytest.raises(DataError, match=r"v\.npz: not a \.npz file of vectors with names and a fingerprint"):
        read_vectors(tmp_path / "v.npz")


@pytest.mark.parametrize("name", ["names", "kinds", "vectors", "fingerprint"])
def test_pickled_objects_are_refused(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "v.npz", **arrays(**{name: np.array([{"a": 1}, {}], dtype=object)}))

    with pytest.raises(DataError, match=r"v\.npz: not a \.npz file of vectors"):
        read_vectors(tmp_path / "v.npz")


@pytest.mark.parametrize(
    "changed",
    [
        {"names": ["a"]},
        {"kinds": ["task"] * 3},
        {"vectors": MATRIX[0]},
        {"vectors": MATRIX[None]},
        {"names": [], "kinds": [], "vectors": np.zeros((0, 2))},
        {"names": "a", "kinds": "task"},
    ],
)
def test_arrays_that_do_not_go_together_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    np.savez(tmp_path / "v.npz", **arrays(**changed))

    with pytest.raises(DataError, match=r"v\.npz: "):
        read_vectors(tmp_path / "v.npz")


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "v.npz").open("wb") as file:
        np.save(file, MATRIX)

    with pytest.raises(DataError, match=r"v\.npz: not a \.npz file of vectors"):
        read_vectors(tmp_path / "v.npz")


@pytest.mark.parametrize("length", [0, 3, 50, 300, -1, -40])
def test_a_file_that_is_cut_is_refused(tmp_path: Path, length: int) -> None:
    write_vectors(VECTORS, tmp_path / "v.npz")
    body = (tmp_path / "v.npz").read_bytes()
    (tmp_path / "v.npz").write_bytes(body[:length])

    with pytest.raises(DataError, match=r"v\.npz: not a \.npz file of vectors"):
        read_vectors(tmp_path / "v.npz")


def test_a_damaged_vector_is_refused(tmp_path: Path) -> None:
    write_vectors(VECTORS, tmp_path / "v.npz")
    body = bytearray((tmp_path / "v.npz").read_bytes())
    place = body.index(MATRIX.tobytes())
    body[place] ^= 1
    (tmp_path / "v.npz").write_bytes(body)

    with pytest.raises(DataError, match=r"v\.npz: not a \.npz file of vectors"):
        read_vectors(tmp_path / "v.npz")


@pytest.mark.parametrize("value", [99, 8])
def test_a_file_in_an_unknown_compression_is_refused(tmp_path: Path, value: int) -> None:
    write_vectors(VECTORS, tmp_path / "v.npz")
    body = bytearray((tmp_path / "v.npz").read_bytes())
    directory = body.index(b"PK\x01\x02")
    body[8:10] = body[directory + 10 : directory + 12] = value.to_bytes(2, "little")
    (tmp_path / "v.npz").write_bytes(body)

    with pytest.raises(DataError, match=r"v\.npz: not a \.npz file of vectors"):
        read_vectors(tmp_path / "v.npz")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"v\.npz: no such file"):
        read_vectors(tmp_path / "v.npz")
