import copy
from typing import Any, List

import numpy
import pytest
import torch
from torch import Tensor

from spacy_lstm_tagger.encoder.network.word_char_encoder import (
    FormTensors,
    WindowTensors,
    WordCharEncoder,
)
from spacy_lstm_tagger.encoder.spacing import JOINED_AFTER, JOINED_BEFORE
from spacy_lstm_tagger.encoder.vocabulary import Vocabulary

# Words that are as good as always, and as good as never, dropped if the
# setting of word dropout is STRONG.
STRONG = 1e9
RARE, FREQUENT = 1, 10**18


def make_encoder(
    counts: List[int], vectors_width: int = 0, **settings: Any
) -> WordCharEncoder:
    torch.manual_seed(0)
    vocabulary = Vocabulary(
        words=numpy.arange(1, len(counts) + 1, dtype="uint64"),
        word_counts=numpy.asarray(counts, dtype="int64"),
        characters=numpy.asarray([97, 98, 99], dtype="int64"),
    )
    defaults = dict(
        width=10,
        depth=1,
        word_width=6,
        character_width=4,
        character_lstm_width=6,
        spacing_width=2,
        word_dropout=0.0,
        spacing_dropout=0.0,
        input_dropout=0.0,
        layer_dropout=0.0,
    )
    return WordCharEncoder(
        vocabulary, vectors_width=vectors_width, **{**defaults, **settings}
    )


def read(
    encoder: WordCharEncoder,
    rows: List[int],
    dropout: float = 0.0,
    vectors: Any = None,
    spacing: int = JOINED_AFTER,
    n_windows: int = 1,
    **settings: bool,
) -> Tensor:
    """The vectors of one sequence, in which each token has a form of its own, or of
    some windows that have the same tokens."""
    n_forms = len(rows)
    forms = FormTensors(
        word_rows=torch.tensor(rows),
        characters=torch.tensor([[2, 4, 3]]).repeat(n_forms, 1),
        character_lengths=torch.full((n_forms,), 3),
        static_vectors=vectors,
    )
    window = WindowTensors(
        forms=torch.arange(n_forms).repeat(n_windows, 1),
        spacing=torch.full((n_windows, n_forms), spacing),
        lengths=torch.full((n_windows,), n_forms),
        kept=torch.arange(n_windows * n_forms),
    )
    sources = torch.arange(n_windows * n_forms)
    return encoder(forms, [window], sources, dropout=dropout, **settings)


def test_words_are_never_dropped_without_dropout() -> None:
    encoder = make_encoder([RARE, RARE], word_dropout=STRONG)
    assert torch.equal(read(encoder, [1, 2]), read(encoder, [1, 2], dropout=0.0))
    assert not torch.allclose(read(encoder, [1, 2]), read(encoder, [0, 0]))


def test_a_dropped_word_is_read_as_the_unknown_word() -> None:
    encoder = make_encoder([RARE, RARE], word_dropout=STRONG)
    torch.testing.assert_close(
        read(encoder, [1, 2], dropout=0.1), read(encoder, [0, 0])
    )


def test_a_rare_word_is_dropped_more_often_than_a_frequent_one() -> None:
    encoder = make_encoder([RARE, FREQUENT], word_dropout=STRONG)
    torch.testing.assert_close(
        read(encoder, [1, 2], dropout=0.1), read(encoder, [0, 2])
    )


def test_word_dropout_does_not_grow_with_the_dropout_rate() -> None:
    """A word of frequency f is dropped with probability word_dropout / (word_dropout
    + f), at whatever rate."""
    torch.manual_seed(0)
    encoder = make_encoder([3] * 4000, word_dropout=1.0)
    for dropout in (0.1, 0.9):
        encoder.zero_grad()
        read(encoder, list(range(1, 4001)), dropout=dropout).pow(3).sum().backward()
        gradient = encoder.word_embedding.weight.grad
        assert gradient is not None
        dropped = (gradient[1:] == 0).all(dim=1).float().mean()
        assert float(dropped) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("dropout", [0.1, 0.9])
