"""The fields of a document that strangers may have written, each checked for what it must be."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from registry.catalog.whole.pieces import Piece
from registry.errors import DataError

T = TypeVar("T")

_TOLD: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


class Fields:
    """The document of a piece. Every method raises `DataError` with the place."""

    def __init__(self, document: object, place: str) -> None:
        if not isinstance(document, dict):
            raise DataError(place, "is not an object.")
        self.document: dict[str, Any] = document
        self.place = place

    @classmethod
    def of(cls, piece: Piece) -> "Fields":
        """Return the fields of a piece's document."""
        return cls(piece.document, piece.place)

    def one(self, name: str, kind: type[T]) -> T:
        """Return a value of just this type: true is no number."""
        value = self.document.get(name)
        if type(value) is not kind:
            raise self.fault(f"{name} is not {_TOLD[kind]}.")
        if kind is str and "\0" in str(value):
            raise self.fault(f"{name} holds a NUL character.")
        return value

    def one_or_none(self, name: str, kind: type[T]) -> T | None:
        """Return a value of this type, or None where there is none."""
        return None if self.document.get(name) is None else self.one(name, kind)

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        values = self.one(name, list)
        if not all(isinstance(value, str) for value in values):
            raise self.fault(f"{name} is not a list of texts.")
        return values

    def count(self, name: str, *, least: int = 0) -> int:
        """Return a number that the database can hold."""
        number = self.one(name, int)
        if not least <= number < 2**31:
            raise self.fault(f"{name} is not a number from {least} on.")
        return number

    def time(self, name: str) -> datetime:
        """Return a time, in UTC."""
        try:
            found = datetime.fromisoformat(self.one(name, str))
            if found.tzinfo is not None:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise self.fault(f"{name} is not a time with its zone.")

    def sha256(self, name: str) -> str:
        """Return a hash, 64 hexadecimal digits."""
        text = self.one(name, str)
        if len(text) != 64 or set(text) - set("0123456789abcdef"):
            raise self.fault(f"{name} is not a SHA-256.")
        return text

    def version(self, name: str) -> tuple[str, int]:
        """Return the entry and the number of a version that is named as `film:2`."""
        entry, _, number = self.one(name, str).rpartition(":")
        if not number.isdecimal() or not number.isascii() or len(number) > 9:
            raise self.fault(f"{name} does not name a version.")
        return entry, int(number)

    def fault(self, problem: str) -> DataError:
        """Return what is wrong, with the place."""
        return DataError(self.place, problem)
