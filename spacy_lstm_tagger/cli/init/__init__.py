"""The command `init lstm-tagger`. Imports whatever the other rooms offer, but only once
it runs."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..app import init_cli
from .options import Optimizations, Options

OUTPUT_HELP = (
    "File to save the config to or - for stdout (will only output config and no "
    "additional logging info)"
)
LANG_HELP = (
    "Code of the language to use, such as de, or xx if spaCy does not have the language"
)
PIPELINE_HELP = (
    "Comma-separated names of pipeline components, which share one encoder where they "
    "can (without 'tok2vec')"
)
TRANSFORMER_HELP = (
    "Name or path of a transformer that reads the text beside the tagger's own encoder "
    "(needs spacy-transformers)"
)
OPTIMIZE_HELP = (
    "Whether to optimize for efficiency (faster inference, smaller model) or higher "
    "accuracy"
)


@init_cli.command("lstm-tagger")
def init_lstm_tagger_cli(
    output_file: Annotated[Path, typer.Argument(help=OUTPUT_HELP, allow_dash=True)],
    lang: Annotated[str, typer.Option("--lang", "-l", help=LANG_HELP)] = Options.lang,
    pipeline: Annotated[
        str, typer.Option("--pipeline", "-p", help=PIPELINE_HELP)
    ] = ",".join(Options.pipeline),
    optimize: Annotated[
        Optimizations, typer.Option("--optimize", "-o", help=OPTIMIZE_HELP)
    ] = Options.optimize,
    train: Annotated[
        Optional[Path],
        typer.Option(
            "--train",
            "-t",
            help="Location of the training data in .spacy format, which the config is "
            "fitted to",
        ),
    ] = None,
    dev: Annotated[
        Optional[Path],
        typer.Option(
            "--dev", "-d", help="Location of the development data in .spacy format"
        ),
    ] = None,
    vectors: Annotated[
        Optional[str],
        typer.Option("--vectors", "-v", help="Name or path of a pipeline with vectors"),
    ] = None,
    crf: Annotated[
        bool, typer.Option("--crf", help="Let the tags depend on each other")
    ] = False,
    gpu: Annotated[
        bool, typer.Option("--gpu", "-G", help="Train on a GPU instead of the CPU")
    ] = False,
    pretraining: Annotated[
        bool,
        typer.Option(
            "--pretraining",
            "-pt",
            help="Include config for pretraining (with 'spacy pretrain')",
        ),
    ] = False,
    distillation: Annotated[
        bool,
        typer.Option(
            "--distillation",
            "-di",
            help="Include settings for learning from a larger pipeline (with "
            "'lstm-tagger distill')",
        ),
    ] = False,
    transformer: Annotated[
        Optional[str],
        typer.Option("--transformer", "-tr", help=TRANSFORMER_HELP),
    ] = None,
    force_overwrite: Annotated[
        bool, typer.Option("--force", "-F", help="Force overwriting the output file")
    ] = False,
) -> None:
    """
    Generate a config file for training an 'lstm_tagger'. It has the settings that
    are known to work best, with comments, and fits the language, the size of the
    training data, and the components and vectors that are there.
    """
    from .command import init_lstm_tagger

    options = Options(
        lang=lang,
        pipeline=tuple(name.strip() for name in pipeline.split(",")),
        optimize=optimize,
        train=None if train is None else str(train),
        dev=None if dev is None else str(dev),
        vectors=vectors,
        crf=crf,
        gpu=gpu,
        pretraining=pretraining,
        distillation=distillation,
        transformer=transformer,
    )
    init_lstm_tagger(output_file, options, force_overwrite=force_overwrite)
