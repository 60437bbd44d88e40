"""The command `lstm-tagger report`."""

from pathlib import Path
from typing import Optional

from spacy import util
from spacy.training import Corpus
from wasabi import Printer


def report(
    model: str,
    data_path: Path,
    output: Path,
    *,
    train_path: Optional[Path] = None,
    gold_preproc: bool = False,
    silent: bool = True,
) -> None:
    """Write a report on the tags of a pipeline.

    model (str): The name of an installed pipeline or the path to one.
    data_path (Path): Evaluation data in .spacy format.
    output (Path): The HTML file to write.
    train_path (Optional[Path]): The training data, likewise.
    gold_preproc (bool): Whether to tag gold sentences and tokens.
    silent (bool): Whether to print nothing.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    if not data_path.exists():
        msg.fail("Evaluation data not found", data_path, exits=1)
    if train_path is not None and not train_path.exists():
        msg.fail("Training data not found", train_path, exits=1)
    if not output.absolute().parent.exists():
        msg.fail("Output directory not found", output.absolute().parent, exits=1)
    try:
        from ..evaluation.report import count_words, write_report
    except ImportError as error:
        # Plots need what is installed on request only.
        msg.fail("Can't write a report", error, exits=1)
    nlp = util.load_model(model)
    examples = list(Corpus(data_path, gold_preproc=gold_preproc)(nlp))
    word_counts = None
    if train_path is not None:
        train_corpus = Corpus(train_path)
        word_counts = count_words(example.reference for example in train_corpus(nlp))
    write_report(nlp, examples, output, word_counts=word_counts)
    msg.good(f"Saved report to {output}")
