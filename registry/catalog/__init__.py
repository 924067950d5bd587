"""What is known: one store per noun over one database."""

from typing import NoReturn

from registry.catalog.database import Database
from registry.catalog.embeddings import EmbeddingStore
from registry.catalog.entries import EntryStore
from registry.catalog.jobs import JobStore
from registry.catalog.predictions import PredictionStore
from registry.catalog.records import EmbeddingRecord, EntryRecord, Filter, SpaceRecord
from registry.catalog.spaces import SpaceStore
from registry.catalog.transfers import TransferStore
from registry.errors import InputError
from registry.location import Location

__all__ = ["Catalog", "EmbeddingRecord", "EntryRecord", "Filter", "SpaceRecord"]


class Catalog:
    """The truth of one registry. What a store returns are plain values.

    A method that writes is one transaction. One that reads is one view, or within a `question` a part of its view.
    Those that hand something out until a block ends say what others may do meanwhile.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.entries = EntryStore(self.database)
        self.spaces = SpaceStore(self.database)
        self.embeddings = EmbeddingStore(self.database)
        self.predictions = PredictionStore(self.database)
        self.jobs = JobStore(self.database)
        self.transfers = TransferStore(self.database)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: its connections are of this process, and its URL may hold a password."""
        raise InputError("An open registry is not pickled or copied: tell where it is, and open it there.")

    @classmethod
    def open(cls, location: Location) -> "Catalog":
        """Open the catalog of a location; raise `NotARegistryError` or `SchemaError` where that cannot be."""
        return cls(Database.open(location))

    @classmethod
    def create(cls, location: Location) -> "Catalog":
        """Make the catalog of a location, or open the one that is there."""
        Database.create(location)
        return cls.open(location)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()
