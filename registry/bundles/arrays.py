"""The arrays of a bundle: safetensors files, each with those of a run of lines, so that none is too large to hold."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from registry.errors import DataError
from registry.files.writing import usual_mode

MOST_BYTES = 32_000_000  # of a file, but for its last line

Arrays = Mapping[str, NDArray[Any]]


class ArrayWriter:
    """Writes the arrays of a section's lines: line 7's `vector` is called `7.vector`."""

    def __init__(self, folder: Path, section: str) -> None:
        self._folder, self._section = folder, section
        self._held: dict[str, NDArray[Any]] = {}
        self._bytes, self._files = 0, 1

    @property
    def _file(self) -> str:
        return f"{self._section}-{self._files:05}.safetensors"

    def add(self, line: int, arrays: Arrays) -> str:
        """Keep the arrays of a line; return the name of the file that will have them."""
        if self._bytes > MOST_BYTES:
            self.close()
            self._files += 1
        self._held |= {f"{line}.{name}": np.ascontiguousarray(array) for name, array in arrays.items()}
        self._bytes += sum(array.nbytes for array in arrays.values())
        return self._file

    def close(self) -> None:
        """Write what is held."""
        if self._held:
            with usual_mode(self._folder / self._file):
                save_file(self._held, self._folder / self._file)
        self._held, self._bytes = {}, 0


class ArrayReader(ExitStack):
    """Reads the arrays of lines, with one file open at a time."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._file = ""
        self._opened: Any = None  # what safetensors hands out
        self._names: dict[int, list[str]] = {}  # of the arrays of each line

    def arrays(self, line: int, file: str, place: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a line; raise `DataError` where the file is damaged, or has none of it."""
        try:
            if file != self._file:
                self._open(file)
            found = {name: self._opened.get_tensor(f"{line}.{name}") for name in self._names.get(line, ())}
        except (SafetensorError, OSError, TypeError, ValueError, AttributeError) as error:  # kinds that numpy lacks
            raise DataError(str(self._folder / file), "is no safetensors file of numbers.") from error
        if not found:
            raise DataError(place, f"has no arrays in {file}.")
        return found

    def _open(self, file: str) -> None:
        self.close()
        self._opened = self.enter_context(safe_open(self._folder / file, framework="numpy"))
        self._file = file
        self._names = {}
        for tensor in self._opened.keys():  # noqa: SIM118 - it is no mapping
            line, _, name = tensor.partition(".")
            if line.isdecimal():
                self._names.setdefault(int(line), []).append(name)
