"""`fute map`, `fute heatmap`, and `--plot`: what is asked, as a picture or as a page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from commands.completion import spaces
from commands.output import registry_of, tell

LAYOUTS = ("distances", "pca", "tsne", "umap")  # registry.views has them, and needs numpy; a test holds them together
GROUPS = ("kind", "family", "model", "tag")
F = TypeVar("F", bound=Callable[..., Any])


class Drawable(Protocol):
    """What can be drawn."""

    def plot(self) -> Any:  # noqa: ANN401, D102 - a picture
        ...


def plot_option(command: F) -> F:
    """Give a command the option `--plot`."""
    told = "Draw it too, as FILE.png, .svg or .pdf."
    return click.option(
        "picture", "--plot", metavar="FILE", type=click.Path(path_type=Path), callback=_checked, help=told
    )(command)


def _checked(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse an ending before anything takes long."""
    if path is None:
        return None
    from registry.views.charts.picture import checked_ending

    return checked_ending(path)


def write_plot(result: Drawable, path: Path | None) -> None:
    """Draw a result where a picture was asked for, and say so on stderr."""
    if path is not None:
        result.plot().save(path)
        tell(f"Picture written to {path}", err=True)


@click.command("map")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default=LAYOUTS[0],
    show_default=True,
    help="How entries are "
    "placed: distances keeps all distances as well as a plane can, tsne and umap keep neighbours together.",
)
@click.option("--colour-by", type=click.Choice(GROUPS), default=GROUPS[0], show_default=True, help="What colours mean.")
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@click.pass_context
def map_(ctx: click.Context, file: Path, layout: str, colour_by: str, space: str | None) -> None:
    """Draw the space as FILE: near entries stand near each other.

    FILE.html is a page that works offline: moved, zoomed, searched, filtered and coloured as one likes. FILE.png, .svg
    and .pdf are pictures. FILE.csv and .parquet are points with x and y, FILE.tsv points for the TensorBoard projector,
    with FILE-metadata.tsv beside. Of more than 1,000 entries a sample is drawn. umap needs the library umap-learn.
    """
    registry_of(ctx).draw_map(file, space=space, layout=layout, colour_by=colour_by)
    tell(f"Map written to {file}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@click.pass_context
def heatmap(ctx: click.Context, file: Path, space: str | None) -> None:
    """Draw how alike all of a space are as FILE.png, .svg, .pdf or .html, those that belong together side by side.

    Of more than 1,000 entries a sample is drawn.
    """
    from registry.views.charts.page import ENDING
    from registry.views.charts.picture import checked_ending

    checked_ending(file, (ENDING,))
    registry_of(ctx).heatmap(space=space).save(file)
    tell(f"Heatmap written to {file}")


COMMANDS = (map_, heatmap)
