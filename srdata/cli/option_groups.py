"""Help whose options stand in groups: on one screen what most people need, and all of it by --help-all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from srdata.cli.options import WithWindows

_ALL = f"{__name__}.all"  # in the context: nothing is left out


class InGroups(WithWindows):
    """A verb of many options: `groups` names them by title, `rare` those that --help leaves out."""

    def __init__(self, *arguments: Any, groups: Mapping[str, str], rare: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._groups = {title: flags.split() for title, flags in groups.items()}
        self._rare = set(rare.split())
        self.params.append(
            click.Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=self._show_all,
                help="Show this message with every option and exit.",
            )
        )

    def _show_all(self, context: click.Context, option: click.Parameter, given: bool) -> None:
        if given:
            context.meta[_ALL] = True
            click.echo(self.get_help(context))
            context.exit()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options in their groups."""
        options = {option.opts[-1]: option for option in self.get_params(ctx)}
        hidden = set() if ctx.meta.get(_ALL) else self._rare
        for title, flags in self._groups.items():
            rows = [options[flag].get_help_record(ctx) for flag in flags if flag not in hidden]
            with formatter.section(title):
                formatter.write_dl([row for row in rows if row is not None])
