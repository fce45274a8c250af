"""The command line: one short function per verb, no logic.

verbs             the command `srdata` and its groups of verbs
prepare_verbs     prepare, degrade, train-resampler
look_verbs        list, show, inspect, verify, explain, replay, preview, report, doctor, schema
recipe_verbs      recipe from, recipe to
score_verbs       classify, evaluate
evaluate_request  what `evaluate` is asked for
set_verbs         join, split
share_verbs       export, publish
options           arguments and options that several verbs have
option_groups     help in groups, on one screen
exit_status       from an error to a line and an exit status
"""

from srdata.cli.exit_status import main, run
from srdata.cli.verbs import cli

__all__ = ["cli", "main", "run"]
