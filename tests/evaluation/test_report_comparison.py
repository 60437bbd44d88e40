"""The comparison of two pipelines in a report."""

import math
import re
from pathlib import Path
from typing import Dict, List, Tuple

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
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from util import TRAIN_DATA, make_examples, make_trained

from spacy_lstm_tagger.evaluation.report import OtherPipeline, count_words
from spacy_lstm_tagger.evaluation.report.comparison import (
    N_TAGS,
    Pair,
    compare_by_tag,
    frequent_differences,
    pair,
    sign_test,
)
from spacy_lstm_tagger.evaluation.report.tokens import Collection, collect

# What the other pipeline was trained on: it knows "home", but has "apple" wrong.
OTHER_DATA = [
    (["The", "dog", "ate", "the", "apple"], ["DET", "V", "V", "DET", "ADJ"]),
    (["They", "slowly", "walked", "home"], ["PRON", "ADV", "V", "NN"]),
    (["Everybody", "read", "that", "book"], ["PRON", "NN", "PRON", "NN"]),
]


@pytest.fixture(scope="module")
def other() -> Language:
    """A pipeline with spaCy's tagger."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    examples = make_examples(nlp, OTHER_DATA)
    sgd = nlp.initialize(lambda: examples)
    for _ in range(20):
        nlp.update(examples, sgd=sgd)
    return nlp


@pytest.fixture(scope="module")
def page(
    shared_trained: Language,
    other: Language,
    tmp_path_factory: pytest.TempPathFactory,
) -> Page:
    """The report on TEST_DATA."""
    return read_report(
        shared_trained,
        make_examples(shared_trained, TEST_DATA),
        tmp_path_factory.mktemp("report") / "report.html",
        word_counts=count_words(doc_of(other, words) for words, _ in TRAIN_DATA),
        model_name="a/model-best",
        other=OtherPipeline(other, make_examples(other, TEST_DATA), "b/model-best"),
    )


def both(first: Language, second: Language) -> List[Tuple[str, str, str, str]]:
    """Return words with their gold tag and the tags of both pipelines."""
    return [
        (*one, other[2])
        for one, other in zip(pairs_of(first), pairs_of(second), strict=True)
    ]


def test_the_head_names_both_pipelines(page: Page) -> None:
    head = dict(page.tables["table-head"])
    assert "from a/model-best" in head["Pipeline"]
    assert "from b/model-best" in head["Compared with"]
    assert "component tagger" in head["Compared with"]


def test_right_tags_of_both_pipelines_are_those_of_our_own_count(
    page: Page, shared_trained: Language, other: Language
) -> None:
    known_words = {word for words, _ in TRAIN_DATA for word in words}
    rows = both(shared_trained, other)
    groups = {
        "All words": rows,
        "Known words": [row for row in rows if row[0] in known_words],
        "Unknown words": [row for row in rows if row[0] not in known_words],
    }
    wanted = []
    for name, group in groups.items():
        n = len(group)
        first = sum(gold == a for _, gold, a, _ in group)
        second = sum(gold == b for _, gold, _, b in group)
        only_first = sum(a == gold != b for _, gold, a, b in group)
        only_second = sum(b == gold != a for _, gold, a, b in group)
        row = [name, f"{n}", percent(first, n), percent(second, n)]
        row += [f"{100 * (second - first) / n:+.2f}", f"{only_first}", f"{only_second}"]
        wanted.append([*row, f"{sign_test(only_first, only_second):.4f}"])
    found = page.tables["table-comparison"][1:]
    assert found == wanted
    assert all(int(found[0][column]) for column in (5, 6)), "both win somewhere"


def test_agreement_is_that_of_our_own_count(
    page: Page, shared_trained: Language, other: Language
) -> None:
    rows = both(shared_trained, other)
    wanted = [
        sum(a == gold == b for _, gold, a, b in rows),
        sum(a == gold != b for _, gold, a, b in rows),
        sum(b == gold != a for _, gold, a, b in rows),
        sum(a == b != gold for _, gold, a, b in rows),
        sum(len({gold, a, b}) == 3 for _, gold, a, b in rows),
    ]
    found = [row[1] for row in page.tables["table-agreement"]]
    assert found[:5] == [f"{count}" for count in wanted]
    examples = make_examples(other, TEST_DATA)
    assert found[6] == percent(other.evaluate(examples)["tag_acc"], 1)


def test_tags_where_they_differ_are_those_of_our_own_count(
    page: Page, shared_trained: Language, other: Language
) -> None:
    wanted: Dict[str, Tuple[int, int]] = {}
    for _, gold, a, b in both(shared_trained, other):
        only_first, only_second = wanted.get(gold, (0, 0))
        only_first += a == gold != b
        only_second += b == gold != a
        wanted[gold] = (only_first, only_second)
    rows = page.tables["table-compared-tags"][1:]
    found = {row[0]: (int(row[4]), int(row[5])) for row in rows}
    assert found == {tag: counts for tag, counts in wanted.items() if any(counts)}
    assert [int(row[6]) for row in rows] == [b - a for a, b in found.values()]


def test_differences_are_listed_with_words_and_sentences(
    page: Page, shared_trained: Language, other: Language
) -> None:
    rows = both(shared_trained, other)
    assert ("apple", "NNP", "NN", "ADJ") in rows
    assert re.search(r"Gold NNP A\sNN B\sADJ: 1 word\s+apple\s1", page.text)
    sentence = r"The dog ate the apple\s*NNP A\sNN B\sADJ"
    assert re.search(sentence, page.text)
    different = {(gold, a, b) for _, gold, a, b in rows if a != b}
    assert len(re.findall(r"Gold \S+ A\s\S+ B\s\S+:", page.text)) == len(different)


def test_the_most_frequent_difference_comes_first(shared_trained: Language) -> None:
    doc = doc_of(shared_trained, ["apple", "dog", "cat"])
    tokens = [make_token(doc[:], i, "A", "A") for i in range(3)]
    pairs = [
        Pair(tokens[0], "A", "A"),
        Pair(tokens[0], "A", "B"),
        Pair(tokens[1], "C", "A"),
        Pair(tokens[2], "C", "A"),
    ]
    first, second = frequent_differences(pairs)
    assert (first.gold, first.first, first.second, first.count) == ("A", "C", "A", 2)
    assert [context.token.form for context in first.contexts] == ["dog", "cat"]
    assert (second.first, second.second, second.count) == ("A", "B", 1)


def test_the_tag_with_the_largest_gain_of_either_side_comes_first(
    shared_trained: Language,
) -> None:
    doc = doc_of(shared_trained, ["apple"])
    wins = {"X": (5, 5), "Y": (0, 2), "Z": (3, 0), "W": (0, 0)}
    wins.update({f"T{i}": (1, 0) for i in range(N_TAGS)})
    pairs = []
    for tag, (n_first, n_second) in wins.items():
        token = make_token(doc[:], 0, tag, tag)
        pairs += [Pair(token, tag, "-")] * n_first + [Pair(token, "-", tag)] * n_second
        pairs += [Pair(token, tag, tag), Pair(token, "-", "-")]
    found = [group.name for group in compare_by_tag(pairs)]
    assert found[:3] == ["Z", "Y", "T0"]
    assert len(found) == N_TAGS
    assert [g.name for g in compare_by_tag(p for p in pairs if p.token.gold < "W")] == (
        sorted(f"T{i}" for i in range(N_TAGS))
    )


@pytest.mark.parametrize("n_first, n_second", [(0, 0), (0, 1), (3, 3), (2, 9), (90, 4)])
def test_the_sign_test_is_the_sum_of_binomial_coefficients(
    n_first: int, n_second: int
) -> None:
    n_all = n_first + n_second
    tail = sum(math.comb(n_all, i) for i in range(min(n_first, n_second) + 1))
    wanted = min(1.0, 2 * tail / 2**n_all)
    assert sign_test(n_first, n_second) == pytest.approx(wanted)
    assert sign_test(n_second, n_first) == sign_test(n_first, n_second)


def test_the_sign_test_of_many_tokens() -> None:
    # That of the normal distribution, which it comes close to.
    n_first, n_second = 100_500, 99_500
    deviation = (n_first - n_second - 1) / math.sqrt(2 * (n_first + n_second))
    assert sign_test(n_first, n_second) == pytest.approx(math.erfc(deviation), rel=1e-3)
    assert sign_test(200_000, 100_000) == 0.0


def collections_of_other_tokens(
    first: Language, second: Language
) -> Tuple[Collection, Collection]:
    """Return a sentence tagged by two pipelines. The second one divides a word and
    joins two."""
    words, tags = ["The", "dogs", "a", "cat"], ["DET", "NN", "DET", "NN"]
    same = Example(doc_of(first, words), Doc(first.vocab, words=words, tags=tags))
    divided = Doc(
        second.vocab,
        words=["The", "dog", "s", "acat"],
        spaces=[True, False, True, False],
    )
    gold = Doc(second.vocab, words=words, tags=tags, spaces=[True, True, False, False])
    return collect(first, [same]), collect(second, [Example(divided, gold)])


def test_tokens_that_one_pipeline_divides_in_another_way() -> None:
    first = make_trained()
    second = spacy.blank("en")
    second.add_pipe("tagger")
    second.initialize(lambda: make_examples(second))
    ruler = second.add_pipe("attribute_ruler")
    ruler.add([[{"ORTH": "dog"}]], {"TAG": "NN"})
    ruler.add([[{"ORTH": "s"}]], {"TAG": "POS"})
    pairs = pair(*collections_of_other_tokens(first, second))
    # Two gold tokens are one of the second pipeline: they can't be compared.
    assert [item.token.form for item in pairs] == ["The", "dogs"]
    assert pairs[1].second == "NN+POS"


def test_the_page_says_how_many_tokens_are_not_compared(
    shared_trained: Language, other: Language, tmp_path: Path
) -> None:
    words, tags = ["The", "dog", "a", "cat"], ["DET", "NN", "DET", "NN"]
    spaces = [True, True, False, False]
    gold = Doc(other.vocab, words=words, tags=tags, spaces=spaces)
    joined = Doc(other.vocab, words=["The", "dog", "acat"])
    page = read_report(
        shared_trained,
        make_examples(shared_trained, [(words, tags)]),
        tmp_path / "report.html",
        other=OtherPipeline(other, [Example(joined, gold)]),
    )
    assert "2 gold tokens with a tag are left out" in page.text
    assert page.tables["table-comparison"][1][1] == "2"
    assert len(page.tables["table-comparison"]) == 2


def test_a_pipeline_does_not_differ_from_itself(
    shared_trained: Language, tmp_path: Path
) -> None:
    examples = make_examples(shared_trained, TEST_DATA)
    page = read_report(
        shared_trained,
        examples,
        tmp_path / "report.html",
        other=OtherPipeline(shared_trained, examples),
    )
    (row,) = page.tables["table-comparison"][1:]
    assert row[4:] == ["+0.00", "0", "0", "1.0000"]
    assert "both pipelines give the same tags" in page.text
    assert "table-compared-tags" not in page.tables


def test_examples_of_other_data_are_refused(
    shared_trained: Language, tmp_path: Path
) -> None:
    examples = make_examples(shared_trained, TEST_DATA)
    other = OtherPipeline(shared_trained, examples[1:])
    with pytest.raises(ValueError, match="different gold tokens or tags"):
        read_report(shared_trained, examples, tmp_path / "report.html", other=other)
    assert not list(tmp_path.iterdir())


def test_each_pipeline_runs_once(tmp_path: Path) -> None:
    counts = {"first": 0, "second": 0}
    pipelines = {}
    for name in counts:

        @Language.component(f"test_report_count_{name}")
        def count(doc: Doc, name: str = name) -> Doc:
            counts[name] += 1
            return doc

        pipelines[name] = make_trained(steps=1)
        pipelines[name].add_pipe(f"test_report_count_{name}")
    first, second = pipelines.values()
    read_report(
        first,
        make_examples(first, TEST_DATA),
        tmp_path / "report.html",
        other=OtherPipeline(second, make_examples(second, TEST_DATA)),
        errors=tmp_path / "errors.tsv",
    )
    assert counts == {"first": len(TEST_DATA), "second": len(TEST_DATA)}


def test_names_and_tags_of_the_other_pipeline_are_escaped(
    shared_trained: Language, tmp_path: Path
) -> None:
    words = ["The", "dog"]
    nlp = make_trained([(words, [SCRIPT, "<i>"])] * 3, steps=20)
    nlp.meta["name"] = "<u>"
    page = read_report(
        shared_trained,
        make_examples(shared_trained, [(words, ["DET", "NN"])]),
        tmp_path / "report.html",
        other=OtherPipeline(
            nlp, make_examples(nlp, [(words, ["DET", "NN"])]), "<b>path</b>"
        ),
    )
    assert not {tag for tag, _ in page.elements} & {"script", "i", "u"}
    assert f"A\N{NO-BREAK SPACE}DET B\N{NO-BREAK SPACE}{SCRIPT}" in page.text
    assert "en_<u>" in page.text
    assert "<b>path</b>" in page.text


def test_links_lead_to_the_comparison(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
    links = [attrs["href"] or "" for tag, attrs in page.elements if tag == "a"]
    assert links[-1] == "#comparison"
    assert {link[1:] for link in links} <= set(ids)
