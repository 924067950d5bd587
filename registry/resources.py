"""Where the program's own data lie: beside the packages in a checkout, inside `registry` in a wheel."""

from pathlib import Path


def resource(name: str) -> Path:
    """Return the folder `migrations`, `examples` or `packs`."""
    here = Path(__file__).parent
    installed = here / "resources" / name
    return installed if installed.is_dir() else here.parent / name
