"""The command `lstm-tagger tag`."""

from pathlib import Path
from typing import Annotated, Iterable, Iterator, Optional, TextIO

import typer
from spacy.language import Language
from spacy.pipeline import Tagger

from ..conllu import format_conllu
from ..progress import show_progress
from .app import CodePath, GpuId, Inputs, Model, lstm_tagger_cli
from .formats import Format, format_jsonl, format_table, format_tsv
from .inputs import STANDARD_INPUT, check_inputs, load_tagger, read_texts
from .outputs import open_output
from .terminal import is_utf8, make_printer, shows_color

FORMAT_HELP = (
    "Format of the output. In tsv, there is a blank line after each text; conllu has "
    "no probabilities."
)


@lstm_tagger_cli.command("tag")
def tag_cli(
    model: Model,
    inputs: Inputs = None,
    format: Annotated[
        Format, typer.Option("--format", "-f", help=FORMAT_HELP)
    ] = Format.table,
    output: Annotated[
        Optional[Path],
        typer.Option("--output", "-o", help="Output file, instead of standard output"),
    ] = None,
    code_path: CodePath = None,
    use_gpu: GpuId = -1,
) -> None:
    """
    Tag texts and print them as tables, TSV, JSONL or CoNLL-U, with the probability
    of each tag. On a terminal, tables are colored by it: green from 0.8, yellow from
    0.5, red below.
    """
    msg = make_printer()
    inputs = inputs or [STANDARD_INPUT]
    check_inputs(msg, inputs)
    with open_output(msg, output) as file:
        nlp, tagger = load_tagger(
            msg, model, code_path=code_path, use_gpu=use_gpu, silent=True
        )
        texts = read_texts(msg, inputs, max_length=nlp.max_length)
        use_color = output is None and shows_color(msg)
        parts = _tag(nlp, tagger, texts, format, file, use_color=use_color)
        # Among results on a terminal, a progress bar is in the way.
        for part in show_progress(parts, "Tagging", unit="text", hide=file.isatty()):
            file.write(part)
    if output is not None:
        msg.good(f"Saved tags to {output}")


def _tag(
    nlp: Language,
    tagger: Tagger,
    texts: Iterable[str],
    format: Format,
    file: TextIO,
    *,
    use_color: bool,
) -> Iterator[str]:
    """Tag texts and yield the output for each."""
    from ..evaluation.probabilities import tag_texts

    if format is Format.conllu:
        # It has no probabilities, so the network need not run a second time for them.
        for number, doc in enumerate(nlp.pipe(texts), 1):
            yield format_conllu(doc, str(number))
        return
    for doc, confidences in tag_texts(nlp, tagger, texts):
        if format is Format.tsv:
            yield format_tsv(doc, confidences)
        elif format is Format.jsonl:
            # Escapes of a terminal that is not UTF-8 would not be JSON.
            yield format_jsonl(doc, confidences, ensure_ascii=not is_utf8(file))
        else:
            yield format_table(doc, confidences, use_color=use_color)
