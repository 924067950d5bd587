"""What the shell completes: names of entries, prompts and spaces of the registry that the command line means."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from registry import Registry


MOST = 500  # names that a shell is given to choose from


def names_of(*kinds: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return the completion of the names of these kinds of entry; none for all."""

    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        from registry.catalog import Filter
        from registry.kinds import EntryKind

        where = Filter(kinds=tuple(EntryKind(kind) for kind in kinds))
        return _known(
            ctx, incomplete, lambda registry: registry.catalog.entries.beginning(incomplete, where, limit=MOST)
        )

    return complete


def spaces(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a space."""
    return _known(ctx, incomplete, lambda registry: [space.name for space in registry.catalog.spaces.all()])


def packs(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a pack in use."""
    return _known(ctx, incomplete, lambda registry: registry.packs.names())


def _known(ctx: click.Context, incomplete: str, names: "Callable[[Registry], list[str]]") -> list[str]:
    """Return the names that begin so; nothing where there is no registry, for a shell cannot be told why."""
    from registry.errors import RegistryError
    from registry.registry import Registry

    try:
        with Registry.open(ctx.find_root().params.get("registry")) as registry:
            return sorted(name for name in names(registry) if name.startswith(incomplete))
    except RegistryError:
        return []
