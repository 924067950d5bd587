"""A catalog in a SQLite file: how connections are made safe, what is locked, copied and checked, what errors mean."""

import logging
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy
from sqlalchemy import URL, create_engine, event, exc, func, select
from sqlalchemy.pool import QueuePool

from registry.catalog.engines import checksums
from registry.catalog.engines.checked import CheckedNote
from registry.catalog.engines.locks import held_lock
from registry.catalog.engines.salvage import Salvaged, salvage
from registry.catalog.engines.values import bound
from registry.errors import InputError, IntegrityError, StorageError
from registry.faults import point
from registry.files.stamps import is_same_file, stamp_of
from registry.files.writing import give_rights, sync_file, sync_folder, written

FILE, JOURNAL = "catalog.db", "-journal"
BUSY_SECONDS = 30
SAFE = ("foreign_keys=ON", "trusted_schema=OFF", "synchronous=EXTRA", "temp_store=MEMORY")
CACHE = 32_768  # KiB: a transaction that outgrows it is written, and synced, twice
LONG_CHECK = 500_000_000  # bytes: checking takes seconds from here on, which is told
NOT_DAMAGE = {3, 5, 6, 7, 8, 9, 10, 13, 14, 23}  # SQLite's codes for locks, rights, room, interrupts: not of the file

_LOG = logging.getLogger(__name__)


