"""The way to servers of this machine, for a test that starts one: all tests are kept from the network."""

import socket
from typing import Any

import pytest

CONNECT = socket.socket.connect  # the real one: the tests' own refuses every connection


def reach_loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test reach loopback, and nothing else."""

    def connect(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - whatever a family's address is
        assert str(address[0]).startswith("127.0.0."), "a test tried to use the network"
        CONNECT(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
