import pytest
import torch
from torch import Tensor

from spacy_lstm_tagger.encoder.network.character_lstm import CharacterLSTM


@pytest.fixture
def character_lstm() -> CharacterLSTM:
    torch.manual_seed(0)
    return CharacterLSTM(n_rows=9, embedding_width=5, width=6)


def one_by_one(lstm: CharacterLSTM, characters: Tensor, lengths: Tensor) -> Tensor:
    return torch.cat(
        [
            lstm(row[None, : int(length)], length[None])
            for row, length in zip(characters, lengths)
        ]
    )


def test_character_vectors_come_in_the_order_of_the_forms(
    character_lstm: CharacterLSTM,
) -> None:
    lengths = torch.tensor([2, 7, 3, 3, 5, 1])
    characters = torch.randint(1, 9, (6, 7))
    torch.testing.assert_close(
        character_lstm(characters, lengths),
        one_by_one(character_lstm, characters, lengths),
    )


def test_a_character_vector_does_not_depend_on_what_stands_in_the_padding(
    character_lstm: CharacterLSTM,
) -> None:
    lengths = torch.tensor([2, 5])
    characters = torch.randint(1, 9, (2, 5))
    changed = characters.clone()
    changed[0, 2:] = 8 - changed[0, 2:]
    assert torch.equal(
        character_lstm(characters, lengths), character_lstm(changed, lengths)
    )


def test_more_forms_than_a_chunk_holds_are_read_as_if_one_by_one(
    character_lstm: CharacterLSTM,
) -> None:
    lengths = torch.randint(1, 8, (2300,))
    characters = torch.randint(1, 9, (2300, 7))
    together = character_lstm(characters, lengths)
    assert together.shape == (2300, 6)
    some = torch.arange(0, 2300, 23)
    torch.testing.assert_close(
        together[some], one_by_one(character_lstm, characters[some], lengths[some])
    )


def test_a_character_vector_holds_the_final_states_of_both_directions(
    character_lstm: CharacterLSTM,
) -> None:
    layer = character_lstm.lstm
    characters = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]])
    for row, length in zip(characters, (4, 3)):
        embedded = character_lstm.embedding(row[None, :length])
        _, (forward, _) = layer.forward_lstm(embedded)
        _, (backward, _) = layer.backward_lstm(embedded.flip(1))
        vector = character_lstm(row[None], torch.tensor([length]))
        torch.testing.assert_close(vector, torch.cat((forward[0], backward[0]), dim=1))


def test_gradients_are_those_of_the_forms_alone(character_lstm: CharacterLSTM) -> None:
    """Forms are added to fill up a chunk: nothing is learned from them."""
    layer = character_lstm.lstm
    characters = torch.randint(1, 9, (5, 4))
    weights = torch.randn(5, 6)
    parameters = list(character_lstm.parameters())
    vectors = character_lstm(characters, torch.full((5,), 4))
    found = torch.autograd.grad((vectors * weights).sum(), parameters)
    embedded = character_lstm.embedding(characters)
    _, (forward, _) = layer.forward_lstm(embedded)
    _, (backward, _) = layer.backward_lstm(embedded.flip(1))
    alone = torch.cat((forward[0], backward[0]), dim=1)
    expected = torch.autograd.grad((alone * weights).sum(), parameters)
    torch.testing.assert_close(found, expected)


def test_no_forms_have_no_vectors(character_lstm: CharacterLSTM) -> None:
    characters = torch.zeros((0, 0), dtype=torch.long)
    vectors = character_lstm(characters, torch.zeros(0, dtype=torch.long))
    assert vectors.shape == (0, 6)


def test_character_embeddings_start_with_a_deviation_of_a_tenth() -> None:
    torch.manual_seed(0)
    lstm = CharacterLSTM(n_rows=500, embedding_width=20, width=6)
    deviation = float(lstm.embedding.weight.detach().std())
    assert deviation == pytest.approx(0.1, rel=0.05)
