"""The command `lstm-tagger report`."""

import datetime
from pathlib import Path
from typing import Annotated, Optional

import typer
from wasabi import Printer

from .app import CodePath, GoldPreproc, GpuId, Model, lstm_tagger_cli
from .inputs import load_another_tagger, load_tagger, read_examples
from .terminal import make_printer, user_errors

TRAIN_HELP = (
    "Location of the training data in .spacy format, for accuracy on unknown words"
)
COMPARE_HELP = (
    "Name or path of another pipeline, to show where the two differ. It may have "
    "spaCy's tagger"
)
ERRORS_HELP = "Output file for all errors, as tab-separated values"


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
    compare: Annotated[Optional[str], typer.Option(help=COMPARE_HELP)] = None,
    errors: Annotated[Optional[Path], typer.Option(help=ERRORS_HELP)] = None,
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
    _check_outputs(msg, output, errors)
    with user_errors(msg, "Can't write the report", (ImportError,)):
        # Plots need packages that are installed on request only.
        from ..evaluation.report import OtherPipeline, count_words, write_report
    nlp, _ = load_tagger(msg, model, code_path=code_path, use_gpu=use_gpu)
    examples = list(read_examples(msg, data_path, nlp, gold_preproc=gold_preproc))
    other = None
    if compare is not None:
        other_nlp, _ = load_another_tagger(msg, compare)
        found = read_examples(msg, data_path, other_nlp, gold_preproc=gold_preproc)
        other = OtherPipeline(other_nlp, list(found), compare)
    word_counts = None
    if train_path is not None:
        train = read_examples(msg, train_path, nlp)
        word_counts = count_words(example.reference for example in train)
    with user_errors(msg, "Can't write the report", (NoTagsError, OSError)):
        write_report(
            nlp,
            examples,
            output,
            word_counts=word_counts,
            model_name=model,
            data_name=str(data_path),
            date=datetime.date.today(),
            other=other,
            errors=errors,
        )
    msg.good(f"Saved report to {output}")
    if errors is not None:
        msg.good(f"Saved errors to {errors}")


def _check_outputs(msg: Printer, output: Path, errors: Optional[Path]) -> None:
    """Exit with a message if a file can't be written. Tagging may take long."""
    for path in [output] if errors is None else [output, errors]:
        folder = path.absolute().parent
        if not folder.is_dir():
            msg.fail("Output directory not found", folder, exits=1)
        if path.is_dir():
            msg.fail("Can't write the report", f"'{path}' is a directory.", exits=1)
    if errors is not None and errors.resolve() == output.resolve():
        msg.fail(
            "Can't write the report",
            f"'{errors}' can't hold both the report and the errors. Use two files.",
            exits=1,
        )