def test_the_spacing_of_some_windows_is_dropped_as_a_whole(dropout: float) -> None:
    encoder = make_encoder([3] * 4, spacing_dropout=0.25)
    torch.nn.init.normal_(encoder.spacing_embedding.weight[1:])
    words = [1, 2, 3, 4]
    kept = read(encoder, words, spacing=JOINED_AFTER)
    spaced = read(encoder, words, spacing=0)
    found = read(encoder, words, dropout=dropout, n_windows=1000)
    windows = found.view(1000, *kept.shape)
    is_kept = torch.isclose(windows, kept, atol=1e-5).flatten(1).all(dim=1)
    is_spaced = torch.isclose(windows, spaced, atol=1e-5).flatten(1).all(dim=1)
    assert torch.equal(is_kept, ~is_spaced)
    assert float(is_spaced.float().mean()) == pytest.approx(0.25, abs=0.05)


def train(encoder: WordCharEncoder, dropout: float) -> None:
    sgd = torch.optim.SGD(encoder.parameters(), lr=0.1)
    for _ in range(5):
        sgd.zero_grad()
        read(encoder, [1, 2, 3], dropout=dropout).pow(3).sum().backward()
        sgd.step()


def test_token_vectors_start_small() -> None:
    """With longer ones a few updates make the softmax certain."""
    vectors = read(make_encoder([5, 5, 5], width=64), [1, 2, 3])
    lengths = vectors.square().mean(dim=1).sqrt()
    torch.testing.assert_close(lengths, torch.full((3,), 0.45), atol=0.01, rtol=0.0)


def test_word_embeddings_start_with_a_deviation_of_a_tenth() -> None:
    words = make_encoder([5] * 500, word_width=20).word_embedding.weight[1:].detach()
    assert float(words.std()) == pytest.approx(0.1, rel=0.05)


def test_the_unknown_word_starts_at_0() -> None:
    assert not make_encoder([5, 5, 5]).word_embedding.weight[0].any()


def test_the_unknown_word_is_trained_with_dropout() -> None:
    encoder = make_encoder([5, 5, 5], word_dropout=5.0)
    train(encoder, dropout=0.2)
    assert encoder.word_embedding.weight[0].any()


def test_the_unknown_word_stays_0_without_dropout() -> None:
    encoder = make_encoder([5, 5, 5], word_dropout=5.0)
    before = copy.deepcopy(encoder.word_embedding.weight)
    train(encoder, dropout=0.0)
    after = encoder.word_embedding.weight
    assert not after[0].any()
    assert not torch.equal(after[1:], before[1:])


@pytest.mark.parametrize("scale", ["input_dropout", "layer_dropout"])
def test_each_dropout_is_off_only_where_its_setting_is_0(scale: str) -> None:
    off = make_encoder([5, 5, 5])
    torch.testing.assert_close(read(off, [1, 2, 3], dropout=0.5), read(off, [1, 2, 3]))
    on = make_encoder([5, 5, 5], **{scale: 1.0})
    assert not torch.allclose(read(on, [1, 2, 3], dropout=0.5), read(on, [1, 2, 3]))
    assert torch.equal(read(on, [1, 2, 3]), read(off, [1, 2, 3]))


@pytest.mark.parametrize("setting", ["input_dropout", "layer_dropout"])
def test_each_dropout_is_applied_as_often_as_its_setting_says(setting: str) -> None:
    repeated = make_encoder([5, 5, 5], **{setting: 3.0})
    once = make_encoder([5, 5, 5], **{setting: 1.0})
    once.load_state_dict(repeated.state_dict())
    torch.manual_seed(0)
    wanted = read(repeated, [1, 2, 3], dropout=0.2)
    torch.manual_seed(0)
    torch.testing.assert_close(read(once, [1, 2, 3], dropout=1 - 0.8**3), wanted)


