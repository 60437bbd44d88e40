"""The HTML page of a report."""

import datetime
import importlib.metadata
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import jinja2
import spacy
from spacy.glossary import GLOSSARY
from spacy.language import Language
from spacy.training import Example

from ...files import write_whole
from ..calibration import calibration_error
from ..probabilities import NoTagsError, find_tagger
from . import accuracy, comparison, confusions, plots, reliability
from .errors import write_errors
from .tokens import Collection, collect

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader(__package__),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class OtherPipeline(NamedTuple):
    """A pipeline that a report compares with the one that it is about.

    nlp (Language): The pipeline, with one `lstm_tagger` or `tagger`.
    examples (List[Example]): The same data as for the first pipeline, for example read
        by the same `Corpus`, which calls each pipeline's own tokenizer.
    name (Optional[str]): The path or the name of the package that it was loaded from.
    """

    nlp: Language
    examples: List[Example]
    name: Optional[str] = None


def write_report(
    nlp: Language,
    examples: List[Example],
    output: Path,
    *,
    word_counts: Optional[Mapping[str, int]] = None,
    model_name: Optional[str] = None,
    data_name: Optional[str] = None,
    date: Optional[datetime.date] = None,
    other: Optional[OtherPipeline] = None,
    errors: Optional[Path] = None,
) -> None:
    """Tag examples with a pipeline and write a report on the tags: one HTML file that
    needs nothing but a browser. The examples stay as they are, and the same arguments
    make the same file.

    nlp (Language): The pipeline, with one `lstm_tagger` or `tagger`.
    examples (List[Example]): Documents to tag and their gold tags, for example those
        that a `Corpus` reads.
    output (Path): The file to write. It is written whole or not at all.
    word_counts (Optional[Mapping[str, int]]): How often each word occurs in the
        training data: what `count_words` returns. Without it, the report can't tell
        known words from unknown ones.
    model_name (Optional[str]): The path or the name of the package that the pipeline
        was loaded from, for the head of the page.
    data_name (Optional[str]): The file of the data, for the head of the page.
    date (Optional[datetime.date]): The date for the head of the page.
    other (Optional[OtherPipeline]): A pipeline to compare with.
    errors (Optional[Path]): A file to write all errors to, as tab-separated values.
    RAISES (NoTagsError): If there is no gold tag to compare with.
    RAISES (ValueError): If a pipeline doesn't have one tagger, or if the examples of
        the other pipeline are other data.
    RAISES (OSError): If a file can't be written.
    """
    if other is not None and _gold(examples) != _gold(other.examples):
        raise ValueError(
            f"Can't write the report '{output}': the examples of the two pipelines "
            f"have different gold tokens or tags. Read both from the same data, with "
            f"the same settings."
        )
    collection = _collect(nlp, examples, output)
    other_collection = None
    if other is not None:
        other_collection = _collect(other.nlp, other.examples, output)
    html = ENVIRONMENT.get_template("report.html").render(
        nlp=nlp,
        tagger=find_tagger(nlp),
        model_name=model_name,
        data_name=data_name,
        date=date,
        spacy_version=spacy.__version__,
        version=importlib.metadata.version("spacy-lstm-tagger"),
        data=collection,
        has_counts=word_counts is not None,
        other=other,
        other_tagger=find_tagger(other.nlp) if other else None,
        other_data=other_collection,
        **_accuracies(collection, word_counts or {}),
        **_confusions(collection),
        **_calibration(collection),
        **_comparison(collection, other_collection, word_counts),
    )
    if errors is not None:
        write_errors(
            errors, collection, word_counts=word_counts, other=other_collection
        )
    with write_whole(output) as file:
        file.write(html)


def _gold(examples: List[Example]) -> List[List[Tuple[str, str]]]:
    return [[(token.text, token.tag_) for token in eg.reference] for eg in examples]


def _collect(nlp: Language, examples: List[Example], output: Path) -> Collection:
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
    return collection


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


def _comparison(
    collection: Collection,
    other: Optional[Collection],
    word_counts: Optional[Mapping[str, int]],
) -> Dict[str, Any]:
    if other is None:
        return {"compared": None}
    pairs = comparison.pair(collection, other)
    groups = [comparison.compare(pairs, "All words")]
    if word_counts is not None:
        groups += comparison.compare_by_knowledge(pairs, word_counts)
    return {
        "compared": groups[0],
        "compared_groups": groups,
        "compared_tags": comparison.compare_by_tag(pairs),
        "differences": comparison.frequent_differences(pairs),
        "n_not_compared": collection.gold_counts.total() - len(pairs),
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


def _p_value(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _points(value: Optional[float], digits: int = 2) -> str:
    """Format the difference of two shares in percentage points, with its sign."""
    return "\N{EN DASH}" if value is None else f"{100 * value:+.{digits}f}"


def _is_punctuation(tag: str) -> bool:
    return not any(character.isalnum() for character in tag)


ENVIRONMENT.filters.update(
    percent=_percent,
    number=_number,
    short=_short,
    cell_percent=_cell_percent,
    p_value=_p_value,
    points=_points,
    meaning=lambda tag: GLOSSARY.get(tag, ""),
)
ENVIRONMENT.tests["punctuation"] = _is_punctuation
