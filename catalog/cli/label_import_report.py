"""What an import did, in words."""

import click

from catalog.formatting import show
from catalog.label_import.run import Outcome

FEW = 20  # names of a kind that are shown; --json has all


def report(outcome: Outcome) -> None:
    """Figures to stdout, what could not be done to stderr."""
    plan = outcome.plan
    click.echo(f"{outcome.files} files: {plan.count('keep')} newly keep, {plan.count('delete')} newly delete")
    for words, count in outcome.seen.items():
        click.echo(f"  {count} {words}")
    if plan.same:
        click.echo(f"  {plan.same} were labelled so already")
    conflicts = [f"{show(new.path)}: you said {old.value}, it says {new.value}" for old, new in plan.conflicts]
    _name(conflicts, "kept as you labelled them by hand (--overwrite lets the import win)")
    _name([" and ".join(show(one.path) for one in ones) for ones in plan.torn], "said to be both; not labelled")
    _name([f"{show(path)}: {why}" for path, why in outcome.refused], "could not be used")


def _name(lines: list[str], words: str) -> None:
    if lines:
        click.echo(f"  {len(lines)} {words}")
        for line in lines[:FEW]:
            click.echo(f"    {line}", err=True)
        if len(lines) > FEW:
            click.echo(f"    and {len(lines) - FEW} more; --json names all", err=True)
