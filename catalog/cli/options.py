"""What every command needs: the configuration, a connection, and a way to put out data."""

import json
from collections.abc import Callable, Iterable
from functools import update_wrapper
from typing import Any, TypeVar

import click

from catalog.config.load import load_config
from catalog.context import CatalogContext

Function = TypeVar("Function", bound=Callable[..., Any])

config_option = click.option(
    "--config", "config_file", metavar="FILE", help="The configuration (else $CATALOG_CONFIG, XDG, /etc)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON: one object, or one a line for lists.")


def named_config_file(ctx: click.Context, config_file: str | None) -> str | None:
    """The configuration that was named, at the command or before it."""
    return config_file or ctx.find_root().obj


def with_catalog(function: Function) -> Function:
    """Give a command `--config` and, as its first argument, the open catalog."""

    @config_option
    @click.pass_context
    def wrapper(ctx: click.Context, /, config_file: str | None, **values: Any) -> Any:
        return function(CatalogContext(load_config(named_config_file(ctx, config_file))), **values)

    return update_wrapper(wrapper, function)  # type: ignore[return-value]


def say(line: str) -> None:
    """Print a message for a person: to stderr, since stdout is for results."""
    click.echo(line, err=True)


def echo_json(value: object) -> None:
    """One JSON object on one line. ASCII only: a name that is no text survives as escaped surrogates."""
    click.echo(json.dumps(value))


def echo_json_lines(values: Iterable[object]) -> None:
    """One JSON object a line."""
    for value in values:
        echo_json(value)
