"""Bytes by the hash of what they hold."""

import hashlib
import zlib

from registry.catalog.tables import Content
from registry.errors import IntegrityError


def body_of(row: Content | None, sha256: str) -> bytes:
    """Return stored bytes; raise `IntegrityError` where they are missing, or not what was stored."""
    if row is None:
        raise IntegrityError(f"Content {sha256} is missing from the catalog: restore it from a backup.")
    try:
        body = zlib.decompress(row.body)
    except zlib.error:
        body = b""
    if hashlib.sha256(body).hexdigest() != sha256:
        raise IntegrityError(f"Content {sha256} is damaged: restore the catalog from a backup.")
    return body
