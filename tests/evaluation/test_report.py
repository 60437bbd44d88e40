import datetime
import html
import io
import itertools
import math
import random
import re
import sys
from collections import Counter
from pathlib import Path
from typing import List

import numpy
import pytest
import spacy
from report_pages import (
    SCRIPT,
    TEST_DATA,
    Page,
    doc_of,
    make_token,
    pairs_of,
    percent,
    read_report,
)
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from util import (
    SMALL,
    SMALL_CNN,
    TRAIN_DATA,
    make_examples,
    make_trained,
    make_untrained,
    tags_of,
)

import spacy_lstm_tagger
from spacy_lstm_tagger.evaluation.probabilities import find_tagger, tag_probabilities
from spacy_lstm_tagger.evaluation.report import (
    OtherPipeline,
    count_words,
    write_report,
)
from spacy_lstm_tagger.evaluation.report.accuracy import (
    by_frequency,
    by_sentence_length,
)
from spacy_lstm_tagger.evaluation.report.confusions import (
    CONTEXT,
    MAX_TAGS,
    N_CONFUSIONS,
    N_CONTEXTS,
    frequent_confusions,
    matrix_rows,
    matrix_tags,
)
from spacy_lstm_tagger.evaluation.report.reliability import review
from spacy_lstm_tagger.evaluation.report.tokens import NO_TAG, collect


