"""The command `srdata`: its verbs, in the groups and the order in which a person would use them."""

from __future__ import annotations

from typing import Any

import click

import srdata
from srdata.cli.look_verbs import (
    doctor,
    explain,
    hashes,
    inspect,
    list_,
    preview,
    replay,
    report,
    schema,
    show,
    verify,
)
from srdata.cli.prepare_verbs import annotate, curate, degrade, prepare, train_resampler
from srdata.cli.recipe_verbs import recipe
from srdata.cli.score_verbs import classify, evaluate, upscale
from srdata.cli.set_verbs import join, split
from srdata.cli.share_verbs import export, publish
from srdata.errors import nearest

GROUPS = {
    "Prepare": (prepare, degrade, curate, annotate, join, split, train_resampler, recipe),
    "Look": (list_, show, inspect, verify, explain, replay, preview, report, doctor, hashes, schema),
    "Train and score": (classify, upscale, evaluate),
    "Share": (export, publish),
}


class _Verbs(click.Group):
    """Suggests the nearest verb for a mistyped one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = nearest(args[0], self.list_commands(ctx))
            raise click.UsageError(f"{error.message.rstrip('.')}{hint}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs by what a person does with them."""
        for title, verbs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(str(verb.name), verb.get_short_help_str(75)) for verb in verbs])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(srdata.__version__, prog_name="srdata")
@click.option("--verbose", is_flag=True, help="Show the traceback of an error.")
def cli(verbose: bool) -> None:
    """Prepare training data for image super-resolution.

    Start with: srdata prepare sample --scale 4 --lmdb
    """


for _verbs in GROUPS.values():
    for _verb in _verbs:
        cli.add_command(_verb)
