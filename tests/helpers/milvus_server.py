"""A Milvus server for the tests: milvus-lite in a process of its own, which can be killed and started again."""

import socket
import subprocess
import sys
from pathlib import Path

from waiting import LIMIT


class MilvusServer:
    """milvus-lite at a port of this machine."""

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
        where = ("--data-dir", str(self._folder / "data"), "--host", "127.0.0.1", "--port", str(self.port))
        with (self._folder / "log").open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "milvus_lite", "server", *where], stdout=said, stderr=said
            )
        self._wait()

    def kill(self) -> None:
        """Let it die without a word to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(LIMIT)
            self._process = None

    def _wait(self) -> None:
        import grpc

        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            grpc.channel_ready_future(channel).result(timeout=LIMIT)