@pytest.fixture(scope="module")
def page(shared_trained: Language, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The report on TEST_DATA."""
    return read_report(
        shared_trained,
        make_examples(shared_trained, TEST_DATA),
        tmp_path_factory.mktemp("report") / "report.html",
        word_counts=count_words(
            doc_of(shared_trained, words) for words, _ in TRAIN_DATA
        ),
    )


def test_the_head_names_pipeline_data_language_date_and_versions(
    shared_trained: Language, tmp_path: Path
) -> None:
    page = read_report(
        shared_trained,
        make_examples(shared_trained, TEST_DATA),
        tmp_path / "report.html",
        model_name="training/model-best",
        data_name="corpus/test.spacy",
        date=datetime.date(2025, 3, 9),
    )
    head = dict(page.tables["table-head"])
    assert head == {
        "Pipeline": "en_pipeline 0.0.0 from training/model-best"
        "component lstm_tagger with 7 tags",
        "Data": "corpus/test.spacy5 documents, 5 sentences, 23 tokens",
        "Language": "en",
        "Date": "2025-03-09",
        "Versions": f"spaCy {spacy.__version__}, "
        f"spacy-lstm-tagger {spacy_lstm_tagger.__version__}",
    }


def test_the_head_says_nothing_of_what_it_is_not_told(page: Page) -> None:
    head = dict(page.tables["table-head"])
    assert head.keys() == {"Pipeline", "Data", "Language", "Versions"}
    assert head["Data"] == "5 documents, 5 sentences, 23 tokens"
    assert "from" not in head["Pipeline"]


def test_accuracy_is_that_of_our_own_count(
    page: Page, shared_trained: Language
) -> None:
    known_words = {word for words, _ in TRAIN_DATA for word in words}
    pairs = pairs_of(shared_trained)
    groups = {
        "All words": pairs,
        "Known words": [p for p in pairs if p[0] in known_words],
        "Unknown words": [p for p in pairs if p[0] not in known_words],
    }
    wanted = []
    for name, group in groups.items():
        right = sum(gold == predicted for _, gold, predicted in group)
        errors = len(group) - right
        wanted.append([name, f"{len(group)}", f"{errors}", percent(right, len(group))])
    assert page.tables["table-accuracy"][1:] == wanted
    assert wanted[2][1] == "1", "the data has one unknown word"


def test_accuracy_is_that_of_nlp_evaluate(page: Page, shared_trained: Language) -> None:
    scores = shared_trained.evaluate(make_examples(shared_trained, TEST_DATA))
    facts = [row[1] for row in page.tables["table-facts"]]
    assert facts[1] == page.tables["table-accuracy"][1][3]
    assert facts[1] == percent(scores["tag_acc"], 1)
    assert facts[2:] == ["22", "0", "1"]


def test_scores_of_tags_are_those_of_our_own_count(
    page: Page, shared_trained: Language
) -> None:
    pairs = [(gold, predicted) for _, gold, predicted in pairs_of(shared_trained)]
    rows = {row[0]: row[1:5] for row in page.tables["table-tags"][1:]}
    assert rows.keys() == {tag for pair in pairs for tag in pair}
    for tag, row in rows.items():
        hits = pairs.count((tag, tag))
        support = sum(gold == tag for gold, _ in pairs)
        given = sum(predicted == tag for _, predicted in pairs)
        wanted = [f"{support}", percent(hits, given, 1), percent(hits, support, 1)]
        assert row == [*wanted, percent(2 * hits, support + given, 1)], tag
    assert rows["NNP"] == ["1", percent(0, 0), "0.0", "0.0"]


def test_mean_f1_is_over_the_tags_of_the_gold_data(page: Page) -> None:
    fscores = [float(r[4]) for r in page.tables["table-tags"][1:] if r[1] != "0"]
    mean = float(page.tables["table-facts"][0][1])
    assert mean == pytest.approx(numpy.mean(fscores), abs=0.05)


def test_confusions_are_listed_with_words_and_sentences(
    page: Page, shared_trained: Language
) -> None:
    errors = [(g, p) for _, g, p in pairs_of(shared_trained) if g != p]
    assert errors.count(("NNP", "NN")) == 1
    share = percent(1, len(errors), 1)
    assert f"NNP taken for NN: 1 word, {share}% of the errors" in page.text
    assert re.search(r"The dog ate the apple\s*NNP\s+NN\s+\d+%", page.text)
    assert page.text.count(" taken for ") == len(set(errors))


def test_contexts_are_of_different_words_the_most_frequent_first(
    shared_trained: Language,
) -> None:
    words = ["apple", "dog", "apple", "cat", "dog", "apple", "house", "book"]
    doc = doc_of(shared_trained, words)
    tokens = [make_token(doc[:], i, "V", "NN") for i in range(len(words))]
    (confusion,) = frequent_confusions(tokens)
    assert confusion.count == len(words)
    assert confusion.forms[:3] == [("apple", 3), ("dog", 2), ("cat", 1)]
    assert [c.token.position for c in confusion.contexts] == [0, 1, 3]
    assert len(confusion.contexts) == N_CONTEXTS
    assert confusion.contexts[1].left == "apple "
    assert confusion.contexts[1].right == " apple cat dog apple house book"


def test_context_of_a_long_sentence_is_cut(shared_trained: Language) -> None:
    doc = doc_of(shared_trained, [f"w{i}" for i in range(100)])
    (confusion,) = frequent_confusions([make_token(doc[:], 50, "A", "B")])
    (context,) = confusion.contexts
    assert context.left.split() == ["…", *(f"w{i}" for i in range(50 - CONTEXT, 50))]
    assert context.right.split() == [*(f"w{i}" for i in range(51, 51 + CONTEXT)), "…"]


def test_only_the_most_frequent_confusions_are_listed(shared_trained: Language) -> None:
    doc = doc_of(shared_trained, ["apple"])
    tokens = [
        make_token(doc[:], 0, "A", f"T{i:03}") for i in range(100) for _ in range(i)
    ]
    confusions = frequent_confusions(tokens)
    assert [c.count for c in confusions] == list(range(99, 99 - N_CONFUSIONS, -1))


def test_matrix_has_counts_and_percentages_of_rows(
    page: Page, shared_trained: Language
) -> None:
    pairs = Counter((gold, tag) for _, gold, tag in pairs_of(shared_trained))
    tags = sorted({tag for pair in pairs for tag in pair})
    _, columns, *rows = page.tables["table-matrix"]
    assert columns == ["gold", "words", *tags]
    assert [row[0] for row in rows] == tags
    for gold, n_words, *cells in rows:
        total = sum(pairs[gold, tag] for tag in tags)
        assert n_words == f"{total}"
        for tag, cell in zip(tags, cells, strict=True):
            count = pairs[gold, tag]
            share = percent(count, total, 1).replace("100.0", "100")
            assert cell == (f"{count} {share}" if count else "")


def test_cells_of_the_matrix_say_in_words_what_they_are(page: Page) -> None:
    titles = [attrs.get("title") or "" for tag, attrs in page.elements if tag == "td"]
    assert "gold NNP, predicted NN: 1 word, 100.0% of 1" in titles


def test_only_errors_are_colored_the_largest_shares_most(
    shared_trained: Language,
) -> None:
    doc = doc_of(shared_trained, ["apple"])
    pairs = ["AA"] * 6 + ["AB"] * 2 + ["BB"] * 4 + ["BA"] * 4 + ["CC"]
    tokens = [make_token(doc[:], 0, gold, tag) for gold, tag in pairs]
    cells = {
        (row.gold, cell.predicted): (cell.share, cell.shade)
        for row in matrix_rows(tokens, ["A", "B"])
        for cell in row.cells
        if cell
    }
    assert cells == {
        ("A", "A"): (0.75, 0.0),
        ("A", "B"): (0.25, pytest.approx(0.5**0.5)),
        ("B", "B"): (0.5, 0.0),
        ("B", "A"): (0.5, 1.0),
    }


def test_percentages_of_rows_count_columns_that_are_not_shown(
    shared_trained: Language,
) -> None:
    doc = doc_of(shared_trained, ["apple"])
    tokens = [make_token(doc[:], 0, "A", tag) for tag in "ABBB"]
    (row,) = matrix_rows(tokens, ["A"])
    assert row.n_tokens == 4
    assert [cell.share for cell in row.cells if cell] == [0.25]


def test_tags_of_punctuation_are_larger_and_explained(
    shared_trained: Language, tmp_path: Path
) -> None:
    tags = [",", "-LRB-", "''", "NN", "$"]
    examples = make_examples(shared_trained, [(["The", "dog", "ate", "a", "b"], tags)])
    page = read_report(shared_trained, examples, tmp_path / "report.html")
    labels = re.findall(
        r'<span class="tag( punctuation)?"(?: title="([^"]*)")?>([^<]*)</span>',
        (tmp_path / "report.html").read_text(encoding="utf8"),
    )
    found = {html.unescape(tag): (bool(kind), title) for kind, title, tag in labels}
    assert found[","] == (True, "punctuation mark, comma")
    assert found["''"] == (True, "closing quotation mark")
    assert found["$"] == (True, "symbol, currency")
    assert found["-LRB-"] == (False, "left round bracket")
    assert found["NN"] == (False, "noun, singular or mass")
    assert set(tags) <= {row[0] for row in page.tables["table-matrix"]}


def test_matrix_of_many_tags_has_those_with_the_most_errors(
    shared_trained: Language, tmp_path: Path
) -> None:
    doc = doc_of(shared_trained, ["apple"])
    tags = [f"T{i:03}" for i in range(2 * MAX_TAGS)]
    right = [make_token(doc[:], 0, tag, tag) for tag in tags]
    wrong = [make_token(doc[:], 0, t, tags[-1]) for t in tags[-9:-1]]
    found = matrix_tags(right + wrong)
    assert len(found) == MAX_TAGS
    assert set(tags[-9:]) <= set(found)
    assert found == sorted(found)


def test_accuracy_by_frequency_is_that_of_our_own_count(
    page: Page, shared_trained: Language
) -> None:
    counts = Counter(word for words, _ in TRAIN_DATA for word in words)
    rows = {row[0]: row[1:] for row in page.tables["table-frequency"][1:]}
    pairs = pairs_of(shared_trained)
    for name, low, high in [("0", 0, 0), ("1", 1, 1), ("2 to 4", 2, 4)]:
        group = [p for p in pairs if low <= counts[p[0]] <= high]
        right = sum(gold == predicted for _, gold, predicted in group)
        n_errors = len(group) - right
        wanted = [f"{len(group)}", f"{n_errors}", percent(right, len(group))]
        assert rows[name] == wanted
    assert rows["1000 or more"] == ["0", "0", percent(0, 0)]


def test_accuracy_by_length_is_that_of_our_own_count(
    page: Page, shared_trained: Language
) -> None:
    rows = {row[0]: row[1:] for row in page.tables["table-length"][1:]}
    pairs = {
        "1 to 5": pairs_of(shared_trained, [d for d in TEST_DATA if len(d[0]) <= 5]),
        "6 to 10": pairs_of(shared_trained, [d for d in TEST_DATA if len(d[0]) > 5]),
    }
    for name, group in pairs.items():
        right = sum(gold == predicted for _, gold, predicted in group)
        n_errors = len(group) - right
        wanted = [f"{len(group)}", f"{n_errors}", percent(right, len(group))]
        assert rows[name] == wanted


@pytest.mark.parametrize(
    "count,name",
    [(0, "0"), (1, "1"), (2, "2 to 4"), (4, "2 to 4"), (5, "5 to 9")]
    + [(9, "5 to 9"), (10, "10 to 99"), (999, "100 to 999"), (1000, "1000 or more")],
)
def test_bounds_of_frequencies(shared_trained: Language, count: int, name: str) -> None:
    token = make_token(doc_of(shared_trained, ["a"])[:], 0, "DET", "DET")
    groups = by_frequency([token], {"a": count})
    assert [group.name for group in groups if group.n_tokens] == [name]


@pytest.mark.parametrize(
    "length,name", [(1, "1 to 5"), (6, "6 to 10"), (90, "41 or more")]
)
def test_bounds_of_lengths(shared_trained: Language, length: int, name: str) -> None:
    doc = doc_of(shared_trained, ["a"] * length)
    groups = by_sentence_length([make_token(doc[:], 0, "DET", "DET")])
    assert [group.name for group in groups if group.n_tokens] == [name]


def test_sentences_are_those_of_the_gold_data(shared_trained: Language) -> None:
    words = [word for words, _ in TRAIN_DATA[:2] for word in words]
    tags = [tag for _, tags in TRAIN_DATA[:2] for tag in tags]
    starts = [i in (0, 5) for i in range(len(words))]
    gold = Doc(shared_trained.vocab, words=words, tags=tags, sent_starts=starts)
    example = Example(doc_of(shared_trained, words), gold)
    collection = collect(shared_trained, [example])
    assert collection.n_docs == 1
    assert collection.n_sentences == 2
    positions = [token.position for token in collection.tokens]
    assert positions == [*range(5), *range(4)]
    assert [len(t.sentence) for t in collection.tokens] == [5] * 5 + [4] * 4


def test_confidence_is_the_probability_of_the_tag(
    page: Page, shared_trained: Language
) -> None:
    confidences, hits = [], []
    for words, tags in TEST_DATA:
        doc = doc_of(shared_trained, words)
        (scores,) = shared_trained.get_pipe("lstm_tagger").model.predict([doc])
        exps = numpy.exp(scores - scores.max(axis=1, keepdims=True))
        best = (exps / exps.sum(axis=1, keepdims=True)).max(axis=1)
        predicted = tags_of(shared_trained(doc))
        for confidence, gold, tag in zip(best, tags or [], predicted):
            if gold:
                confidences.append(confidence)
                hits.append(gold == tag)
    bins = numpy.minimum((numpy.asarray(confidences) * 10).astype(int), 9)
    wanted, distance = [], 0.0
    for i in sorted(set(bins)):
        inside = bins == i
        mean = numpy.mean(numpy.asarray(confidences)[inside])
        right = numpy.mean(numpy.asarray(hits)[inside])
        distance += abs(mean - right) * inside.sum() / len(hits)
        wanted.append([f"{i / 10:.1f} to {(i + 1) / 10:.1f}", f"{inside.sum()}"])
        wanted[-1] += [percent(mean, 1), percent(right, 1)]
    assert page.tables["table-confidence"][1:] == wanted
    assert f"is\n{percent(distance, 1)} percentage points" in page.text


def test_least_certain_words_are_counted(shared_trained: Language) -> None:
    doc = doc_of(shared_trained, ["apple"])
    tokens = [
        make_token(doc[:], 0, "A", "B" if i in (0, 1, 4, 90) else "A", i / 100)
        for i in range(100)
    ]
    random.Random(0).shuffle(tokens)
    found = [(row.share, row.n_tokens, row.n_errors) for row in review(tokens)]
    wanted = [(0.01, 1, 1), (0.02, 2, 2), (0.05, 5, 3), (0.1, 10, 3), (0.2, 20, 3)]
    assert found == wanted


def test_probabilities_of_normalized_scores_are_left_alone() -> None:
    nlp = spacy.blank("en")
    model = {
        "@architectures": "spacy.Tagger.v2",
        "normalize": True,
        "tok2vec": SMALL_CNN,
    }
    tagger = nlp.add_pipe("tagger", config={"model": model})
    examples = make_examples(nlp)
    sgd = nlp.initialize(lambda: examples)
    for _ in range(200):
        nlp.update(examples, sgd=sgd)
    docs = list(nlp.pipe([eg.predicted for eg in examples]))
    found = numpy.concatenate(
        list(tag_probabilities(find_tagger(nlp), docs, batch_size=4))
    )
    wanted = numpy.concatenate([s.max(axis=1) for s in tagger.model.predict(docs)])
    assert numpy.allclose(found, wanted)
    assert wanted.max() > 0.3


def test_untrained_tagger_is_as_unsure_as_can_be() -> None:
    nlp = make_untrained()
    collection = collect(nlp, make_examples(nlp))
    n_labels = len(nlp.get_pipe("lstm_tagger").labels)
    assert all(t.confidence == pytest.approx(1 / n_labels) for t in collection.tokens)


def test_stock_tagger(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    examples = make_examples(nlp)
    sgd = nlp.initialize(lambda: examples)
    for _ in range(5):
        nlp.update(examples, sgd=sgd)
    page = read_report(nlp, examples, tmp_path / "report.html")
    accuracy = nlp.evaluate(examples)["tag_acc"]
    assert page.tables["table-accuracy"][1][3] == percent(accuracy, 1)
    assert "component tagger with" in page.text


def test_tagger_behind_a_listener(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    nlp.add_pipe("tagger", config={"model": {"tok2vec": listener}})
    examples = make_examples(nlp)
    sgd = nlp.initialize(lambda: examples)
    for _ in range(20):
        nlp.update(examples, sgd=sgd)
    tokens = collect(nlp, examples).tokens
    n_labels = len(nlp.get_pipe("tagger").labels)
    assert all(token.confidence > 1.5 / n_labels for token in tokens)


def test_without_word_counts_the_report_says_how_to_get_them(
    shared_trained: Language, tmp_path: Path
) -> None:
    examples = make_examples(shared_trained, TEST_DATA)
    page = read_report(shared_trained, examples, tmp_path / "report.html")
    assert [row[0] for row in page.tables["table-accuracy"][1:]] == ["All words"]
    assert "table-frequency" not in page.tables
    assert page.text.count("word_counts=count_words(docs)") == 2
    assert page.text.count("--train") == 2


def test_words_that_never_occur_are_all_unknown(
    shared_trained: Language, tmp_path: Path
) -> None:
    examples = make_examples(shared_trained, TEST_DATA)
    page = read_report(
        shared_trained, examples, tmp_path / "report.html", word_counts={"dog": 0}
    )
    _, overall, known, unknown = page.tables["table-accuracy"]
    assert known == ["Known words", "0", "0", percent(0, 0)]
    assert unknown[1:] == overall[1:]


def test_data_without_errors(shared_trained: Language, tmp_path: Path) -> None:
    examples = make_examples(shared_trained)
    page = read_report(shared_trained, examples, tmp_path / "report.html")
    assert page.tables["table-accuracy"][1][2:] == ["0", "100.00"]
    assert "all words that are compared have the right tag" in page.text
    assert "table-review" not in page.tables


def test_data_without_a_right_tag(shared_trained: Language, tmp_path: Path) -> None:
    examples = make_examples(shared_trained, [(["The", "dog"], ["X", "Y"])])
    page = read_report(shared_trained, examples, tmp_path / "report.html")
    assert page.tables["table-accuracy"][1][1:] == ["2", "2", "0.00"]
    assert page.tables["table-facts"][0][1] == "0.00"


def test_tokens_are_aligned_as_the_scorer_aligns_them(
    shared_trained: Language, tmp_path: Path
) -> None:
    vocab = shared_trained.vocab
    # One gold token is two of the pipeline's, and one of its tokens two gold ones.
    predicted = Doc(vocab, words=["The", "dog", "'s", "a", "cat", "."])
    gold_words, tags = ["The", "dog's", "acat", "."], ["DET", "NN", "NN", "NN"]
    merged = Doc(vocab, words=["The", "applecat"], spaces=[True, False])
    split = Doc(vocab, words=["The", "apple", "cat"], spaces=[True, False, False])
    for token, tag in zip(split, ["DET", "NN", "NN"]):
        token.tag_ = tag
    examples = [
        Example(predicted, Doc(vocab, words=gold_words, tags=tags)),
        Example(merged, split),
    ]
    collection = collect(shared_trained, examples)
    assert collection.n_misaligned == 2
    assert collection.gold_counts == {"DET": 2, "NN": 5}
    page = read_report(shared_trained, examples, tmp_path / "report.html")
    facts = [row[1] for row in page.tables["table-facts"]]
    scored = [Example(shared_trained(eg.x.copy()), eg.y) for eg in examples]
    assert facts[1] == percent(Scorer.score_token_attr(scored, "tag")["tag_acc"], 1)
    assert facts[3] == "2"
    # The scores of the tags add up to that of the scorer.
    right = sum(token.is_correct for token in collection.tokens)
    total = len(collection.tokens) + collection.gold_counts.total()
    assert facts[1] == percent(2 * right, total)


def test_whitespace_and_empty_documents(
    shared_trained: Language, tmp_path: Path
) -> None:
    vocab = shared_trained.vocab
    predicted = Doc(vocab, words=["The", "\n\n", "dog"], spaces=[False, False, False])
    gold = Doc(vocab, words=["The", "dog"], tags=["DET", "NN"])
    empty = Example(Doc(vocab), Doc(vocab))
    collection = collect(shared_trained, [empty, Example(predicted, gold), empty])
    assert [(t.form, t.gold) for t in collection.tokens] == [
        ("The", "DET"),
        ("dog", "NN"),
    ]
    assert collection.n_docs == 3
    assert collection.n_misaligned == 0


def test_tags_that_are_not_the_taggers_have_no_confidence(tmp_path: Path) -> None:
    nlp = make_trained()
    ruler = nlp.add_pipe("attribute_ruler")
    ruler.add([[{"ORTH": "dog"}]], {"TAG": "PET"})
    examples = make_examples(nlp)
    tokens = collect(nlp, examples).tokens
    (pet,) = [token for token in tokens if token.form == "dog"]
    assert pet.predicted == "PET"
    assert math.isnan(pet.confidence)
    assert not any(math.isnan(t.confidence) for t in tokens if t is not pet)
    page = read_report(nlp, examples, tmp_path / "report.html")
    assert "1 words are left out" in page.text
    assert sum(int(row[1]) for row in page.tables["table-confidence"][1:]) == (
        len(tokens) - 1
    )


def test_no_tag_of_the_tagger_at_all(tmp_path: Path) -> None:
    nlp = make_trained()
    ruler = nlp.add_pipe("attribute_ruler")
    ruler.add([[{}]], {"TAG": "X"})
    page = read_report(nlp, make_examples(nlp), tmp_path / "report.html")
    assert "table-confidence" not in page.tables
    assert "other components have set all tags" in page.text


def test_tokens_that_are_left_without_a_tag() -> None:
    nlp = make_trained()

    @Language.component("test_report_untag")
    def untag(doc: Doc) -> Doc:
        doc[0].tag_ = ""
        return doc

    nlp.add_pipe("test_report_untag")
    first = collect(nlp, make_examples(nlp)[:1]).tokens[0]
    assert first.predicted == NO_TAG
    assert not first.is_correct


def test_html_is_escaped(shared_trained: Language, tmp_path: Path) -> None:
    nlp = make_trained([(["The", "dog"], ["D<b>&\"'", SCRIPT])] * 3, steps=20)
    words = [SCRIPT, "<img", "src=x", "onerror=alert(1)>", "&amp;"]
    tags = ["<i>x</i>", SCRIPT, "A&B", "''", "``"]
    nlp.meta["name"] = "<u>name</u>"
    path = tmp_path / "report.html"
    page = read_report(nlp, make_examples(nlp, [(words, tags)]), path, word_counts={})
    elements = {tag for tag, _ in page.elements}
    assert not elements & {"script", "img", "i", "u"}
    assert not any(
        name.startswith("on") for _, attrs in page.elements for name in attrs
    )
    # In the sentence, and as a tag in tables and plots.
    assert page.text.count(SCRIPT) > 3
    assert "en_<u>name</u>" in page.text
    assert "&amp;" in page.text
    assert "&amp;amp;" in path.read_text(encoding="utf8")


def test_dollar_signs_are_not_formulas(
    shared_trained: Language, tmp_path: Path
) -> None:
    examples = make_examples(shared_trained, [(["The", "dog"], ["PRP$", "$a_b$"])])
    page = read_report(shared_trained, examples, tmp_path / "report.html")
    # In both axes of the matrix, in the table and among the confusions.
    assert page.text.count("$a_b$") >= 5
    assert "mathdefault" not in page.text


@pytest.mark.filterwarnings("error")
def test_tags_of_any_script(shared_trained: Language, tmp_path: Path) -> None:
    examples = make_examples(shared_trained, [(["The", "dog"], ["名詞", "اسم"])])
    page = read_report(shared_trained, examples, tmp_path / "report.html")
    assert page.text.count("名詞") >= 5


def test_page_needs_nothing_else(page: Page) -> None:
    loading = {"audio", "base", "embed", "iframe", "img", "link", "object", "script"}
    assert not {tag for tag, _ in page.elements} & loading
    for _, attributes in page.elements:
        assert "src" not in attributes
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert "@import" not in page.text
    assert not re.search(r"url\((?!#)", page.text)
    for _, attributes in page.elements:
        names = [name for name, value in attributes.items() if "://" in (value or "")]
        assert all(name.startswith("xmlns") for name in names)


def test_links_of_the_page_lead_somewhere(page: Page) -> None:
    ids = [attrs["id"] for tag, attrs in page.elements if attrs.get("id")]
    links = [attrs["href"] or "" for tag, attrs in page.elements if tag == "a"]
    assert len(links) == 7
    assert {link[1:] for link in links} <= set(ids)


def test_plots_add_no_ids_of_their_own(page: Page) -> None:
    # Shapes that several plots have may have the same id: that is harmless.
    groups = [attrs for tag, attrs in page.elements if tag == "g"]
    assert groups
    assert not any("id" in attrs for attrs in groups)


def test_same_data_makes_the_same_file(
    shared_trained: Language, tmp_path: Path
) -> None:
    examples = make_examples(shared_trained, TEST_DATA)
    for name in ("a", "b"):
        write_report(
            shared_trained,
            examples,
            tmp_path / f"{name}.html",
            date=datetime.date(2025, 3, 9),
            other=OtherPipeline(shared_trained, examples),
            errors=tmp_path / f"{name}.tsv",
        )
    for suffix in ("html", "tsv"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("seconds", [0.1, 3.0])
def test_a_progress_bar_is_shown_if_tagging_takes_long(
    seconds: float, shared_trained: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that says whenever it is asked that so much time has passed.
    clock = itertools.count(0.0, seconds)
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    monkeypatch.setattr(sys, "stderr", Terminal())
    collect(shared_trained, make_examples(shared_trained, TEST_DATA))
    assert isinstance(sys.stderr, Terminal)
    assert ("Tagging: 100%" in sys.stderr.getvalue()) == (seconds > 2)


def test_a_log_file_has_no_progress_bar(
    shared_trained: Language,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = itertools.count(0.0, 3.0)
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    collect(shared_trained, make_examples(shared_trained, TEST_DATA))
    assert capsys.readouterr().err == ""


def test_examples_stay_as_they_are(shared_trained: Language, tmp_path: Path) -> None:
    examples = make_examples(shared_trained, TEST_DATA)
    write_report(shared_trained, examples, tmp_path / "report.html")
    for example, (_, tags) in zip(examples, TEST_DATA):
        assert not example.predicted.has_annotation("TAG")
        assert tags_of(example.reference) == tags


def test_no_examples(shared_trained: Language, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with pytest.raises(ValueError, match=r"report\.html' on no examples"):
        write_report(shared_trained, [], path)
    assert not path.exists()


def test_examples_without_tags(shared_trained: Language, tmp_path: Path) -> None:
    examples = make_examples(shared_trained, [(["The", "dog"], None)])
    with pytest.raises(ValueError, match="of 1 examples, 0 tokens have a gold tag"):
        write_report(shared_trained, examples, tmp_path / "report.html")


@pytest.mark.parametrize(
    "pipes",
    [[], ["sentencizer"], ["morphologizer", "senter"], ["lstm_tagger", "tagger"]],
)
def test_pipelines_without_one_tagger(pipes: List[str], tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    for name in pipes:
        nlp.add_pipe(name)
    n_taggers = sum("tagger" in name for name in pipes)
    with pytest.raises(
        ValueError, match=f"the pipeline has {n_taggers} taggers"
    ) as info:
        write_report(nlp, make_examples(nlp), tmp_path / "report.html")
    assert str(pipes) in str(info.value)


def test_a_morphologizer_is_no_second_tagger() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("morphologizer")
    tagger = nlp.add_pipe("lstm_tagger", config=SMALL)
    assert find_tagger(nlp) is tagger


def test_error_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("spacy_lstm_tagger.evaluation.report"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install \"spacy-lstm-tagger\[report\]"):
        import spacy_lstm_tagger.evaluation.report  # noqa: F401


def test_words_are_counted_by_their_form(shared_trained: Language) -> None:
    docs = [doc_of(shared_trained, words) for words in (["The", "the"], ["the"])]
    assert count_words(docs) == {"the": 2, "The": 1}
