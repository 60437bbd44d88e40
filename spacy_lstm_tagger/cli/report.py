"""The command `lstm-tagger report`."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import CodePath, GoldPreproc, GpuId, Model, lstm_tagger_cli
from .inputs import load_tagger, read_examples
from .terminal import make_printer, user_errors

TRAIN_HELP = (
    "Location of the training data in .spacy format, for accuracy on unknown words"
)


@lstm_tagger_cli.command("report")
def report_cli(
    model: Model,
    data_path: Annotated[
        Path, typer.Argument(help="Location of binary evaluation data in .spacy format")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Output HTML file")
    ] = Path("report.html"),
    train_path: Annotated[
        Optional[Path], typer.Option("--train", "-t", help=TRAIN_HELP)
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
    from ..evaluation.probabilities import NoTagsError

    msg = make_printer()
    folder = output.absolute().parent
    if not folder.is_dir():
        msg.fail("Output directory not found", folder, exits=1)
    if output.is_dir():
        msg.fail("Can't write the report", f"'{output}' is a directory.", exits=1)
    with user_errors(msg, "Can't write the report", (ImportError,)):
        # Plots need packages that are installed on request only.
        from ..evaluation.report import count_words, write_report
    nlp, _ = load_tagger(msg, model, code_path=code_path, use_gpu=use_gpu)
    examples = list(read_examples(msg, data_path, nlp, gold_preproc=gold_preproc))
    word_counts = None
    if train_path is not None:
        train = read_examples(msg, train_path, nlp)
        word_counts = count_words(example.reference for example in train)
    with user_errors(msg, "Can't write the report", (NoTagsError, OSError)):
        write_report(nlp, examples, output, word_counts=word_counts)
    msg.good(f"Saved report to {output}")
