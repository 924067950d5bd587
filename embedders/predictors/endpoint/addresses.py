"""Which addresses may an endpoint have? Nothing is fetched or looked up here."""

import ipaddress
import os
import re
import socket
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from embedders.errors import SettingError
from registry.shown import is_secret_in_path

_METADATA_NAMES = (
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
)
_METADATA = frozenset(  # where clouds tell a machine its own secrets, beside the link-local addresses
    map(
        ipaddress.ip_address,
        ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    )
)
_IPV4_WITHIN = ipaddress.ip_network("64:ff9b::/96")  # addresses of IPv4 to hosts that have none
_LOOKS_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_API_VERSION = re.compile(r"([^?]*)(\?api-version=[A-Za-z0-9][A-Za-z0-9._-]{0,40})")
_KEY_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,127}")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Place(NamedTuple):
    """Where an endpoint is: its base URL without a final slash, and the origin that its key is bound to."""

    url: str
    origin: tuple[str, str, int]  # scheme, host, port
    query: str = ""  # the version of Azure's API with its question mark, which follows each path

    @property
    def whole(self) -> str:
        """The base URL with the query, as it is given and kept."""
        return self.url + self.query


def checked_url(url: str) -> Place:
    """Return a base URL as a place that may be asked.

    Raises:
        SettingError: it is no plain http(s) address, or that of a machine's own metadata.
    """
    shown = repr(url[:200])
    versioned = _API_VERSION.fullmatch(url)
    query = versioned[2] if versioned else ""
    url = versioned[1] if versioned else url
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in ' \\"<>^`{|}'):
        raise SettingError("The endpoint's URL has characters that no URL has: give it as https://HOST/v1.")
    if any(sign in url for sign in "@#?%"):
        raise SettingError(
            "The endpoint's URL has a user, a query, a fragment or an escape in it: give only https://HOST/v1 (and "
            "Azure's ?api-version=); a key is read from the environment with --key-env."
        )
    if is_secret_in_path(url.partition("://")[2].partition("/")[2]):
        raise SettingError(
            "The endpoint's URL seems to have a key in its path, which would be stored: give the URL without it, and "
            "the key by --key-env."
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingError(f"{shown} is not a URL: give it as https://HOST/v1.") from None
    if parts.scheme not in ("http", "https") or not url.lower().startswith(f"{parts.scheme}://"):
        raise SettingError(f"{shown} is not an http or https URL: give it as https://HOST/v1.")
    if not host or port == 0 or parts.netloc.endswith(":") or any(one in (".", "..") for one in parts.path.split("/")):
        raise SettingError(f"{shown} has no host, port or path that can be asked: give it as https://HOST/v1.")
    _check_host(f"[{host}]" if "[" in parts.netloc else host, shown)
    origin = (parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme])
    return Place(_bare(parts), origin, query)


def checked_key_name(name: str | None) -> str | None:
    """Return the name of an environment variable; what is no name, perhaps a key itself, is not repeated."""
    if name is not None and not _KEY_NAME.fullmatch(name):
        raise SettingError(
            "--key-env is the NAME of an environment variable, in capitals, such as OPENAI_API_KEY; the key itself is "
            "never stored."
        )
    return name


def key_of(name: str | None) -> str | None:
    """Return the key in an environment variable; raise `SettingError` where there is none."""
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise SettingError(f"The endpoint's key is missing: set the environment variable {name}.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingError(f"What the environment variable {name} holds is no key: it has blanks or odd characters.")
    return key


def check_address(text: str) -> None:
    """Raise `SettingError` where an IP address is not to be asked, whatever name led there."""
    address = ipaddress.ip_address(text.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    for reached in (address, *_within(address)):
        is_nobodys = reached.is_link_local or reached.is_multicast or reached.is_unspecified or reached.is_reserved
        if reached in _METADATA or (is_nobodys and not reached.is_loopback):  # ::1 is reserved too
            raise SettingError(
                f"The endpoint's address {text} is not to be asked: it is link-local, a cloud's metadata or nobody's. "
                "Give another --endpoint."
            )


def _check_host(host: str, shown: str) -> None:
    address = _as_address(host.rstrip("."))
    if address is not None:
        check_address(str(address))
        return
    name = host.removesuffix(".")
    if not _HOST.fullmatch(name) or ".." in name:
        raise SettingError(f"{shown} has no host that can be asked: give it as https://HOST/v1.")
    if name in _METADATA_NAMES:
        raise SettingError(f"{name} is a cloud's metadata, which is never asked: give another --endpoint.")


def _as_address(host: str) -> Address | None:
    """Return the address that a host is, in any spelling that the system reads: decimal, octal, hex, short."""
    if host.startswith("["):
        try:
            return ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise SettingError(f"{host[:60]!r} is not an address: give it as https://HOST/v1.") from None
    if not _LOOKS_NUMERIC.fullmatch(host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        raise SettingError(f"{host[:60]!r} is not an address: give it as https://HOST/v1.") from None


def _within(address: Address) -> list[Address]:
    """Return the addresses of IPv4 that one of IPv6 leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    is_padded = int(address) >> 32 == 0 and int(address) > 1  # ::a.b.c.d; not ::1
    tunnelled = [address.sixtofour, *(address.teredo or ())]
    trailing = [last] if is_padded or address in _IPV4_WITHIN else []
    return [inner for inner in tunnelled if inner is not None] + trailing


def _bare(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}".rstrip("/")
