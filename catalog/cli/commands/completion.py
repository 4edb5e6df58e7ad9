"""`catalog completion`: the shell's completion script."""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  add `eval "$(catalog completion bash)"` to ~/.bashrc
    zsh:   add `eval "$(catalog completion zsh)"` to ~/.zshrc
    fish:  add `catalog completion fish | source` to ~/.config/fish/config.fish

    \b
    Examples:
      catalog completion bash > ~/.local/share/bash-completion/completions/catalog
    """
    completion_class = get_completion_class(shell)
    assert completion_class is not None  # click.Choice accepts only shells that click knows
    click.echo(completion_class(ctx.find_root().command, {}, "catalog", "_CATALOG_COMPLETE").source())
