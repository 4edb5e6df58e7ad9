"""`catalog completion`: what makes the shell complete our words."""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  eval "$(catalog completion bash)"             in ~/.bashrc
    zsh:   eval "$(catalog completion zsh)"              in ~/.zshrc
    fish:  catalog completion fish | source              in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click.Choice admits only shells that click knows
    click.echo(kind(ctx.find_root().command, {}, "catalog", "_CATALOG_COMPLETE").source())
