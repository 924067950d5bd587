"""A dataset repository of the Hugging Face hub as a far end: one commit a push, on what was seen, or none."""

import os
import re
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import InputError, MissingExtraError, RegistryError, StorageError, first_line
from registry.exchange.far_end import SCHEME, Sighting
from registry.shown import bars_off

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MESSAGE = "Push of a FUTE registry"
LATEST = "main"
LONGEST = 400  # signs of what the library says that are repeated
PATIENCE = 60  # seconds without a sign of life, after which a hub is away
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
NOT_LET, OVERTAKEN = (401, 403), (409, 412)  # what a hub answers: to whom may not, and where somebody was quicker


class HubRepository:
    """A dataset repository. The library asks, with the token that it finds: no token passes through here."""

    is_elsewhere = True

    def __init__(self, repository: str, revision: str | None, *, public: bool) -> None:
        """`public`: of a repository that is made."""
        self._repository, self._revision, self._public = repository, revision, public

    def __str__(self) -> str:
        at = f"@{self._revision}" if self._revision else ""
        return f"{SCHEME}{self._repository}{at}"

    @property
    def name(self) -> str:
        """The repository's, without its owner."""
        return self._repository.partition("/")[2]

    def look(self) -> Sighting | None:
        """Return the files of the revision; None where there is no repository that this account may read."""
        from_hub = _api()
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        with self._told():
            try:
                info = from_hub.dataset_info(
                    self._repository, revision=self._revision, files_metadata=True, timeout=PATIENCE
                )
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None
        files: dict[Any, Any] = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        sizes_are_numbers = all(isinstance(size, int) and size >= 0 for size in files.values())
        if not sizes_are_numbers or not _COMMIT.fullmatch(str(info.sha)):  # the library makes a file's name of it
            raise StorageError(f"{self}: {_hub()} does not answer as a hub does.")
        return Sighting(files, info.sha, not info.private)

    def fetch(self, file: str, seen: Sighting, *, anew: bool = False) -> Path:
        """Return the file of the commit that was seen, from the library's own cache if it is there."""
        from_hub = _api()
        with self._told():
            from huggingface_hub import constants

            _check_room(Path(constants.HF_HUB_CACHE), seen.files.get(file, 0))
            found: Any = from_hub.hf_hub_download(
                self._repository, file, repo_type="dataset", revision=seen.state, force_download=anew
            )
        return Path(found)

    def put(self, files: Mapping[str, Path], gone: Collection[str], seen: Sighting | None) -> Sighting:
        """Make the repository where there is none, and commit; raise `StorageError` where somebody was quicker."""
        from_hub = _api()
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        if seen is None:
            if self._revision not in (None, LATEST):
                raise InputError(f"There is no {self} yet: push without '@{self._revision}' first.")
            with self._told():
                from_hub.create_repo(self._repository, repo_type="dataset", private=not self._public, exist_ok=True)
            seen = self.look()
            if seen is None or not seen.is_empty:
                raise StorageError(f"{self} cannot be read, or somebody else has just made it: push again.")
        operations: list[Any] = [CommitOperationDelete(name) for name in sorted(gone)]
        operations += [CommitOperationAdd(name, path) for name, path in sorted(files.items())]
        with self._told():
            done = from_hub.create_commit(
                self._repository,
                operations,
                commit_message=MESSAGE,
                repo_type="dataset",
                revision=self._revision,
                parent_commit=seen.state,
            )
        return self._arrived(files, done.oid)

    def _arrived(self, files: Mapping[str, Path], commit: str) -> Sighting:
        """Return what a commit holds, if it is what was pushed: a .gitignore there leaves files out without a word."""
        after = HubRepository(self._repository, commit, public=self._public).look() or Sighting()
        for name, path in files.items():
            if after.files.get(name) != path.stat().st_size:
                raise StorageError(f"{self} did not take {name}: it has a .gitignore or a filter that leaves it out.")
        return after

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one line what the hub did not do; the library raises whatever comes to it."""
        from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

        try:
            yield
        except (RegistryError, MemoryError):
            raise
        except RevisionNotFoundError as error:
            raise InputError(f"{SCHEME}{self._repository} has no revision {self._revision or LATEST!r}.") from error
        except RepositoryNotFoundError as error:
            raise StorageError(f"{self} is not there, or not for you: {_LOG_IN}.") from error
        except HfHubHTTPError as error:
            raise StorageError(self._refusal(error.response.status_code, error)) from error
        except Exception as error:
            raise StorageError(f"{self}, asked of {_hub()}: {_said_by(error)}") from error

    def _refusal(self, status: int, error: Exception) -> str:
        if status in NOT_LET:
            return f"{self} is not for you to change: {_LOG_IN}."
        if status in OVERTAKEN:
            return f"Somebody else has pushed to {self} meanwhile: run 'fute pull {self}', then push again."
        said = " ".join(str(getattr(error, "server_message", None) or first_line(error)).split())
        return f"{self}: the hub answers {status} ({said[:LONGEST]})."


_LOG_IN = "run 'hf auth login', or set HF_TOKEN to a token that may write there"


def _api() -> "HfApi":
    """Return the library's door to the hub that HF_ENDPOINT names."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # nobody is told who uses it with what
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.utils import logging
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise MissingExtraError("The Hugging Face hub needs the library huggingface_hub", "hf") from error
    logging.set_verbosity_error()  # type: ignore[no-untyped-call] # what it notes is said here, in our words
    if bars_off() or not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi(endpoint=_hub())


def _hub() -> str:
    """Return the address of the hub."""
    from huggingface_hub import constants

    return os.environ.get("HF_ENDPOINT") or constants.ENDPOINT


def _said_by(error: Exception) -> str:
    """Return what the library says in one line, with the cause that it names."""
    told, *cause = [" ".join(str(one).split()) or first_line(one) for one in (error, error.__cause__) if one]
    cause = [one for one in cause if one not in told]
    return "".join((told, *(f" ({one})" for one in cause)))[:LONGEST]


def _check_room(cache: Path, size: int) -> None:
    """Raise `StorageError` where a file does not fit on the disk: who pushed it may be a stranger."""
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        raise StorageError(f"The file has {size:,} bytes, {there} has room for {free:,}: set HF_HOME elsewhere.")