def test_dropout_does_not_depend_on_the_mode_of_the_module() -> None:
    """Threads share the module, and thinc toggles its mode."""
    encoder = make_encoder([5, 5], word_dropout=5.0, input_dropout=1, layer_dropout=1)
    wanted = read(encoder.eval(), [1, 2])
    assert torch.equal(read(encoder.train(), [1, 2]), wanted)
    assert not torch.allclose(read(encoder.eval(), [1, 2], dropout=0.5), wanted)


def test_words_characters_and_static_vectors_are_all_read() -> None:
    encoder = make_encoder([5, 5], vectors_width=3)
    vectors = torch.randn(2, 3)
    before = read(encoder, [1, 2], vectors=vectors)
    assert not torch.allclose(read(encoder, [2, 2], vectors=vectors), before)
    assert not torch.allclose(read(encoder, [1, 2], vectors=vectors + 1), before)
    with torch.no_grad():
        encoder.character_lstm.embedding.weight[4] += 1
    assert not torch.allclose(read(encoder, [1, 2], vectors=vectors), before)


def test_every_parameter_is_trained() -> None:
    encoder = make_encoder([5, 5], vectors_width=3, word_dropout=5.0, depth=2)
    forms = FormTensors(
        word_rows=torch.tensor([1, 2]),
        characters=torch.tensor([[2, 4, 3, 0], [2, 5, 6, 3]]),
        character_lengths=torch.tensor([3, 4]),
        static_vectors=torch.randn(2, 3),
    )
    window = WindowTensors(
        forms=torch.tensor([[0, 1]]),
        spacing=torch.tensor([[JOINED_AFTER, JOINED_BEFORE]]),
        lengths=torch.tensor([2]),
        kept=torch.arange(2),
    )
    # The third token is whitespace.
    output = encoder(forms, [window], torch.tensor([0, 1, 2]), dropout=0.0)
    (output.pow(3).sum() + output.sin().sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_repeated_forms_add_up_their_gradients() -> None:
    encoder = make_encoder([5, 5])
    lstm = encoder.character_lstm

    def gradient_of(forms: FormTensors, tokens: List[int]) -> Tensor:
        window = WindowTensors(
            forms=torch.tensor([tokens]),
            spacing=torch.zeros((1, len(tokens)), dtype=torch.int64),
            lengths=torch.tensor([len(tokens)]),
            kept=torch.arange(len(tokens)),
        )
        encoder.zero_grad()
        output = encoder(forms, [window], torch.arange(len(tokens)), dropout=0.0)
        output.pow(3).sum().backward()
        assert lstm.embedding.weight.grad is not None
        return lstm.embedding.weight.grad.clone()

    def forms_of(rows: List[int]) -> FormTensors:
        return FormTensors(
            word_rows=torch.tensor(rows),
            characters=torch.tensor([[2, 3 + row, 3] for row in rows]),
            character_lengths=torch.full((len(rows),), 3),
            static_vectors=None,
        )

    unique = gradient_of(forms_of([1, 2]), [0, 1, 0, 0])
    repeated = gradient_of(forms_of([1, 2, 1, 1]), [0, 1, 2, 3])
    torch.testing.assert_close(unique, repeated)


def test_mixed_precision_is_near_float32_and_trains_float32_weights() -> None:
    """As on a GPU, though here torch's autocast is that of the CPU."""
    encoder = make_encoder([5, 5, 5], width=16)
    high = read(encoder, [1, 2, 3, 0])
    low = read(encoder, [1, 2, 3, 0], mixed_precision=True)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, high, atol=0.05, rtol=0.0)
    assert not torch.equal(low, high)
    low.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        if name != "whitespace":
            assert parameter.grad is not None and parameter.grad.any(), name
            assert parameter.grad.dtype == torch.float32
