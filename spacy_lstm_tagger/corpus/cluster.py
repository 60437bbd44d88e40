"""The work on a corpus, on a cluster of Ray."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import pyarrow as pa
import pyarrow.dataset
import ray
from pyarrow.fs import FileSelector, FileSystem, FileType
from ray.data import ActorPoolStrategy, DataContext, Dataset, TaskPoolStrategy
from ray.exceptions import RayError, UserCodeException

from ..compat import spacy_cli
from ..texts import DAMAGED
from .options import TOKENS, Documents
from .parts import (
    COMPRESSIONS,
    KINDS,
    PARQUET,
    PART_SIZE,
    Source,
    find_sources,
    is_url,
)
from .reading import DECOMPRESS, Part, read_stream
from .tables import ERROR, UNREAD, TableTagger, tag_read
from .work import THREADS

# CPUs that a process and a task reserve. Processes that took whole ones could leave
# none for the tasks that read: all would wait for ever.
WORKER_CPUS, TASK_CPUS = 0.99, 0.01
# A task reads and writes as fast as so many processes tag, and more.
WORKERS_OF_TASK = 8
# Ray reads a file of text at once: no larger ones, in bytes.
MAX_FILE_SIZE = 1_000_000_000
# Times that work is repeated whose process has been killed. By default, Ray never ends
# where a text kills each process that reads it.
N_RETRIES = 3
# Requests to an object store at a time.
N_THREADS = 32


class Counts(NamedTuple):
    """What there is in the output.

    n_words, n_texts (int): The words, and the texts, those below included.
    n_failed (int): The texts that can't be read or that the pipeline has failed on,
        and the parts that can't be read.
    """

    n_words: int = 0
    n_texts: int = 0
    n_failed: int = 0


class ClusterError(RuntimeError):
    """Raised when Ray can't do the work."""


class Plan(NamedTuple):
    """What is made of a corpus.

    tagger (TableTagger): Tags it. All nodes find its pipeline.
    documents (Documents): What a document is in text.
    paths (List[str]): The files, all of one kind: absolute paths and URLs.
    output (str): The folder of the outputs: an absolute path or a URL.
    n_workers (int): The processes that tag.
    code_path (Optional[Path]): A file to import before the pipeline is loaded.
    """

    tagger: TableTagger
    documents: Documents
    paths: List[str]
    output: str
    n_workers: int
    code_path: Optional[Path] = None


def find_paths(inputs: Sequence[str], output: str) -> List[str]:
    """Find the files of a corpus.

    inputs (Sequence[str]): Files, folders, patterns, and URLs of files and folders.
    output (str): The folder of the outputs, which are none of them.
    RETURNS (List[str]): Absolute paths, and URLs as Ray takes them.
    RAISES (ValueError): If there are none, if they are not all of one kind, or if one
        is too large.
    RAISES (OSError): If a folder can't be listed.
    """
    local = [name for name in inputs if not is_url(name)]
    sources = find_sources(local, Path(output))
    for source in sources:
        size = source.path.stat().st_size
        if source.kind != PARQUET and size > MAX_FILE_SIZE:
            raise ValueError(
                f"'{source.path}' has {size:,} bytes, and Ray reads a file of text at "
                f"once, up to {MAX_FILE_SIZE:,}. Cut it up, convert it to Parquet, or "
                f"leave out '--engine'."
            )
    urls = [path for name in inputs if is_url(name) for path in _list_url(name)]
    paths = [str(source.path.resolve()) for source in sources] + urls
    if not paths:
        raise ValueError("There are no files but those in the folder of the outputs.")
    kinds = sorted({_find_kind(path) for path in paths})
    if len(kinds) != 1:
        raise ValueError(
            f"There are files of several kinds ({', '.join(kinds)}), and Ray reads "
            f"one: name those of each apart."
        )
    return paths


def check_output(output: str) -> str:
    """Check that nothing is in a folder.

    RETURNS (str): It as an absolute path, or a URL.
    RAISES (ValueError): If something is in it.
    RAISES (OSError): If it can't be listed.
    """
    if not is_url(output):
        output = str(Path(output).resolve())
    filesystem, path = FileSystem.from_uri(output)
    if filesystem.get_file_info(path).type is FileType.File:
        raise ValueError(f"'{output}' is a file. Name a folder.")
    selector = FileSelector(path, allow_not_found=True)
    if filesystem.get_file_info(selector):
        raise ValueError(
            f"'{output}' is not empty. Ray starts from the beginning, and would mix "
            f"old and new files: empty it, or name another folder."
        )
    return output


def tag_corpus(plan: Plan) -> Counts:
    """Tag a corpus on the cluster that Ray is connected to, or that it finds. Without
    one, it starts one on this machine.

    RAISES (ValueError): If there are no texts in the column, or it can't be extended.
    RAISES (ClusterError): If something can't be read, tagged or written.
    """
    try:
        if not ray.is_initialized():
            ray.init()
        _tag(_read(plan), plan).write_parquet(
            plan.output,
            ray_remote_args={"num_cpus": TASK_CPUS},
            concurrency=_count_tasks(plan),
        )
    except RayError as error:
        raise ClusterError(_describe(error)) from error
    return _count(plan.output)


def _tag(dataset: Dataset, plan: Plan) -> Dataset:
    with warnings.catch_warnings():
        # Ray 2.64 may want another name for the retries.
        warnings.simplefilter("ignore", DeprecationWarning)
        return dataset.map_batches(
            _Worker,
            fn_constructor_args=(plan.tagger, plan.code_path),
            compute=ActorPoolStrategy(size=plan.n_workers),
            batch_format="pyarrow",
            num_cpus=WORKER_CPUS,
            max_task_retries=N_RETRIES,
            runtime_env={"env_vars": dict.fromkeys(THREADS, "1")},
        )


