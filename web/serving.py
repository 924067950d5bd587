"""`fute serve`: the pages, served to this machine until Ctrl-C."""

import ipaddress
import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from registry.errors import InputError, MissingExtraError, RegistryError

if TYPE_CHECKING:
    from web.questions import Desk

LOOPBACK, PORT = "127.0.0.1", 8765
BACKLOG = 64
WARNING = (
    "Warning: other machines can reach {host}. Whoever does reads all of this registry, without a password and without "
    "encryption."
)
SETTINGS: dict[str, Any] = {  # of uvicorn
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "ws": "none",
    "lifespan": "off",
    "limit_concurrency": 64,
    "timeout_keep_alive": 5,
    "h11_max_incomplete_event_size": 32_000,  # bytes of a request's first lines
}


def serve(
    location: str | os.PathLike[str] | None,
    *,
    host: str = LOOPBACK,
    port: int = PORT,
    allowed: Sequence[str] = (),
    tell: Callable[[str], object] = print,
) -> None:
    """Serve a registry's pages until the process is interrupted.

    Args:
        location: see `Registry.open`.
        host: the address to listen on.
        port: 0 for any that is free.
        allowed: further names, with or without a port, under which the pages may be asked for.
        tell: what prints a line.

    Raises:
        InputError: there is no registry, or it cannot be listened on.
        MissingExtraError: the extra `web` is not installed.
    """
    try:
        import uvicorn

        from web.app import app_of
        from web.guard import ImpatientProtocol, hosts_of
        from web.questions import Desk
    except ImportError as error:
        raise MissingExtraError("The pages need FastAPI and uvicorn", "web") from error
    from web.opening import open_to_read

    with open_to_read(location) as registry, closing(_listening(host, port)) as listener:
        hosts = hosts_of(host, listener.getsockname()[1], allowed)
        if not is_loopback(host):
            tell(WARNING.format(host=host))
        desk = Desk(registry)
        threading.Thread(target=_warm, args=(desk,), name="first", daemon=True).start()
        address = f"Pages of {registry.catalog.database.location}: http://{hosts[0]}/ (Ctrl-C ends)"

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                tell(address)  # from now on it answers, and Ctrl-C ends it wherever it was started

        with suppress(KeyboardInterrupt):  # the usual end
            config = uvicorn.Config(app_of(desk, hosts=hosts), http=ImpatientProtocol, **SETTINGS)
            Server(config).run(sockets=[listener])


def is_loopback(host: str) -> bool:
    """Say whether an address is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise `InputError` where the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise InputError(
            f"Cannot listen on {host[:100]}, port {port}: {error.strerror or error}; name another with --port."
        ) from error
    return listener


def _warm(desk: "Desk") -> None:
    """Read the current space's index, so that the first question need not wait for it."""
    with suppress(RegistryError):  # whoever asks is told
        desk.warm()
