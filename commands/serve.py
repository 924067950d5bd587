"""`fute serve` and `fute mcp`: the registry in a browser, and for an agent."""

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


@click.command()
@click.pass_context
def mcp(ctx: click.Context) -> None:
    """Answer an agent's questions over the Model Context Protocol, on standard input and output.

    A host such as an editor or a chat program starts this command itself. Its tools are the questions of nearest,
    best-prompt, best-model and compare, and list-entries, show-entry and status; their answers are what the commands
    print with --json. Nothing is written, embedded or asked of a model.
    """
    from web.agents.server import serve as serve_agents

    serve_agents(ctx.obj, tell=lambda line: tell(line, err=True))


COMMANDS = (serve, mcp)
