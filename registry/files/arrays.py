"""What numpy raises for files that it cannot read."""

import zipfile
import zlib

# What numpy and zipfile raise for files that are damaged, of another kind, or hold pickled objects. A single
# array (.npy) is a TypeError; an unknown compression a NotImplementedError, which is a RuntimeError.
UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    OSError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
