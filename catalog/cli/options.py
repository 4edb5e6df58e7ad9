"""Options and output that the commands share: the configuration, the open catalog, JSON and messages."""

import json
from collections.abc import Callable, Iterable
from functools import update_wrapper
from typing import Any, TypeVar

import click

from catalog.config.load import load_config
from catalog.context import CatalogContext

Function = TypeVar("Function", bound=Callable[..., Any])

config_option = click.option(
    "--config", "config_file", metavar="FILE", help="Configuration file (else $CATALOG_CONFIG, XDG, /etc)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON: one object, or one per line for lists.")


def named_config_file(ctx: click.Context, config_file: str | None) -> str | None:
    """Return the `--config` given after the command's name or before it; None if neither."""
    return config_file or ctx.find_root().obj


def with_catalog(function: Function) -> Function:
    """Add `--config` to a command, and pass it the open catalog as its first argument."""

    @config_option
    @click.pass_context
    def wrapper(ctx: click.Context, /, config_file: str | None, **values: Any) -> Any:
        return function(CatalogContext(load_config(named_config_file(ctx, config_file))), **values)

    return update_wrapper(wrapper, function)  # type: ignore[return-value]


def say(line: str) -> None:
    """Print a message for a person to stderr; stdout is for results."""
    click.echo(line, err=True)


def echo_json(value: object) -> None:
    """Print one JSON object on one line, in ASCII: a name that is not UTF-8 survives as escaped surrogates."""
    click.echo(json.dumps(value))


def echo_json_lines(values: Iterable[object]) -> None:
    """Print one JSON object per line."""
    for value in values:
        echo_json(value)