class SqliteEngine:
    """The database `catalog.db` in a registry's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE
        self._journal = folder / (FILE + JOURNAL)
        self._note = CheckedNote(self.path)
        self.reader = engine(self.path, writes=False)
        self.writer = engine(self.path, writes=True)

    def exists(self) -> bool:
        """Say whether the file is there."""
        return self.path.is_file()

    def identity(self) -> Hashable:
        """Return the stamp of the file: one that was put in its place, or copied over it, has another."""
        return stamp_of(self.path)

    def is_one(self) -> bool:
        """Say whether the file, which nobody has open, begins as SQLite's do; an empty one is none."""
        with self.path.open("rb") as file:
            return file.read(len(checksums.MAGIC)) == checksums.MAGIC

    def make_place(self, tables: Collection[str]) -> None:
        """Make the folder; raise `InputError` where it is a file, `StorageError` where it cannot be made."""
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file: a registry is a folder.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot make {self.folder}: {error.strerror}.") from error

    def make(self) -> None:
        """Make an empty file, if there is none; raise `StorageError` where it cannot be made."""
        try:
            with suppress(FileExistsError):
                _made(self.path)
        except OSError as error:
            raise StorageError(f"Cannot make {self.path}: {error.strerror}.") from error

    def check(self, schema: str) -> None:
        """Raise `IntegrityError` where the file is damaged: reading on would answer wrong, in silence.

        All of it is read, unless it is as it was when it was checked last.

        Args:
            schema: of this release, whose rows have checksums.
        """
        with self.errors():
            if self._note.is_true():
                return
            if self.path.stat().st_size > LONG_CHECK:
                _LOG.warning("%s is not as this program left it: all of it is checked.", self.path)
            for fault in self.faults(schema):
                raise IntegrityError(f"{self.path} is damaged ({fault}): run 'fute repair'.")

    def faults(self, schema: str) -> Iterator[str]:
        """Yield what is wrong with the file, a few words each; where that is nothing, it is noted as checked."""
        with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            is_sound = True
            try:
                connection.execute("BEGIN")
                found = checksums.schema_of(connection)  # takes the lock: nobody changes the file meanwhile
                if found is None and self._note.path.exists():
                    is_sound = False
                    yield "it is empty"  # and was not, once
                for fault in checksums.damage(connection, schema):
                    is_sound = False
                    yield fault
            except sqlite3.Error as error:
                if _is_no_damage(error):
                    raise
                yield str(error)
            except UnicodeDecodeError:  # the name of a table, in the driver's message
                yield "it cannot be read"
            else:
                if is_sound and found == schema:
                    self._note.write()

    def follow(self, connection: sqlalchemy.Connection) -> bool:
        """Let a transaction write checksums of what it changes; say whether the file was checked when it began."""
        checksums.follow(_driver_of(connection))
        return self._note.is_true()

    def insert(
        self, connection: sqlalchemy.Connection, table: sqlalchemy.Table, columns: Mapping[str, Sequence[Any]]
    ) -> list[int]:
        """Write many rows at once, with their checksums, and return their ids in order.

        Triggers would write each row a second time, its vector too.
        """
        count = len(next(iter(columns.values())))
        names = checksums.columns_of(_driver_of(connection), table.name)
        if "id" in names and "id" not in columns:
            last = connection.scalar(select(func.max(table.c.id))) or 0
            columns = {"id": range(last + 1, last + count + 1), **columns}
        made = [bound(table.c[name], columns.get(name, [None] * count), connection.dialect) for name in names]
        if count:
            statement = checksums.insertion(table.name, names)
            connection.exec_driver_sql(statement, list(checksums.sealed_rows(table.name, made)))
        return list(columns.get("id", ()))

    def renumber(self, connection: sqlalchemy.Connection) -> None:
        """Do nothing: an id is one more than the last."""

    def seal(self, connection: sqlalchemy.Connection) -> None:
        """Write the checksums of everything as it is now, after the tables were changed."""
        checksums.seal(_driver_of(connection))

    def note(self) -> None:
        """Note that the file as it is now is sound: our own change was made to one that was."""
        self._note.write()

    def has_checksums(self) -> bool:
        """Say whether rows have checksums; True where not even the tables can be read."""
        with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as connection:
            try:
                return bool(checksums.sealed_tables(connection)) or checksums.schema_of(connection) is None
            except (sqlite3.Error, UnicodeDecodeError):
                return True

    def dangling(self, connection: sqlalchemy.Connection) -> list[tuple[str, str]]:
        """Return the table of each row that belongs to nothing, and the table of what it should belong to."""
        found = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return [(table, parent) for table, _, parent, _ in found]

    def keep_old(self, schema: str) -> Path | None:
        """Copy the file beside itself before it is changed, and return the copy."""
        copy = self.folder / f"catalog-before-{schema}.db"
        self.backup(copy)
        return copy

    def as_file(self) -> "SqliteEngine":
        """Return itself: its file can be copied, and put back."""
        return self

    def backup(self, target: Path) -> None:
        """Copy the file, whole and consistent while it is in use, to another place."""
        with (
            self.errors(),
            written(target) as draft,
            closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as source,
            closing(sqlite3.connect(_made(draft, self.path.stat().st_mode | 0o600))) as copy,
        ):
            copy.execute("PRAGMA journal_mode=OFF")  # a copy that is broken off is thrown away
            source.backup(copy)

    def salvage(self, damaged: Path) -> Salvaged:
        """Fill the file, which has empty tables, with the sound rows of a copy of a damaged one, which is changed."""
        with self.errors():
            return salvage(damaged, self.path)

    @contextmanager
    def held(self) -> Iterator[BinaryIO]:
        """Keep everybody else out of the file, and hand it out open, whatever is in it; an empty one is made."""
        with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if isinstance(error, sqlite3.Error) and _is_no_damage(error):
                    raise
            with self.path.open("rb") as file:  # closing it lets go of the lock: not before all is done
                yield file

    def replace(self, source: Path, *, kept: Path) -> None:
        """Put another file in the place of this one, which is kept under another name with what it had begun.

        Who waits for the old file is told by SQLite that it was moved. A link is not replaced: its file would be left
        as it is, without a word.
        """
        if self.path.is_symlink():
            raise InputError(f"{self.path} is a link to {self.path.resolve()}: put that file in its place first.")
        try:
            if self.path.exists():
                former = self.path.stat()
                _keep(self.path, kept)
                with source.open("rb") as draft:
                    give_rights(draft.fileno(), former, former.st_mode)
            point("catalog.replace.kept")
            if self._journal.exists():  # it would change the new file
                self._journal.replace(kept.with_name(kept.name + JOURNAL))
            sync_file(source)
            point("catalog.replace.synced")
            source.replace(self.path)
            point("catalog.replace.placed")
        except OSError as error:
            raise StorageError(f"Cannot write in {self.folder}: {error.strerror}.") from error
        sync_folder(self.folder)
        point("catalog.replace.after")

    def lock(self, wait: float | None = None) -> AbstractContextManager[None]:
        """Hold the lock file of the folder; raise `StorageError` where another process holds on to it."""
        return self._holding("lock", look_every=0.05, wait=wait)

    def changing(self) -> AbstractContextManager[None]:
        """Do nothing: tables are changed under the lock."""
        return nullcontext()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn to write; raise `StorageError` where another process writes for too long.

        SQLite lets who has just written go first again, while others wait for half a minute, and fail. Here one
        process waits as the next, and nobody comes before it.
        """
        with ExitStack() as held:
            with self._holding("turn-next", look_every=0.005):
                held.enter_context(self._holding("turn", look_every=0.005))
            yield

    def _holding(self, name: str, *, look_every: float, wait: float | None = None) -> AbstractContextManager[None]:
        mode = stat.S_IMODE(self.path.stat().st_mode) if self.exists() else 0  # for whoever may write
        return held_lock(self.folder / name, look_every=look_every, wait=wait, mode=mode)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn the driver's errors into ours: damage, failures, and what another process has removed."""
        try:
            yield
        except (exc.OperationalError, sqlite3.OperationalError) as error:
            raise self._told(getattr(error, "orig", error)) from error
        except FileNotFoundError as error:
            if self.exists():
                raise
            raise self._told(error) from error
        except exc.NoResultFound as error:
            raise InputError("What was asked for has been removed meanwhile.") from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise InputError(f"Not a value that the catalog can hold: {error}.") from error
        except exc.IntegrityError as error:
            if "FOREIGN KEY" not in str(error.orig):
                raise
            raise InputError("What this belongs to has been removed meanwhile: nothing is kept.") from error
        except exc.DatabaseError as error:
            if isinstance(error.orig, sqlite3.DatabaseError):
                raise IntegrityError(f"{self.path} is damaged ({error.orig}): run 'fute repair'.") from error
            raise

    def _told(self, error: object) -> BaseException:
        if _is_interrupt(error):
            return KeyboardInterrupt()
        if not self.exists():
            return StorageError(f"{self.path} is gone: the registry was moved or removed while it was in use.")
        if "decode to UTF-8" in str(error):
            return IntegrityError(f"{self.path} is damaged ({error}): run 'fute repair'.")
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
            undone = "'fute status' of somebody who may write here undoes it"
            return StorageError(f"{self.path}: a change was broken off, and {undone}.")
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            why = "by a process that is slow or stopped, or its file system has no locks"
            return StorageError(f"{self.path} was locked for {BUSY_SECONDS} s: {why}.")
        return StorageError(f"{self.path}: {error}.")


