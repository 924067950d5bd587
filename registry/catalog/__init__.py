"""What is known: one store per noun over one database."""

from registry.catalog.database import Database
from registry.catalog.embeddings import Embeddings
from registry.catalog.entries import Entries
from registry.catalog.jobs import Jobs
from registry.catalog.predictions import PredictionStore
from registry.catalog.records import EmbeddingRecord, EntryRecord, Filter, SpaceRecord
from registry.catalog.spaces import Spaces
from registry.catalog.transfers import Transfers
from registry.location import Location

__all__ = ["Catalog", "EmbeddingRecord", "EntryRecord", "Filter", "SpaceRecord"]


class Catalog:
    """The truth of one registry. Each method of a store is one transaction and returns plain values."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.entries = Entries(self.database)
        self.spaces = Spaces(self.database)
        self.embeddings = Embeddings(self.database)
        self.predictions = PredictionStore(self.database)
        self.jobs = Jobs(self.database)
        self.transfers = Transfers(self.database)

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
