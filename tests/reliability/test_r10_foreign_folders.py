"""Loading a model that others made runs no code of theirs, fetches nothing, and ends."""

import contextlib
import pickle
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from goals import Goal
from tiny import tiny_classifier
from traps import HARMLESS, REFUSED, Canary
from waiting import LIMIT

from embedders import create_space
from embedders.black_boxes.registering import hf_model
from embedders.errors import ModelNotUsableError
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.classifiers import ClassifierPredictor
from embedders.surrogate.model import Surrogate
from registry import Registry
from registry.data.inputs import Input
from registry.data.models import HeadKind

TEXTS = ["a fine film", "an awful meal indeed", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"]
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "http.client.connect")
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pty.spawn")


class Watch:
    """Counts what is asked of the network, and programs that are started, while it is on. A hook is there for ever."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._is_on = False
        sys.addaudithook(self._note)

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        if self._is_on and (event in (*NETWORK, *PROGRAMS) or (event == "import" and args[0] == "evil")):
            self.seen.append(event)

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Watch; and end what hangs."""
        self._is_on = True
        signal.alarm(LIMIT)
        yield
        signal.alarm(0)
        self._is_on = False


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier(tmp_path_factory.mktemp("sound") / "m", ["bad", "good"])


def answers(folder: Path) -> bytes:
    """Return what a model answers and how a surrogate sees texts, to the bit."""
    model = ClassifierPredictor(Checkpoint("m", folder, HeadKind.CLASSIFICATION, device="cpu"), ["bad", "good"])
    said = model.predict([Input(text) for text in TEXTS]).probabilities.tobytes()
    return said + Surrogate(folder, device="cpu").text_features(TEXTS).tobytes()


@pytest.mark.goal("R10", "52 trapped folders and files: 0 canaries written, 0 network events, 0 hangs")
def test_trapped_folders_run_nothing(goal: Goal, registry: Registry, sound: Path, watch: Watch, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    usual = answers(sound)
    doors = (
        lambda folder: hf_model(registry, "m", str(folder)),
        lambda folder: create_space(registry, "s", surrogate=str(folder)),
        lambda folder: Checkpoint("m", folder, HeadKind.CLASSIFICATION, device="cpu"),
        lambda folder: Surrogate(folder, device="cpu"),
    )
    for number, (name, trap) in enumerate((REFUSED | HARMLESS).items()):
        folder = Path(shutil.copytree(sound, tmp_path / str(number) / "m"))
        trap(folder, canary)
        with watch.on():
            if name in HARMLESS:
                assert answers(folder) == usual, name
            for door in doors if name in REFUSED else ():
                with pytest.raises(ModelNotUsableError) as told:
                    door(folder)
                assert "\n" not in str(told.value), name
                assert str(folder) in str(told.value), name
        assert not canary.exists(), name
        assert watch.seen == [], name

    assert not any(registry.status().entries.values()), "nothing was registered"
    assert len(REFUSED | HARMLESS) >= 52
    goal.reached(f"{len(REFUSED | HARMLESS)} trapped: 0 canaries, 0 network events, 0 hangs")


def test_the_canary_and_the_watch_would_tell(watch: Watch, tmp_path: Path) -> None:
    with watch.on(), contextlib.suppress(Exception):  # tests have no network
        socket.getaddrinfo("localhost", -1)
    pickle.loads(pickle.dumps(Canary(tmp_path / "canary"))).close()  # noqa: S301 - our own bytes

    assert watch.seen.pop() == "socket.getaddrinfo"
    assert (tmp_path / "canary").exists()
