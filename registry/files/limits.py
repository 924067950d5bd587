"""How large may be what is read? All limits of files in one place; each is told in the line that refuses more."""

from registry.errors import DataError

FILE = 2**29  # bytes of a file, or of what a compressed one unpacks to
ARRAYS = 2**30  # bytes of a file of arrays, and of what it unpacks to
VECTORS = 2**36  # bytes of a file of vectors that is read a part at a time
DESCRIPTION = 2**24  # bytes of a file that describes others: task.json, pack.json, config.json
ROWS = 2_000_000  # of a table
COLUMNS = 20_000  # of a table
LINE = 10_000_000  # characters; a longer line is not an example but a mistake


def too_large(place: object, most: int, mend: str = "take a part of it.") -> DataError:
    """Return the error for what has more bytes than may be read."""
    return DataError(str(place), f"larger than {most >> 20:,} MiB, the most that is read: {mend}")


def check_rows(count: int, place: object) -> None:
    """Raise `DataError` for a table that is too long."""
    if count > ROWS:
        raise DataError(str(place), f"has more than {ROWS:,} rows, the most that are read: take a part of it.")


def check_columns(count: int, place: object) -> None:
    """Raise `DataError` for a table that is too wide."""
    if count > COLUMNS:
        raise DataError(str(place), f"has more than {COLUMNS:,} columns, the most that are read: is it a table?")


def check_line(line: str, place: object) -> None:
    """Raise `DataError` for a line that is too long."""
    if len(line) > LINE:
        raise DataError(str(place), f"longer than {LINE:,} characters, the most that a line may have.")