class _Worker:
    """A process that tags. Ray starts it again if it ends, and repeats its work."""

    def __init__(self, tagger: TableTagger, code_path: Optional[Path]) -> None:
        if code_path is not None:
            spacy_cli("import_code")(code_path)
        self._tagger = tagger

    def __call__(self, table: pa.Table) -> pa.Table:
        if not table.num_rows:
            # Ray may not know its columns.
            return table
        return tag_read(self._tagger, table)


def _read(plan: Plan) -> Dataset:
    tasks: Dict[str, Any] = {"num_cpus": TASK_CPUS, "concurrency": _count_tasks(plan)}
    if _find_kind(plan.paths[0]) == PARQUET:
        with _without_listing():
            tables = _limit(ray.data.read_parquet(plan.paths, **tasks))
        plan.tagger.extend_schema(tables.schema().base_schema)
        return tables
    files = ray.data.read_binary_files(plan.paths, include_paths=True, **tasks)
    # Ray's types don't know functions of several arguments.
    parse: Any = _parse
    return _limit(files).map_batches(
        parse,
        fn_args=(plan.tagger, plan.documents),
        compute=TaskPoolStrategy(size=_count_tasks(plan)),
        batch_format="pyarrow",
        num_cpus=TASK_CPUS,
    )


@contextmanager
def _without_listing() -> Iterator[None]:
    """Let Ray read Parquet as it did before there was a task that lists files. That
    reserves a CPU, which the processes that tag may have taken for good."""
    context = DataContext.get_current()
    before = getattr(context, "use_datasource_v2", None)
    if before is not None:
        context.use_datasource_v2 = False
    try:
        yield
    finally:
        if before is not None:
            context.use_datasource_v2 = before


def _limit(dataset: Dataset) -> Dataset:
    """Let all that comes out of tables be in order, and tables be as large as parts."""
    dataset.context.target_max_block_size = PART_SIZE
    dataset.context.execution_options.preserve_order = True
    return dataset


def _count_tasks(plan: Plan) -> int:
    return 1 + plan.n_workers // WORKERS_OF_TASK


def _parse(
    files: pa.Table, tagger: TableTagger, documents: Documents
) -> Iterator[pa.Table]:
    """Parse files that are rows of a table. A part that can't be read is a row without
    a text, and with the reason."""
    for data, path in zip(files.column("bytes"), files.column("path")):
        name = path.as_py()
        stream: Any = pa.BufferReader(data.as_buffer())
        # Ray unpacks the others.
        if name.endswith(".xz"):
            stream = DECOMPRESS[".xz"](stream)
        try:
            for part in read_stream(stream, name, documents, tagger.text_column):
                yield _read_part(part, name, tagger)
        except DAMAGED as error:
            yield _make_unread(f"The rest of '{name}' is damaged: {error}", tagger)


def _read_part(part: Part, name: str, tagger: TableTagger) -> pa.Table:
    try:
        table = pa.concat_tables(part.read(), promote_options="default")
        # The fields of JSON may differ from part to part.
        if table.num_rows:
            tagger.extend_schema(table.schema)
    except ValueError as error:
        return _make_unread(
            f"Can't read part {part.number} of '{name}': {error}", tagger
        )
    return table


def _make_unread(reason: str, tagger: TableTagger) -> pa.Table:
    text = pa.array([None], pa.string())
    return pa.table({tagger.text_column: text, UNREAD: [reason]})


def _list_url(url: str) -> List[str]:
    """Return the files of a folder, or the URL of a file as it is, which Ray may know
    how to read where Arrow does not."""
    if _find_kind(url) in KINDS:
        return [url]
    filesystem, path = FileSystem.from_uri(url)
    infos = filesystem.get_file_info(FileSelector(path, recursive=True))
    base = len(path.rstrip("/"))
    names = sorted(info.path[base:] for info in infos if info.type is FileType.File)
    found = [
        f"{url.rstrip('/')}{name}"
        for name in names
        if _find_kind(name) in KINDS and "/." not in name
    ]
    if not found:
        raise ValueError(
            f"There are no files in '{url}' that end in {', '.join(KINDS)}, compressed "
            f"({', '.join(COMPRESSIONS)}) or not."
        )
    return found


def _find_kind(path: str) -> str:
    return Source(Path(path), path).kind


def _describe(error: RayError) -> str:
    """Return what an error of Ray's comes from."""
    cause = getattr(error, "cause", None)
    if cause is None or isinstance(cause, UserCodeException):
        # Only the traceback of the process has it.
        return str(error)
    return str(cause)


def _count(output: str) -> Counts:
    """Count what is in files by what stands at their ends."""
    files = pyarrow.dataset.dataset(output, format="parquet").get_fragments()
    with ThreadPoolExecutor(N_THREADS) as pool:
        counts = list(pool.map(_count_file, files))
    return Counts(*map(sum, zip(*counts))) if counts else Counts()


def _count_file(file: Any) -> Counts:
    n_values: Dict[str, int] = {TOKENS: 0, ERROR: 0}
    for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            # A list is an element that is null if it is empty.
            name = column.path_in_schema.split(".")[0]
            if name in n_values:
                n_values[name] += column.num_values - column.statistics.null_count
    return Counts(n_values[TOKENS], file.metadata.num_rows, n_values[ERROR])
