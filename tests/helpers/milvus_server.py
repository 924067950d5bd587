"""A Milvus server for the tests, in processes of its own, which can be killed and started again.

It is milvus-lite, or a standalone server where FUTE_TEST_MILVUS names a Python with the package `milvus`, which is one.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from waiting import LIMIT, until

STANDALONE = "FUTE_TEST_MILVUS"
_RUN = """
import socket, sys, time
from milvus import MilvusServer, MilvusServerConfig

def bound(config, port):  # also where one that was killed has just been
    tried = socket.socket()
    tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        tried.bind(("127.0.0.1", port))
    except OSError:
        return None
    return tried

MilvusServerConfig.try_bind_port = bound
server = MilvusServer(wait_for_started=False)
server.set_base_dir(sys.argv[1])
server.listen_port = int(sys.argv[2])
server.start()
while True:
    time.sleep(60)
"""


def command(folder: Path, port: int) -> list[str]:
    """Return what starts a server over a folder."""
    if python := os.environ.get(STANDALONE):
        return [python, "-c", _RUN, str(folder / "data"), str(port)]
    where = ("--data-dir", str(folder / "data"), "--host", "127.0.0.1", "--port", str(port))
    return [sys.executable, "-m", "milvus_lite", "server", *where]


class MilvusServer:
    """A server at a port of this machine."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def address(self) -> str:
        """Where it is, or was."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it over what it holds."""
        with (self._folder / "log").open("ab") as said:
            self._process = subprocess.Popen(
                command(self._folder, self.port), stdout=said, stderr=said, start_new_session=True
            )
        self._wait()

    def kill(self) -> None:
        """Let it die without a word to anybody."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(LIMIT)
            self._process = None

    def _wait(self) -> None:
        import grpc

        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            grpc.channel_ready_future(channel).result(timeout=LIMIT)
        until(self._answers)

    def _answers(self) -> bool:
        from registry.errors import StorageError
        from registry.index.milvus import Milvus

        try:
            Milvus(self.address).collections("")
        except StorageError:  # it listens before it is ready
            return False
        return True
