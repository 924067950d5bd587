"""`fute evaluate`: the field's metrics against measured truth."""

import click

from commands.evaluate.prompts import prompts
from commands.evaluate.transfer import transfer
from commands.evaluate.unify import unify


@click.group()
def evaluate() -> None:
    """Evaluations: methods against measured truth, with the field's metrics."""


for command in (transfer, unify, prompts):
    evaluate.add_command(command)
