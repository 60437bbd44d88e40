"""Servers: threads that tag with one pipeline, and workers that are forked."""

import copy
import itertools
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Iterable, List

import numpy
import pytest
from pages import read_steps
from spacy.language import Language
from spacy.tokens import Doc
from util import SMALL, TRAIN_DATA, make_trained, run_script

from spacy_lstm_tagger.encoder.fast.form_cache import FormCache

WORDS = [word for words, _ in TRAIN_DATA for word in words]
TEXTS = [" ".join(words) for words, _ in TRAIN_DATA]
LONG_TEXT = " ".join(WORDS * 40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server. Its pipeline is wide enough for torch to use several
    threads."""
    config = {"model": {"tok2vec": {"width": 256, "depth": 1}}}
    folder = tmp_path_factory.mktemp("server")
    (folder / "training").mkdir()
    make_trained(config=config, steps=2).to_disk(folder / "training" / "model-best")
    return folder


def confidences(docs: Iterable[Doc]) -> List[float]:
    return [token._.confidence for doc in docs for token in doc]


def test_threads_that_tag_new_words_get_what_one_thread_gets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the component keeps of words is dropped all the time, while other threads
    read it."""
    nlp = make_trained(config={**SMALL, "confidence_attribute": "confidence"})
    monkeypatch.setitem(FormCache.__init__.__kwdefaults__, "max_bytes", 20_000)
    words = map("".join, itertools.product("aeinorst", repeat=4))
    batches = [
        [" ".join([*itertools.islice(words, 6), *WORDS[:6]]) for _ in range(10)]
        for _ in range(24)
    ]
    nlp_alone = copy.deepcopy(nlp)
    alone = [confidences(nlp_alone.pipe(texts)) for texts in batches]

    def tag(i: int) -> List[float]:
        # By turns as a stream, and text by text.
        texts = batches[i]
        return confidences(nlp.pipe(texts) if i % 2 else map(nlp, texts))

    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(tag, range(len(batches))), alone):
            numpy.testing.assert_allclose(found, wanted, atol=1e-5)


FORKING = """
    import json, os, signal
    from concurrent.futures import ThreadPoolExecutor

    import spacy
    import torch

    from util import tags_of

    # As many as a user has who sets nothing: a fork does not inherit them.
    torch.set_num_threads(4)
    nlp = spacy.load("training/model-best")
    texts = {texts!r}

    def tag(_=None):
        return [tags_of(doc) for doc in nlp.pipe(texts)]

    def tag_in_threads():
        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(tag, range(3)))

    def work(path):
        # Ends a worker that hangs.
        signal.alarm(300)
        with open(path, "w") as file:
            json.dump([tag_in_threads(), torch.get_num_threads()], file)

    if {when!r} == "used":
        tag()
    workers = []
    for i in range(2):
        worker = os.fork()
        if not worker:
            status = 1
            try:
                work(f"{{i}}.json")
                status = 0
            finally:
                os._exit(status)
        workers.append(worker)
    statuses = [os.waitpid(worker, 0)[1] for worker in workers]
    print(json.dumps([statuses, tag()]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("when", ["loaded", "used"])
def test_forked_workers_tag_in_threads_as_their_parent_does(
    folder: Path, when: str
) -> None:
    """`used` is a parent that has tagged. A worker has one thread of torch for each of
    its own."""
    script = FORKING.format(texts=[*TEXTS, LONG_TEXT], when=when)
    statuses, alone = json.loads(run_script(script, cwd=folder))
    assert statuses == [0, 0]
    for i in range(2):
        found = json.loads((folder / f"{i}.json").read_text())
        assert found == [[alone] * 3, 1]


COUNTING = """
    import os
    import threading
    from concurrent.futures import ThreadPoolExecutor

    import spacy
    import torch

    nlp = spacy.load("training/model-best")
    are_all_there = threading.Barrier(4)

    def tag(_):
        are_all_there.wait()
        nlp({text!r})

    for n_threads in (None, 2, 1):
        if n_threads:
            torch.set_num_threads(n_threads)
        nlp({text!r})
        before = os.listdir("/proc/self/task")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(tag, range(4)))
            print(len(os.listdir("/proc/self/task")) - len(before))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")
def test_threads_of_a_server_do_not_multiply_with_those_of_torch(folder: Path) -> None:
    """With `OMP_NUM_THREADS=1`, which all tests run with, and with
    `torch.set_num_threads(1)`, a pool of 4 has 4 threads. With 2 of torch, each of
    them starts one more."""
    printed = run_script(COUNTING.format(text=LONG_TEXT), cwd=folder)
    assert printed.split() == ["4", "8", "4"]


def read_app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    """Return what the module of the page on servers defines."""
    steps = read_steps("docs/servers.md")
    (module,) = [step.text for step in steps if "FastAPI()" in step.text]
    monkeypatch.chdir(folder)
    defined: Dict[str, Any] = {}
    exec(module, defined)
    return defined


def test_the_server_of_the_page_answers_many_clients_and_keeps_no_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    defined = read_app(folder, monkeypatch)
    nlp: Language = defined["nlp"]
    nlp_alone = copy.deepcopy(nlp)
    requests = [[f"{text} word{i}"] for i, text in enumerate(TEXTS * 6)]
    alone = [
        [[[token.text, token.tag_] for token in doc] for doc in nlp_alone.pipe(texts)]
        for texts in requests
    ]
    n_strings = len(nlp.vocab.strings)
    with testclient.TestClient(defined["app"]) as client, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda texts: client.post("/tags", json=texts), requests)
        assert [answer.json() for answer in answers] == alone
    assert len(nlp.vocab.strings) == n_strings
