"""The work on a corpus, in several processes of one machine."""

import multiprocessing
import os
import re
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import pyarrow as pa
import pyarrow.compute as pc

from ..compat import spacy_cli
from .options import TOKENS, Documents, Format
from .parts import Job
from .reading import TABLE_SIZE, Part, read_parts, rows_of_size
from .tables import ERROR, TableTagger, tag_read
from .writing import write_tables

# What tells libraries how many threads to use.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# How long to wait for results, in seconds.
PATIENCE = 0.2
# What `write_tables` writes to before a file is complete, with the process.
LEFTOVER = re.compile(rf"\..*-\d{{5,}}\.({'|'.join(Format)})\.\d+\.tmp")


class Plan(NamedTuple):
    """What is made of the parts of a corpus.

    tagger (TableTagger): Tags them. Its columns are those that the format needs.
    documents (Documents): What a document is in text.
    format (Format): The format of the outputs.
    output_dir (Path): Their folder.
    code_path (Optional[Path]): A file to import before the pipeline is loaded.
    """

    tagger: TableTagger
    documents: Documents
    format: Format
    output_dir: Path
    code_path: Optional[Path] = None


class Done(NamedTuple):
    """What was done of a part.

    part (str): Its input and number.
    n_bytes (int): Bytes of the input.
    n_words (int): Words that were tagged: none if it had an output before.
    n_texts (int): Texts that were tagged, those below included.
    n_failed (int): Texts that can't be read, or that the pipeline failed on.
    problem (Optional[str]): What the first of them has, or why the whole part can't be
        read. Such a part has no output.
    is_readable (bool): Whether it can be read.
    """

    part: str
    n_bytes: int
    n_words: int = 0
    n_texts: int = 0
    n_failed: int = 0
    problem: Optional[str] = None
    is_readable: bool = True


class ProcessKilled(RuntimeError):
    """Raised when a process ends before its work does."""


def do_job(plan: Plan, job: Job) -> Iterator[Done]:
    """Tag the parts of a job that have no output yet.

    YIELDS (Done): What was done of each part.
    RAISES (OSError): If a file can't be read or written.
    """
    number = job.number
    try:
        for part in read_parts(job, plan.documents, plan.tagger.text_column):
            number = part.number
            yield _do_part(plan, job, part)
    except ValueError as error:
        # Of a compressed file, what comes after that can't be read.
        yield Done(_describe(job, number), 0, problem=str(error), is_readable=False)


def do_jobs(plan: Plan, jobs: Iterable[Job], n_workers: int) -> Iterator[Done]:
    """Do jobs in several processes, each of which has a pipeline and one thread.

    YIELDS (Done): What was done of each part, in any order.
    RAISES (OSError): If a file can't be read or written.
    RAISES (ProcessKilled): If a process was killed.
    """
    # Not a fork: this process may have threads.
    context = multiprocessing.get_context("spawn")
    results: Any = context.SimpleQueue()
    waiting = iter(jobs)
    with (
        _one_thread(),
        ProcessPoolExecutor(n_workers, context, _start, (plan, results)) as pool,
    ):
        try:
            # One more each, so that none waits. There may be many jobs.
            running = {pool.submit(_do, job) for job in islice(waiting, 2 * n_workers)}
            while running:
                ended, running = wait(running, PATIENCE, FIRST_COMPLETED)
                while not results.empty():
                    yield results.get()
                for future in ended:
                    future.result()
                more = islice(waiting, len(ended))
                running |= {pool.submit(_do, job) for job in more}
        except BaseException as error:
            # There may be hours of work left when there is an error or Ctrl-C. Where
            # there is none, the processes end by themselves: Python fails at its exit
            # if that is not waited for.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
                process.join()
            # They had no time for it, and the disk may be full.
            remove_leftovers(plan.output_dir)
            if isinstance(error, BrokenProcessPool):
                raise ProcessKilled(
                    "A process was killed, perhaps for want of memory. The same "
                    "command goes on: with fewer '--workers', it needs less."
                ) from None
            raise


def remove_leftovers(output_dir: Path) -> None:
    """Remove what processes that were killed have left behind."""
    for path in output_dir.rglob(".*.tmp"):
        if LEFTOVER.fullmatch(path.name):
            path.unlink(missing_ok=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes that are started meanwhile compute with one thread each: those of
    several would get in each other's way."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _do_part(plan: Plan, job: Job, part: Part) -> Done:
    """Write the output of a part, unless it is there."""
    place = _describe(job, part.number)
    name = f"{job.name}-{part.number:05d}.{plan.format.value}"
    path = plan.output_dir / name
    if path.exists():
        return Done(place, part.n_bytes)
    path.parent.mkdir(parents=True, exist_ok=True)
    counts: List[Tuple[int, int]] = []
    errors: List[str] = []

    def tag() -> Iterator[pa.Table]:
        for table in chain.from_iterable(map(_slice, part.read())):
            tagged = tag_read(plan.tagger, table)
            lengths = pc.list_value_length(tagged.column(TOKENS))
            counts.append((pc.sum(lengths).as_py() or 0, len(tagged)))
            errors.extend(tagged.column(ERROR).drop_null().to_pylist())
            yield tagged

    try:
        write_tables(path, plan.format, tag())
    except (ValueError, pa.ArrowNotImplementedError, RecursionError) as error:
        # The last two: types that Parquet has not, and JSON too deep to be written.
        return Done(place, part.n_bytes, problem=str(error), is_readable=False)
    n_words, n_texts = map(sum, zip(*counts))
    problem = errors[0] if errors else None
    return Done(place, part.n_bytes, n_words, n_texts, len(errors), problem)


def _slice(table: pa.Table) -> Iterator[pa.Table]:
    """Cut a table into smaller ones. What is made of it is larger than its texts."""
    n_rows = rows_of_size(len(table), table.nbytes, TABLE_SIZE)
    for start in range(0, max(1, len(table)), n_rows):
        yield table.slice(start, n_rows)


def _describe(job: Job, number: int) -> str:
    return f"part {number} of '{job.sources[0].path}'"


# In a process of its own.

_WORK: Dict[str, Any] = {}


def _start(plan: Plan, results: Any) -> None:
    """Prepare a process for the jobs of a plan."""
    # Ctrl-C goes to all processes. The one that started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if plan.code_path is not None:
        spacy_cli("import_code")(plan.code_path)
    _WORK.update(plan=plan, results=results)


def _do(job: Job) -> None:
    # Before anything is read: if it can't be loaded, no part is to blame.
    _ = _WORK["plan"].tagger.nlp
    for done in do_job(_WORK["plan"], job):
        _WORK["results"].put(done)


def _end_with_parent() -> None:
    """End this process if the one that started it is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
