"""`fute serve`: the registry in a browser."""

import click

from commands.output import tell


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen on; else this machine alone."
)
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 for any.")
@click.option(
    "allowed", "--allow-host", multiple=True, metavar="NAME[:PORT]", help="A further name that browsers may ask under."
)
@click.pass_context
def serve(ctx: click.Context, host: str, port: int, allowed: tuple[str, ...]) -> None:
    """Show the registry in a browser: entries, both questions, the map, jobs. Ctrl-C ends.

    Only this machine is answered unless --host says otherwise, and only what is asked under the names of this machine
    or of --allow-host. Nothing is written, embedded or asked of a model; the same answers are JSON under /api.
    """
    from web.serving import serve as serve_pages

    serve_pages(ctx.obj, host=host, port=port, allowed=allowed, tell=tell)


COMMANDS = (serve,)
