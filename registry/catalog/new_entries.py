"""Corpora as entries of the catalog: a corpus is pinned by its content."""

import hashlib
from collections.abc import Iterable

from registry.catalog.records import NewEntry
from registry.data.inputs import Input, dump_corpus, parse_corpus
from registry.kinds import EntryKind


def new_corpus(name: str, inputs: Iterable[Input], *, source: str) -> NewEntry:
    """Return unlabelled inputs as an entry to be registered; raise `InputError` where there are none."""
    body = dump_corpus(inputs)
    parse_corpus(body, f"corpus {name}")  # what could not be read back is not taken
    spec = {"texts": body.count(b"\n"), "source": source}
    return NewEntry(EntryKind.CORPUS, name, hashlib.sha256(body).hexdigest(), spec, {"texts": body})
