"""The command `debug lstm-tagger`. Imports whatever the other rooms offer, but only
once it runs."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..app import CODE_HELP, debug_cli
from ..inputs import import_code, parse_overrides
from ..terminal import make_printer


@debug_cli.command(
    "lstm-tagger",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def debug_lstm_tagger_cli(
    ctx: typer.Context,  # This is only used to read additional arguments
    config_path: Annotated[
        Path, typer.Argument(help="Path to config file", allow_dash=True)
    ],
    code_path: Annotated[
        Optional[Path], typer.Option("--code-path", "--code", "-c", help=CODE_HELP)
    ] = None,
    no_format: Annotated[
        bool, typer.Option("--no-format", "-NF", help="Don't pretty-print the results")
    ] = False,
) -> None:
    """
    Analyze the tags of your training and development data. Reports what each
    'lstm_tagger' of the config will find there: tags that are rare or missing,
    unknown and ambiguous words, lengths, tokens without a tag, texts that seem to
    be in another language, and settings that are far from good ones. As for
    'train', settings of the config can be overridden on the command line, such as
    --paths.train ./train.spacy.
    """
    from .command import debug_lstm_tagger

    msg = make_printer(pretty=not no_format)
    overrides = parse_overrides(msg, ctx.args)
    import_code(msg, code_path)
    debug_lstm_tagger(msg, config_path, overrides)
