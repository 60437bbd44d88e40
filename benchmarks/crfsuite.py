"""A CRF with hand-made features, from CRFsuite (Okazaki, 2007), as a spaCy component.

    python -m benchmarks.crfsuite TRAIN.spacy OUTPUT --lang en

trains it on sentences, and saves the pipeline as OUTPUT/model-best.
"""

import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Callable, Iterable, List, Sequence, Tuple

import numpy
import spacy
import typer
from spacy.attrs import TAG
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.pipeline.tagger import tagger_score
from spacy.tokens import Doc, DocBin

try:
    import pycrfsuite
except ImportError:
    pycrfsuite = None
MISSING = (
    "'crfsuite' needs python-crfsuite, which isn't installed. Install it with 'pip "
    'install "spacy-lstm-tagger[benchmarks]"\'.'
)

# L-BFGS with both penalties: the one on absolute weights keeps the model small.
SETTINGS = {"c1": 0.1, "c2": 0.01, "max_iterations": 100}
AFFIX_LENGTHS = (1, 2, 3, 4)
# Word forms whose features are remembered.
N_REMEMBERED = 200_000


class CRFsuiteTagger(Pipe):
    """Tag documents, each as one sequence.

    name (str): The component's name in the pipeline.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.scorer = tagger_score
        self.tagger = pycrfsuite.Tagger()
        self.model = b""

    def __call__(self, doc: Doc) -> Doc:
        if len(doc):
            tags = self.tagger.tag(make_features([token.text for token in doc]))
            ids = [doc.vocab.strings.add(tag) for tag in tags]
            doc.from_array(TAG, numpy.asarray(ids, "uint64"))  # type: ignore[arg-type]
        return doc

    def to_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> None:
        """Save CRFsuite's file."""
        path.write_bytes(self.model)

    def from_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> "CRFsuiteTagger":
        """Load CRFsuite's file."""
        self.model = path.read_bytes()
        self.tagger.open_inmemory(self.model)
        return self


@Language.factory("crfsuite_tagger", assigns=["token.tag"])
def make_crfsuite_tagger(nlp: Language, name: str) -> CRFsuiteTagger:
    return CRFsuiteTagger(name)


def make_features(words: Sequence[str]) -> List[List[str]]:
    """Return the features of each word of a sequence."""
    padded = ["<s>", "<s>", *words, "</s>", "</s>"]
    neighbours = zip(padded, padded[1:], words, padded[3:], padded[4:])
    # One list made at once: much of the time is spent here.
    return [
        [
            *word_features(word),
            *neighbour_features(before, -1),
            *neighbour_features(after, 1),
            f"-2lower={far_before.lower()}",
            f"+2lower={far_after.lower()}",
            f"-1pair={before.lower()} {word.lower()}",
            f"+1pair={word.lower()} {after.lower()}",
        ]
        for far_before, before, word, after, far_after in neighbours
    ]


@lru_cache(N_REMEMBERED)
def word_features(word: str) -> Tuple[str, ...]:
    """Return the features of a word that its own form gives."""
    lower = word.lower()
    lengths = [length for length in AFFIX_LENGTHS if length <= len(word)]
    flags: List[Tuple[str, Callable[[str], object]]] = [
        ("title", str.istitle),
        ("upper", str.isupper),
        ("digit", re.compile(r"\d").search),
        ("number", re.compile(r"[\d.,:/-]*\d[\d.,:/-]*").fullmatch),
        ("hyphen", re.compile("-").search),
        ("no letter", re.compile(r"[\W\d_]+").fullmatch),
    ]
    return (
        "bias",
        f"word={word}",
        f"lower={lower}",
        f"shape={word_shape(word)}",
        *(f"prefix={lower[:length]}" for length in lengths),
        *(f"suffix={lower[-length:]}" for length in lengths),
        *(name for name, matches in flags if matches(word)),
    )


@lru_cache(2 * N_REMEMBERED)
def neighbour_features(word: str, by: int) -> Tuple[str, ...]:
    """Return the features that a word gives to the one before or after it."""
    lower = word.lower()
    return (
        f"{by:+}lower={lower}",
        f"{by:+}suffix={lower[-3:]}",
        f"{by:+}shape={word_shape(word)}",
    )


def word_shape(word: str) -> str:
    """Return the kinds of the word's characters, a run of one kind as one character:
    "Xx-d" of "Mid-1990"."""
    shape = re.sub(r"[^\W\d_]", lambda m: "X" if m[0].isupper() else "x", word)
    return re.sub(r"(.)\1+", r"\1", re.sub(r"\d", "d", shape))


def main(train: Path, output: Path, lang: str = "xx") -> None:
    """Train on the sentences of a .spacy file, and save the pipeline."""
    if pycrfsuite is None:
        raise ImportError(MISSING)
    nlp = spacy.blank(lang)
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=SETTINGS, verbose=False)
    for doc in DocBin().from_disk(train).get_docs(nlp.vocab):
        tags = [token.tag_ for token in doc]
        if all(tags):
            trainer.append(make_features([token.text for token in doc]), tags)
    tagger = nlp.add_pipe("crfsuite_tagger", name="tagger")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        trainer.train(str(path))
        tagger.from_disk(path)  # type: ignore[attr-defined]
    output.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(output / "model-best")


if __name__ == "__main__":
    typer.run(main)
