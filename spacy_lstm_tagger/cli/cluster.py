"""What the command `lstm-tagger corpus` does on a cluster."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, List, Optional

from wasabi import Printer

from ..corpus.options import Documents, Format
from .inputs import load_tagger
from .terminal import print_warning, user_errors

if TYPE_CHECKING:
    from ..corpus.tables import TableTagger


def tag_on_ray(
    msg: Printer,
    tagger: "TableTagger",
    inputs: List[str],
    output: str,
    *,
    documents: Documents,
    format: Format,
    n_workers: int,
    code_path: Optional[Path],
) -> None:
    """Tag a corpus on a cluster of Ray. Exits with a message if that fails.

    msg (Printer): Prints the messages.
    tagger (TableTagger): Tags it.
    inputs (List[str]): The files, folders, patterns and URLs of the corpus.
    output (str): The folder of the outputs, or its URL.
    documents (Documents): What a document is in text.
    format (Format): The format that is asked for.
    n_workers (int): The number of processes.
    code_path (Optional[Path]): A Python file to import before the pipeline is loaded.
    """
    advice = "Install it with: pip install 'spacy-lstm-tagger[ray]'"
    with user_errors(msg, "Can't use Ray", (ImportError,), advice=advice):
        from ..corpus import cluster

    if format is not Format.parquet:
        msg.fail(
            f"Can't write the format '{format.value}' with Ray",
            f"It writes '{Format.parquet.value}'. Leave out '--engine' for others.",
            exits=1,
        )
    with user_errors(msg, "Can't read the corpus"):
        paths = cluster.find_paths(inputs, output)
    with user_errors(msg, f"Can't write to '{output}'"):
        output = cluster.check_output(output)
    # Each process loads it by itself. Here, to see that it can be.
    load_tagger(msg, tagger.model, code_path=code_path, use_gpu=-1, silent=True)
    if Path(tagger.model).exists():
        # Processes may run in other folders.
        tagger.model = str(Path(tagger.model).resolve())
    code_path = code_path and code_path.resolve()
    plan = cluster.Plan(tagger, documents, paths, output, n_workers, code_path)
    start = time.monotonic()
    errors = (OSError, ValueError, cluster.ClusterError)
    with user_errors(msg, f"Can't go on: '{output}' is not complete", errors):
        counts = cluster.tag_corpus(plan)
    if counts.n_failed:
        print_warning(
            f"{counts.n_failed:,} of {counts.n_texts:,} texts can't be read, or the "
            f"pipeline has failed on them: the column 'error' says why"
        )
    speed = counts.n_words / (time.monotonic() - start)
    msg.good(f"Tagged {counts.n_words:,} words ({speed:,.0f} a second): {output}")
    if 0 < counts.n_texts == counts.n_failed:
        sys.exit(1)
