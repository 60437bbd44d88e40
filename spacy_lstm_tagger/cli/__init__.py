"""Commands for spaCy's command line, a file or folder each. Imports whatever the other
rooms offer, but only once a command runs."""

from pathlib import Path
from typing import Annotated, List, Optional

import typer
from spacy.cli._util import (
    Arg,
    Opt,
    app,
    debug_cli,
    import_code,
    parse_config_overrides,
    setup_gpu,
)

# spaCy imports this module whatever command it runs: the functions import the rest.

HELP = """Commands of spacy-lstm-tagger."""
CODE_HELP = (
    "Path to Python file with additional code (registered functions) to be imported"
)
TRAIN_HELP = (
    "Location of the training data in .spacy format, for accuracy on unknown words"
)

# Options that several commands have.
Model = Annotated[str, Arg(help="Model name or path")]
CodePath = Annotated[Optional[Path], Opt("--code", "-c", help=CODE_HELP)]
GpuId = Annotated[int, Opt("--gpu-id", "-g", help="GPU ID or -1 for CPU")]
GoldPreproc = Annotated[
    bool, Opt("--gold-preproc", "-G", help="Use gold preprocessing")
]

lstm_tagger_cli = typer.Typer(name="lstm-tagger", help=HELP, no_args_is_help=True)
app.add_typer(lstm_tagger_cli)


@debug_cli.command(
    "lstm-tagger",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def debug_lstm_tagger_cli(
    ctx: typer.Context,  # This is only used to read additional arguments
    config_path: Annotated[
        Path, Arg(help="Path to config file", exists=True, allow_dash=True)
    ],
    code_path: Annotated[
        Optional[Path], Opt("--code-path", "--code", "-c", help=CODE_HELP)
    ] = None,
    no_format: Annotated[
        bool, Opt("--no-format", "-NF", help="Don't pretty-print the results")
    ] = False,
) -> None:
    """
    Analyze the tags of your training and development data. Reports what each
    'lstm_tagger' of the config will find there: tags that are rare or missing,
    unknown and ambiguous words, lengths, and tokens without a tag.
    """
    overrides = parse_config_overrides(ctx.args)
    import_code(code_path)
    from .debug.command import debug_lstm_tagger

    debug_lstm_tagger(
        config_path, config_overrides=overrides, no_format=no_format, silent=False
    )


@lstm_tagger_cli.command("report")
def report_cli(
    model: Model,
    data_path: Annotated[
        Path,
        Arg(help="Location of binary evaluation data in .spacy format", exists=True),
    ],
    output: Annotated[
        Path, Opt("--output", "-o", help="Output HTML file", dir_okay=False)
    ] = Path("report.html"),
    train_path: Annotated[
        Optional[Path], Opt("--train", "-t", help=TRAIN_HELP, exists=True)
    ] = None,
    code_path: CodePath = None,
    use_gpu: GpuId = -1,
    gold_preproc: GoldPreproc = False,
) -> None:
    """
    Write a report on the tags of a trained pipeline: one HTML file with its
    accuracy on known and unknown words, the scores of each tag, and its most
    frequent confusions with examples. Expects a loadable spaCy pipeline and
    evaluation data in the binary .spacy format.
    """
    import_code(code_path)
    setup_gpu(use_gpu, silent=False)
    from .report import report

    report(
        model,
        data_path,
        output,
        train_path=train_path,
        gold_preproc=gold_preproc,
        silent=False,
    )


@lstm_tagger_cli.command("tag")
def tag_cli(
    model: Model,
    texts: Annotated[List[str], Arg(help="Texts to tag")],
) -> None:
    """
    Tag texts and print them as tables, with the probability of each tag.
    """
    from .tag import tag

    tag(model, texts)


@lstm_tagger_cli.command("calibrate")
def calibrate_cli(
    model: Model,
    data_path: Annotated[
        Path,
        Arg(help="Location of binary development data in .spacy format", exists=True),
    ],
    output: Annotated[Path, Arg(help="Directory to save to", file_okay=False)],
    code_path: CodePath = None,
    use_gpu: GpuId = -1,
    gold_preproc: GoldPreproc = False,
) -> None:
    """
    Fit the temperature of a trained pipeline's tagger, so that its probabilities
    say how often it is right, and save the pipeline with it, or as it is if they
    are no better with it. Tags stay the same, unless a CRF takes the most probable
    tag of each token. Expects data that the pipeline was not trained on.
    """
    import_code(code_path)
    setup_gpu(use_gpu, silent=False)
    from .calibrate import calibrate

    calibrate(model, data_path, output, gold_preproc=gold_preproc, silent=False)
