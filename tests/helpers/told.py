"""What a ranking tells beside its rows."""

from collections.abc import Sequence


def surprises(notes: Sequence[str]) -> tuple[str, ...]:
    """The notes, but for the one that is told whenever nothing is known of how often answers are true."""
    return tuple(note for note in notes if not note.startswith("answers are taken to be true about equally often"))
