"""The HTML page of a report."""

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import jinja2
import spacy
from spacy.glossary import GLOSSARY
from spacy.language import Language
from spacy.training import Example

from ..calibration import calibration_error
from ..probabilities import NoTagsError, find_tagger
from . import accuracy, confusions, plots, reliability
from .tokens import Collection, collect

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader(__package__),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_report(
    nlp: Language,
    examples: List[Example],
    output: Path,
    *,
    word_counts: Optional[Mapping[str, int]] = None,
) -> None:
    """Tag examples with a pipeline and write a report on the tags: one HTML file that
    needs nothing but a browser. The examples stay as they are.

    nlp (Language): The pipeline, with one `lstm_tagger` or `tagger`.
    examples (List[Example]): Documents to tag and their gold tags, for example those
        that a `Corpus` reads.
    output (Path): The file to write.
    word_counts (Optional[Mapping[str, int]]): How often each word occurs in the
        training data: what `count_words` returns. Without it, the report can't tell
        known words from unknown ones.
    RAISES (NoTagsError): If there is no gold tag to compare with.
    RAISES (ValueError): If the pipeline doesn't have one tagger.
    """
    if not examples:
        raise NoTagsError(
            f"Can't write the report '{output}' on no examples: pass some documents "
            f"with gold tags."
        )
    collection = collect(nlp, examples)
    if not collection.tokens:
        raise NoTagsError(
            f"Can't write the report '{output}': of {len(examples)} examples, "
            f"{collection.gold_counts.total()} tokens have a gold tag, and none of "
            f"these matches a token of the pipeline. Pass documents with gold tags; if "
            f"their tokens are not those of the pipeline's tokenizer, read them with "
            f"'gold_preproc = true'."
        )
    page = ENVIRONMENT.get_template("report.html")
    html = page.render(
        nlp=nlp,
        tagger=find_tagger(nlp),
        spacy_version=spacy.__version__,
        data=collection,
        has_counts=word_counts is not None,
        **_accuracies(collection, word_counts or {}),
        **_confusions(collection),
        **_calibration(collection),
    )
    Path(output).write_text(html, encoding="utf8")


def _accuracies(
    collection: Collection, word_counts: Mapping[str, int]
) -> Dict[str, Any]:
    tokens = collection.tokens
    tag_scores = accuracy.by_tag(collection)
    frequencies = accuracy.by_frequency(tokens, word_counts)
    lengths = accuracy.by_sentence_length(tokens)
    return {
        "overall": accuracy.accuracy(tokens, "All words"),
        "clean": accuracy.count_clean_sentences(tokens),
        "knowledge": accuracy.by_knowledge(tokens, word_counts),
        "tag_scores": tag_scores,
        "mean_fscore": accuracy.mean_fscore(tag_scores),
        "frequencies": frequencies,
        "frequency_plot": plots.plot_accuracies(
            frequencies, "occurrences in the training data"
        ),
        "lengths": lengths,
        "length_plot": plots.plot_accuracies(lengths, "tokens in the sentence"),
    }


def _confusions(collection: Collection) -> Dict[str, Any]:
    tags = confusions.matrix_tags(collection.tokens)
    return {
        "confusions": confusions.frequent_confusions(collection.tokens),
        "matrix_tags": tags,
        "matrix_rows": confusions.matrix_rows(collection.tokens, tags),
    }


def _calibration(collection: Collection) -> Dict[str, Any]:
    tokens = reliability.with_confidence(collection.tokens)
    bins = reliability.by_confidence(tokens)
    return {
        "confidence_bins": bins,
        "calibration_error": calibration_error(bins),
        "reliability_plot": plots.plot_reliability(bins) if bins else None,
        "reviews": reliability.review(tokens),
        "n_without_confidence": len(collection.tokens) - len(tokens),
    }


def _percent(value: Optional[float], digits: int = 1) -> str:
    # A share that can't be computed is not zero.
    return "\N{EN DASH}" if value is None else f"{100 * value:.{digits}f}"


def _number(value: int) -> str:
    return f"{value:,}"


def _short(count: int) -> str:
    """Format a number so that it fits into a cell of the matrix."""
    if count < 1000:
        return f"{count}"
    thousands = count / 1000
    return f"{thousands:.1f}k" if thousands < 9.95 else f"{thousands:.0f}k"


def _cell_percent(value: float) -> str:
    """Format a share so that it fits into a cell, and is 100 only if it is all."""
    return "100" if value == 1.0 else f"{min(max(100 * value, 0.1), 99.9):.1f}"


def _is_punctuation(tag: str) -> bool:
    return not any(character.isalnum() for character in tag)


ENVIRONMENT.filters.update(
    percent=_percent,
    number=_number,
    short=_short,
    cell_percent=_cell_percent,
    meaning=lambda tag: GLOSSARY.get(tag, ""),
)
ENVIRONMENT.tests["punctuation"] = _is_punctuation
