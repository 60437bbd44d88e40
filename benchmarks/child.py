"""What is measured in processes of their own, where nothing but spaCy is imported.

Each task gets a fork of a process that has imported spaCy, since importing it takes
longer than most of them. For Linux."""

import json
import multiprocessing
import os
import re
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Dict, List

import spacy
from spacy.language import Language
from texts import cut_texts, read_texts

# By default, threads that wait for another one keep a core busy: where there are fewer
# free cores than threads, that other one waits for them, a thousand times as long.
PATIENCE = {"OMP_WAIT_POLICY": "passive"}


def run(tasks: List[Dict[str, Any]], *, n_threads: int = 1) -> List[Any]:
    """Perform tasks, one after the other.

    tasks (List[Dict[str, Any]]): For each, the name of one of the functions below as
        "function", and its arguments.
    n_threads (int): The threads of each.
    RETURNS (List[Any]): What they return.
    """
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(tasks),
        stdout=subprocess.PIPE,
        encoding="utf8",
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": str(n_threads), **PATIENCE},
    )
    return json.loads(done.stdout)


def load_and_tag(path: str, config: Dict[str, Any], texts: str) -> Dict[str, float]:
    """The seconds that it takes to load a pipeline, and memory in bytes: once it is
    loaded, and at most, once it has tagged the texts in a file."""
    start = time.perf_counter()
    nlp = spacy.load(path, config=config)
    seconds = time.perf_counter() - start
    loaded = peak_memory()
    for _ in nlp.pipe(read_strings(texts)):
        pass
    return {"seconds": seconds, "loaded": loaded, "peak": peak_memory()}


def pipe_texts(
    path: str, config: Dict[str, Any], texts: str, batch_size: int, n_docs: int
) -> int:
    """The most memory that `nlp.pipe` takes."""
    nlp = spacy.load(path, config=config)
    strings = read_strings(texts)
    stream = (strings[i % len(strings)] for i in range(n_docs))
    for _ in nlp.pipe(stream, batch_size=batch_size):
        pass
    return peak_memory()


def tag_long_doc(path: str, config: Dict[str, Any], texts: str, n_tokens: int) -> int:
    """The most memory that one long document takes."""
    nlp = spacy.load(path, config=config)
    (text,) = cut_texts(read_texts(Path(texts)), n_tokens, 1)
    nlp(text.make_doc(nlp.vocab))
    return peak_memory()


def tag_with_threads(
    pipelines: Dict[str, Any], texts: str, repeats: int, n_threads: int
) -> Dict[str, Any]:
    """The seconds that pipelines take in turns, as `Timing` has them."""
    # Not above: what this module imports is in the memory of all.
    import torch
    from measure import measure_docs

    torch.set_num_threads(n_threads)
    loaded: Dict[str, Language] = {
        name: spacy.load(path, config=config)
        for name, (path, config) in pipelines.items()
    }
    # Forks of a process have one thread, which loading may have found out.
    torch.set_num_threads(n_threads)
    return measure_docs(loaded, read_texts(Path(texts)), repeats)


def read_strings(path: str) -> List[str]:
    return [str(text) for text in read_texts(Path(path))]


def peak_memory() -> int:
    """The most bytes that this process has had in memory. Not `ru_maxrss`, which on
    Linux counts the process that this one was started by."""
    status = Path("/proc/self/status").read_text("utf8")
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


def perform(task: Dict[str, Any], sender: Connection) -> None:
    arguments = {key: value for key, value in task.items() if key != "function"}
    sender.send(globals()[task["function"]](**arguments))


def perform_alone(task: Dict[str, Any]) -> Any:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=perform, args=(task, sender))
    process.start()
    # This one's end: the other one closes with the process, whatever happens there.
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError(f"A process has failed: {task}") from None
    finally:
        process.join()


if __name__ == "__main__":
    json.dump([perform_alone(task) for task in json.load(sys.stdin)], sys.stdout)
