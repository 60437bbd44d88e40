"""Write the meta.json of a package: what is known about a pipeline, and its figures on
test data. `spacy package --meta-path` makes the model card of it.

    python assets/describe.py MODEL TEST TRAIN ABOUT TEXTS TEXTS_LICENSE OUTPUT

MODEL is the pipeline, TEST and TRAIN are .spacy files or directories of them. ABOUT is
a JSON file with what the model card says besides figures: the description, the license,
the sources and, as "notes", what the pipeline can't do. TEXTS is the file or folder of
the texts that the tagger has learned from, which become one more source.
"""

import platform
import re
import statistics
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Dict, List

import spacy
import srsly
import torch
import typer
from spacy.language import Language
from spacy.training import Corpus, Example
from wasabi import MarkdownRenderer, msg

from spacy_lstm_tagger.evaluation.report.accuracy import (
    Accuracy,
    accuracy,
    by_knowledge,
)
from spacy_lstm_tagger.evaluation.report.tokens import collect, count_words

Existing = Annotated[Path, typer.Argument(exists=True)]
N_ROUNDS = 5
# The license that project.yml names unless another one is given.
NOT_STATED = "not stated"
# The attribute ruler is scored for these even where its rules don't set them.
NOT_SET = ("morph", "lemma")


def main(
    model: Existing,
    test: Existing,
    train: Existing,
    about: Existing,
    texts: Existing,
    texts_license: str,
    output: Path,
) -> None:
    """Measure the pipeline, and write the file."""
    torch.set_num_threads(1)
    nlp = spacy.load(model)
    described = read_about(about, nlp.lang)
    if texts_license == NOT_STATED:
        msg.warn(f"The license of '{texts}' is not stated: set --vars.texts_license")
    name = f"'{texts.name}': raw text, tagged by a teacher"
    described["sources"].append({"name": name, "license": texts_license})
    known_words = count_words(example.reference for example in Corpus(train)(nlp))
    by_gold_tokens = list(Corpus(test, gold_preproc=True)(nlp))
    tokens = collect(nlp, by_gold_tokens).tokens
    rows = [accuracy(tokens, "All words"), *by_knowledge(tokens, known_words)]
    examples = list(Corpus(test)(nlp))
    scores = {
        name: score
        for name, score in nlp.evaluate(examples).items()
        if not name.startswith(NOT_SET)
    }
    whole = measure_speed(nlp, examples)
    with nlp.select_pipes(enable="lstm_tagger"):
        alone = measure_speed(nlp, examples)
    meta = {**nlp.meta, **described, "performance": scores}
    meta["notes"] = "\n\n".join(
        [
            format_accuracies(rows),
            describe_speed(whole, alone),
            format_licenses(described["sources"]),
            described.get("notes", ""),
        ]
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output, meta)
    msg.good(f"Described '{model}': {output}")


def read_about(path: Path, lang: str) -> Dict[str, Any]:
    """Read what the model card says besides figures. It names its language, too."""
    try:
        described = srsly.read_json(path)
        about_lang = described.pop("lang")
        # Now, and not after minutes of measuring.
        format_licenses(described["sources"])
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        msg.fail(
            f"Can't use '{path}': {error!r}",
            "It needs to be a JSON object like 'assets/about.json', with 'lang', "
            "'license' and 'sources', each of which has a 'name' and a 'license'.",
            exits=1,
        )
    if about_lang != lang:
        msg.fail(
            f"'{path}' is about '{about_lang}', but the pipeline is for '{lang}'",
            "Write a file of your own, like that, with your sources and licenses.",
            exits=1,
        )
    return described


def measure_speed(nlp: Language, examples: List[Example]) -> float:
    """Return words a second from text, the median of some rounds."""
    # The words have been tagged before, so caches are filled.
    return statistics.median(nlp.evaluate(examples)["speed"] for _ in range(N_ROUNDS))


def format_accuracies(rows: List[Accuracy]) -> str:
    md = MarkdownRenderer()
    md.add("These are scores of the test data, in documents that spaCy tokenizes.")
    md.add(md.title(3, "Tags of known and unknown words"))
    md.add(
        "Of the same data sentence by sentence, with gold tokens. Unknown words do not "
        "occur in the training data of the treebank."
    )
    cells = [
        (row.name, f"{100 * row.value:.2f}", f"{row.n_tokens:,}")
        for row in rows
        if row.value is not None
    ]
    md.add(md.table(cells, ["Words", "Right tags (%)", "Number"]))
    return md.text


def describe_speed(whole: float, alone: float) -> str:
    """Describe the words a second of the whole pipeline, and of the tagger alone."""
    md = MarkdownRenderer()
    md.add(md.title(3, "Speed"))
    packages = ", ".join(f"{name} {version(name)}" for name in ("spacy", "torch"))
    md.add(
        f"From text, with `nlp.pipe`, on one thread: {whole:,.0f} words a second, and "
        f"{alone:,.0f} of the tagger without the other components ({find_cpu()}, "
        f"{packages}, {date.today().isoformat()})."
    )
    return md.text


def format_licenses(sources: List[Dict[str, str]]) -> str:
    """Tell the license of each source, which spaCy's part of the card does not."""
    md = MarkdownRenderer()
    md.add(md.title(3, "Licenses of the sources"))
    cells = [(source["name"], source["license"]) for source in sources]
    md.add(md.table(cells, ["Source", "License"]))
    return md.text


def find_cpu() -> str:
    """Return the name of the CPU, as well as this system tells it."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    names = re.findall("model name\\s*: (.*)", text)
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    typer.run(main)
