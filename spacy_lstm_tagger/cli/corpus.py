"""The command `lstm-tagger corpus`."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Dict, List

import typer
from wasabi import Printer

from ..checksum import checksum_folder
from ..corpus.options import CONFIDENCES, Documents, Engine, Format
from ..files import check_settings
from ..progress import leave_out_of_estimate, make_byte_bar
from .app import CodePath, Model, lstm_tagger_cli
from .cluster import tag_on_ray
from .inputs import load_tagger
from .terminal import make_printer, print_warning, user_errors

if TYPE_CHECKING:
    from ..corpus.parts import Source
    from ..corpus.work import Plan

INPUTS_HELP = (
    "Files, folders and patterns of files: text (.txt) and JSON objects, one in each "
    "line (.jsonl), both compressed or not (.gz, .zst, .xz), or Parquet (.parquet). "
    "With --engine ray, also URLs, such as s3://bucket/texts"
)
ENGINE_HELP = (
    "What does the work: processes of this machine, or those of a Ray cluster, which "
    "writes Parquet and starts from the beginning if it is interrupted"
)
COLUMNS_HELP = (
    "Comma-separated columns besides tokens and tags: pos, lemmas, spaces, "
    "sentence_starts, confidences"
)
# In the folder of the outputs.
SETTINGS = "corpus.json"
# Of the parts that can't be read, or that have texts that fail.
N_SHOWN = 10


@lstm_tagger_cli.command("corpus")
def corpus_cli(
    model: Model,
    inputs: Annotated[List[str], typer.Argument(help=INPUTS_HELP, metavar="INPUT")],
    output: Annotated[
        str, typer.Argument(help="Output directory", metavar="OUTPUT_DIR")
    ],
    documents: Annotated[
        Documents, typer.Option("--documents", "-d", help="What a document is in text")
    ] = Documents.line,
    format: Annotated[
        Format, typer.Option("--format", "-f", help="Format of the output")
    ] = Format.parquet,
    text_column: Annotated[
        str, typer.Option("--text-column", "-t", help="Column or field with the texts")
    ] = "text",
    columns: Annotated[str, typer.Option("--columns", "-C", help=COLUMNS_HELP)] = "",
    n_workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, help="Number of processes")
    ] = 1,
    engine: Annotated[
        Engine, typer.Option("--engine", "-e", help=ENGINE_HELP)
    ] = Engine.processes,
    code_path: CodePath = None,
) -> None:
    """
    Tag a corpus of any size. Each part of the input, some 16 MB of it, becomes a file
    of its own, which is written whole or not at all. If the command is interrupted, the
    same command goes on: it makes only what is not there. Where a text can't be
    read, or the pipeline fails on it, the column 'error' says why.
    """
    msg = make_printer()
    advice = "Install it with: pip install 'spacy-lstm-tagger[corpus]'"
    with user_errors(msg, "Can't work on a corpus", (ImportError,), advice=advice):
        from ..corpus import parts
        from ..corpus.reading import check_text_column
        from ..corpus.tables import TableTagger
        from ..corpus.work import Plan, remove_leftovers

    with user_errors(msg, "Can't add these columns"):
        wanted = _choose_columns(columns, format)
        tagger = TableTagger(model, text_column=text_column, columns=wanted)
    if engine is Engine.ray:
        tag_on_ray(
            msg,
            tagger,
            inputs,
            output,
            documents=documents,
            format=format,
            n_workers=n_workers,
            code_path=code_path,
        )
        return
    with user_errors(msg, "Can't read the corpus"):
        _check_local([*inputs, output])
        output_dir = Path(output)
        sources = parts.find_sources(inputs, output_dir)
        for source in sources:
            check_text_column(source, text_column)
    # Each process loads it by itself. Here, to see that it can be.
    nlp, _ = load_tagger(msg, model, code_path=code_path, use_gpu=-1, silent=True)
    settings = {
        "model": checksum_folder(nlp.path),
        "columns": wanted,
        "text_column": text_column,
        "documents": documents.value,
        "format": format.value,
        "part_size": parts.PART_SIZE,
        **_describe_sources(sources, documents),
    }
    del nlp
    with user_errors(msg, f"Can't write to '{output_dir}'"):
        check_settings(output_dir / SETTINGS, settings)
        remove_leftovers(output_dir)
    plan = Plan(tagger, documents, format, output_dir, code_path)
    _do_all(msg, plan, sources, n_workers)


def _check_local(names: List[str]) -> None:
    """Check that inputs and outputs are on this machine.

    RAISES (ValueError): If one is not.
    """
    from ..corpus.parts import is_url

    for name in names:
        if is_url(name):
            raise ValueError(
                f"'{name}' is not a path of this machine. With '--engine ray', it is "
                f"read and written as Ray does it."
            )


def _choose_columns(columns: str, format: Format) -> List[str]:
    """Return the columns that are needed or asked for.

    RAISES (ValueError): If the format has no place for one.
    """
    names = [name.strip() for name in columns.split(",") if name.strip()]
    if CONFIDENCES in names and format in (Format.conllu, Format.spacy):
        raise ValueError(
            f"'{CONFIDENCES}' have no place in the format '{format.value}': choose "
            f"'{Format.parquet.value}' or '{Format.jsonl.value}'."
        )
    return list(dict.fromkeys([*format.needs, *names]))


def _describe_sources(sources: List["Source"], documents: Documents) -> Dict[str, Any]:
    """Return what must not change while a corpus is tagged in several runs."""
    described: Dict[str, Any] = {}
    for source in sources:
        status = source.path.stat()
        path = str(source.path.resolve())
        described[f"input '{source.name}'"] = [path, status.st_size, status.st_mtime_ns]
    if documents is Documents.file:
        # They are joined to parts: one more would change all parts after it.
        described["inputs"] = [source.name for source in sources]
    return described


def _do_all(
    msg: Printer, plan: "Plan", sources: List["Source"], n_workers: int
) -> None:
    """Do what has not been done, and exit with a message if some of it can't be."""
    from ..corpus.parts import cut_sources
    from ..corpus.work import ProcessKilled, do_jobs

    n_words = n_texts = n_failed = 0
    problems: List[str] = []
    unread: List[str] = []
    start = time.monotonic()
    size = sum(source.path.stat().st_size for source in sources)
    jobs = cut_sources(sources, plan.documents)
    title = f"Can't go on: what is done is in '{plan.output_dir}'"
    with (
        make_byte_bar("Tagging", size) as bar,
        user_errors(msg, title, (OSError, ValueError, ProcessKilled)),
    ):
        for done in do_jobs(plan, jobs, n_workers):
            if not done.is_readable:
                unread.append(f"{done.part}: {done.problem}")
            elif done.problem is not None:
                problems.append(f"{done.part}: {done.problem}")
            if not done.n_texts:
                leave_out_of_estimate(bar, done.n_bytes)
            n_words, n_texts = n_words + done.n_words, n_texts + done.n_texts
            n_failed += done.n_failed
            speed = n_words / (time.monotonic() - start)
            bar.set_postfix_str(f"{speed:,.0f} words/s", refresh=False)
            bar.update(done.n_bytes)
    if n_failed:
        print_warning(
            f"{n_failed:,} of {n_texts:,} texts can't be read, or the pipeline has "
            f"failed on them:"
        )
        print("\n".join(problems[:N_SHOWN]), file=sys.stderr)
    if unread:
        msg.fail(f"Can't read {len(unread)} parts, and has done the others:")
        print("\n".join(unread[:N_SHOWN]))
    elif n_texts:
        speed = n_words / (time.monotonic() - start)
        msg.good(f"Tagged {n_words:,} words ({speed:,.0f} a second): {plan.output_dir}")
    else:
        msg.good(f"There is nothing left to do: {plan.output_dir}")
    if unread or 0 < n_texts == n_failed:
        sys.exit(1)
