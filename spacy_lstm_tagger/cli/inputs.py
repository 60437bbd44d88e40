"""The pipelines and the data that commands are given."""

from pathlib import Path
from typing import Iterator, Optional, Tuple

from spacy import util
from spacy.language import Language
from spacy.pipeline import Tagger
from spacy.training import Corpus, Example
from wasabi import Printer

from ..compat import spacy_cli
from .terminal import user_errors


def import_code(msg: Printer, code_path: Optional[Path]) -> None:
    """Import a file with registered functions. Exits with a message if that fails."""
    if code_path is not None:
        with user_errors(msg, "Can't import additional code", (ImportError,)):
            spacy_cli("import_code")(code_path)


def load_tagger(
    msg: Printer, model: str, *, code_path: Optional[Path], use_gpu: int
) -> Tuple[Language, Tagger]:
    """Load a pipeline. Exits with a message if there is none, or none that has one
    trained tagger.

    msg (Printer): Prints the messages.
    model (str): The name of an installed pipeline or the path to one.
    code_path (Optional[Path]): A Python file to import before.
    use_gpu (int): The GPU to use, -1 for none.
    RETURNS (Tuple[Language, Tagger]): The pipeline, and its component that sets tags.
    """
    from ..evaluation.probabilities import find_tagger

    import_code(msg, code_path)
    with user_errors(msg, f"Can't use GPU {use_gpu}"):
        spacy_cli("setup_gpu")(use_gpu, silent=False)
    with user_errors(msg, f"Can't load the pipeline '{model}'"):
        nlp = util.load_model(model)
    with user_errors(msg, f"Can't use the pipeline '{model}'"):
        tagger = find_tagger(nlp)
    if tagger.model.has_dim("nO") is None:
        msg.fail(
            f"Can't use the pipeline '{model}'",
            f"Its component '{tagger.name}' has not been trained.",
            exits=1,
        )
    return nlp, tagger


def read_examples(
    msg: Printer, data_path: Path, nlp: Language, *, gold_preproc: bool = False
) -> Iterator[Example]:
    """Read data in .spacy format. Exits with a message if it cannot be read or has no
    tokens.

    msg (Printer): Prints the messages.
    data_path (Path): A file, or a directory of files.
    nlp (Language): The pipeline whose tokenizer to use.
    gold_preproc (bool): Whether to use gold sentences and tokens.
    YIELDS (Example): The examples.
    """
    title = f"Can't read the data '{data_path}'"
    is_empty = True
    with user_errors(msg, title):
        for example in Corpus(data_path, gold_preproc=gold_preproc)(nlp):
            is_empty = False
            yield example
    if is_empty:
        msg.fail(title, "It has no .spacy file with a Doc that has tokens.", exits=1)