def engine(path: Path, *, writes: bool) -> sqlalchemy.Engine:
    """Return SQLAlchemy's engine whose every transaction begins with the lock that it will need.

    A write transaction takes the write lock at once (BEGIN IMMEDIATE): SQLite does not wait when a read lock
    is to be raised, it fails. The rollback journal is kept: WAL loses rows on SQLite before 3.51.3.
    EXTRA syncs the folder too: a journal that came back after a power cut would undo what was acknowledged.
    """
    url = URL.create("sqlite", database=str(path))
    made = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, poolclass=QueuePool, max_overflow=-1)
    connections = _Connections(path, writes=writes)
    event.listen(made, "do_connect", connections.find)
    event.listen(made, "connect", connections.prepare)
    event.listen(made, "checkout", connections.check)
    event.listen(made, "begin", connections.begin)
    event.listen(made, "checkin", connections.leave)
    return made


class _Connections:
    """What is done with connections to a file, which SQLAlchemy opens and keeps."""

    def __init__(self, path: Path, *, writes: bool) -> None:
        self._path = path
        self._writes = writes

    def find(self, _dialect: object, record: Any, *_: object) -> None:  # noqa: ANN401 - SQLAlchemy's
        """Note how the file is that is about to be opened; refuse one that is gone: SQLite would make an empty one."""
        record.info.update(left=stamp_of(self._path), is_new=True)
        if record.info["left"] is None:
            raise sqlite3.OperationalError("unable to open database file")

    def prepare(self, connection: sqlite3.Connection, record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        """Set a new connection up."""
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in (*SAFE, f"cache_size={-CACHE}", f"query_only={'OFF' if self._writes else 'ON'}"):
            connection.execute(f"PRAGMA {pragma}")
        record.info["process"] = os.getpid()

    def leave(self, _connection: object, record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        """Note how the file is left; not another that was put in its place meanwhile: this one was not read."""
        found = stamp_of(self._path)
        if found is not None and is_same_file(found, record.info["left"]):
            record.info["left"] = found

    def check(self, _connection: object, record: Any, proxy: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        """Open the file anew where anybody else has changed it since, or where this process was forked.

        SQLite tells a change by a number in the file. One that was copied over it may have the same: what is kept of
        the former's pages would be read as its own, and written into it. What has just been opened has read none, and
        is known by how the file was before: where that has changed since, it is opened anew for the next question.
        """
        is_ours, is_new = record.info["process"] == os.getpid(), record.info.pop("is_new", False)
        if is_ours and (is_new or record.info["left"] == stamp_of(self._path)):
            return
        if not is_ours:  # the parent's is not to be closed
            record.dbapi_connection = proxy.dbapi_connection = None
        raise exc.DisconnectionError("opened elsewhere")

    def begin(self, connection: sqlalchemy.Connection) -> None:
        """Begin a transaction with its lock."""
        connection.exec_driver_sql("BEGIN IMMEDIATE" if self._writes else "BEGIN DEFERRED")


def _made(path: Path, mode: int = 0o666) -> Path:
    """Make an empty file with the rights that the umask gives: SQLite would leave a group no right to write."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(mode)))
    return path


def _keep(path: Path, kept: Path) -> None:
    """Give a file a second name, under which it stays when another takes the first; a copy where that cannot be."""
    try:
        os.link(path, kept)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(path, kept)


def _driver_of(connection: sqlalchemy.Connection) -> sqlite3.Connection:
    """Return the driver's connection behind one of SQLAlchemy's."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment] # it is this one
    return driver


def _is_interrupt(told: object) -> bool:
    """Say whether Ctrl-C came while SQLite called our function, and would be lost in an error of SQLite's.

    The function computes a checksum, which fails for nothing else; and signals come to the main thread alone.
    """
    is_ours = "user-defined function raised exception" in str(told)
    return is_ours and threading.current_thread() is threading.main_thread()


def _is_no_damage(error: sqlite3.Error) -> bool:
    """Say whether an error is of locks, rights or room, and says nothing of the file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in NOT_DAMAGE
