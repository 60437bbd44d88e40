"""Tags drawn in notebooks."""

import re
from typing import Any, List, Tuple

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Token
from util import SMALL, make_trained

from spacy_lstm_tagger import render
from spacy_lstm_tagger.rendering import choose_color

ATTRIBUTE = "rendered_confidence"


@pytest.fixture(scope="module")
def confident() -> Language:
    """Return a pipeline that leaves the probability of each tag in its documents."""
    return make_trained(config={**SMALL, "confidence_attribute": ATTRIBUTE})


def make_tagged() -> Doc:
    words, tags = ["Dogs", "\n", "bark", "&", "<s>"], ["NNS", "_SP", "VBP", "<s>", ""]
    return Doc(spacy.blank("en").vocab, words=words, tags=tags)


def labels_of(html: Any) -> List[Tuple[str, str]]:
    """Return the words and labels of HTML."""
    marks = re.findall(r"<mark[^>]*>\s*(.*?)\s*<span[^>]*>(.*?)</span>", html)
    return [(word, label) for word, label in marks]


def colors_of(html: Any) -> List[str]:
    return re.findall(r"background: (.*?);", html)


def test_every_tag_is_a_label_except_that_of_whitespace() -> None:
    html = render(make_tagged(), jupyter=False)
    expected = [("Dogs", "NNS"), ("bark", "VBP"), ("&amp;", "&lt;s&gt;")]
    assert labels_of(html) == expected
    assert "<br>" in str(html)
    assert "&lt;s&gt;" in str(html).split("</mark>")[-1]


def test_tags_that_are_less_probable_than_asked_show_their_probability() -> None:
    doc = make_tagged()
    confidences = [0.95, 0.1, 0.7, float("nan"), None]
    html = render(doc, jupyter=False, confidences=confidences)
    expected = [("Dogs", "NNS"), ("bark", "VBP 70%"), ("&amp;", "&lt;s&gt;")]
    assert labels_of(html) == expected
    assert ["stripes" if "gradient" in c else "" for c in colors_of(html)] == [
        "",
        "stripes",
        "",
    ]
    options = {"min_confidence": 0.99}
    html = render([doc], jupyter=False, options=options, confidences=[confidences])
    assert labels_of(html)[0] == ("Dogs", "NNS 95%")


def test_the_probabilities_that_a_tagger_has_left_are_shown(
    confident: Language,
) -> None:
    doc = confident("The dog ate the apple")
    shown = {"min_confidence": 1.1}
    expected = [(t.text, f"{t.tag_} {t._.get(ATTRIBUTE):.0%}") for t in doc]
    assert labels_of(render(doc, jupyter=False, options=shown)) == expected
    assert labels_of(render(doc[1:3], jupyter=False, options=shown)) == expected[1:3]


def test_the_probabilities_of_a_saved_document_are_shown_without_its_pipeline(
    confident: Language,
) -> None:
    doc = confident("The dog ate the apple")
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    extension = Token.remove_extension(ATTRIBUTE)
    try:
        (loaded,) = DocBin().from_bytes(data).get_docs(spacy.blank("en").vocab)
        html = render(loaded, jupyter=False, options={"min_confidence": 1.1})
    finally:
        Token.set_extension(ATTRIBUTE, getter=extension[2])
    assert len(re.findall(r"\d%</span>", str(html))) == len(doc)


def test_without_probabilities_no_tag_is_uncertain(shared_trained: Language) -> None:
    doc = shared_trained("The dog ate")
    html = render(doc, jupyter=False, options={"min_confidence": 1.1})
    assert labels_of(html) == [(token.text, token.tag_) for token in doc]


def test_the_probabilities_of_two_taggers_are_refused(confident: Language) -> None:
    doc = confident("The dog ate")
    (key,) = doc.user_data
    doc.user_data[(key[0], key[1] + "_2", *key[2:])] = doc.user_data[key]
    with pytest.raises(ValueError, match=r"2 taggers.*_2'"):
        render(doc, jupyter=False)
    assert render(doc, jupyter=False, confidences=[0.1, 0.2, 0.3]) is not None


@pytest.mark.parametrize(
    "confidences, expected",
    [
        ([[0.5] * 5, [0.5] * 5], "1 documents with the probabilities of 2"),
        ([[0.5] * 4], "5 tokens with 4 probabilities"),
    ],
)
def test_the_wrong_number_of_probabilities_is_refused(
    confidences: Any, expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        render([make_tagged()], jupyter=False, confidences=confidences)


def test_documents_without_tags_get_a_warning() -> None:
    with pytest.warns(UserWarning, match="No token has a tag"):
        html = render(spacy.blank("en")("Dogs bark"), jupyter=False)
    assert "Dogs bark" in str(html)


def test_a_tag_has_the_same_color_always_and_another_one_if_asked() -> None:
    doc = make_tagged()
    color = choose_color("NNS")
    assert color == "hsl(197, 75%, 83%)"
    assert colors_of(render(doc, jupyter=False))[0] == color
    options = {"colors": {"nns": "gold"}, "ents": ["NNS"]}
    html = render(doc, jupyter=False, options=options)
    assert labels_of(html) == [("Dogs", "NNS")]
    assert colors_of(html) == ["gold"]


@pytest.mark.parametrize("tag", ["NN", "VBZ", "PROPN", "$", "动词"])
def test_black_text_can_be_read_on_the_color_of_a_tag(tag: str) -> None:
    lightness = int(choose_color(tag).split()[-1].rstrip("%)"))
    assert 75 <= lightness < 90


def test_a_page_is_complete_and_minified_html_has_no_line_breaks() -> None:
    page = str(render(make_tagged(), page=True, jupyter=False))
    assert page.startswith("<!DOCTYPE html>")
    assert page.endswith("</html>")
    assert "\n" not in str(render(make_tagged(), minify=True, jupyter=False))


def test_the_package_has_no_other_attributes_that_it_looks_up() -> None:
    import spacy_lstm_tagger

    assert not hasattr(spacy_lstm_tagger, "no_such_name")
