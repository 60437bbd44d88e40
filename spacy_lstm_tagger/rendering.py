"""Draw the tags of documents as colored labels, with displaCy."""

import warnings
import zlib
from typing import Any, Dict, Iterable, List, Optional, Sequence, Union

from spacy import displacy
from spacy.displacy.templates import TPL_ENT
from spacy.tokens import Doc, Span
from spacy.util import escape_html

from .tags.attributes import read_confidences

MIN_CONFIDENCE = 0.8
# The template of displaCy, except that a line ends between a word and its label, or in
# a word, only if they are longer than the line.
WRAPPING = "display: inline-block; overflow-wrap: anywhere; "
TEMPLATE = TPL_ENT.replace('style="', f'style="{WRAPPING}', 1)
# The probability of the tag of each token. None or NaN: not known.
Confidences = Sequence[Optional[float]]


def render(
    docs: Union[Iterable[Union[Doc, Span]], Doc, Span],
    page: bool = False,
    minify: bool = False,
    jupyter: Optional[bool] = None,
    options: Optional[Dict[str, Any]] = None,
    confidences: Optional[Union[Confidences, Iterable[Confidences]]] = None,
) -> Optional[str]:
    """Draw the tags of documents with displaCy, as `displacy.render` draws entities.
    Labels of uncertain tags are striped and show the probability.

    docs (Union[Iterable[Union[Doc, Span]], Doc, Span]): The documents, after the
        pipeline.
    page (bool): Whether to return a full HTML page.
    minify (bool): Whether to minify the HTML.
    jupyter (Optional[bool]): Whether to display the HTML in a notebook instead of
        returning it. By default, this is found out.
    options (Optional[Dict[str, Any]]): Those of displaCy's style "ent", such as
        "colors", a mapping from tags to colors of CSS, and "ents", a list of the only
        tags to show; and "min_confidence", the probability below which a tag is
        uncertain, by default 0.8.
    confidences (Optional[Union[Confidences, Iterable[Confidences]]]): The probability
        of the tag of each token, as a list for each document; for one document, that
        list alone. By default those that an `lstm_tagger` with a
        `confidence_attribute` has left in the documents; without them, no tag is
        taken to be uncertain.
    RETURNS (Optional[str]): The HTML, or None if it was displayed.
    RAISES (ValueError): If there are not as many probabilities as tokens, or if those
        in a document can't be read.
    """
    is_one = isinstance(docs, (Doc, Span))
    parts: Any = [docs] if is_one else docs
    found = [
        part.as_doc(copy_user_data=True) if isinstance(part, Span) else part
        for part in parts
    ]
    if confidences is None:
        rows: List[Any] = [read_confidences(doc) for doc in found]
    else:
        rows = [confidences] if is_one else list(confidences)
        _check_lengths(found, rows)
    if not any(token.tag for doc in found for token in doc):
        warnings.warn(
            "No token has a tag, so there are no labels to draw. Run the documents "
            "through a pipeline with a trained tagger first.",
            stacklevel=2,
        )
    options = {"template": TEMPLATE, **(options or {})}
    return displacy.render(
        [_describe(doc, row, options) for doc, row in zip(found, rows)],
        style="ent",
        page=page,
        minify=minify,
        jupyter=jupyter,
        options=options,
        manual=True,
    )


def _check_lengths(docs: Sequence[Doc], rows: Sequence[Confidences]) -> None:
    if len(docs) != len(rows):
        raise ValueError(
            f"Can't draw {len(docs)} documents with the probabilities of {len(rows)}: "
            f"'confidences' needs one list for each document."
        )
    for doc, row in zip(docs, rows):
        if len(doc) != len(row):
            raise ValueError(
                f"Can't draw a document of {len(doc)} tokens with {len(row)} "
                f"probabilities: 'confidences' needs one for each token."
            )


def _describe(
    doc: Doc, confidences: Optional[Confidences], options: Dict[str, Any]
) -> Dict[str, Any]:
    """Return what displaCy takes for a document whose entities are given."""
    colors = {tag.upper(): color for tag, color in options.get("colors", {}).items()}
    min_confidence = options.get("min_confidence", MIN_CONFIDENCE)
    labels = []
    for token in doc:
        if token.is_space or not token.tag:
            continue
        confidence = None if confidences is None else confidences[token.i]
        color = colors.get(token.tag_.upper()) or choose_color(token.tag_)
        shown = token.tag_
        if confidence is not None and confidence < min_confidence:
            shown = f"{token.tag_} {confidence:.0%}"
            color = _stripe(color)
        labels.append(
            {
                "start": token.idx,
                "end": token.idx + len(token),
                "label": token.tag_,
                # displaCy escapes texts, but not labels.
                "params": {"label": escape_html(shown), "bg": color},
            }
        )
    return {
        "text": doc.text,
        "ents": labels,
        "title": doc.user_data.get("title"),
        "settings": displacy.get_doc_settings(doc),
    }


def choose_color(tag: str) -> str:
    """Return the color of a tag, always the same one, and light enough for black text
    to be read on it."""
    key = zlib.crc32(tag.encode("utf8"))
    return f"hsl({key % 360}, 75%, {78 + key // 360 % 3 * 5}%)"


def _stripe(color: str) -> str:
    return f"repeating-linear-gradient(135deg, #fff9 0 6px, #fff0 6px 12px), {color}"
