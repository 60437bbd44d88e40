import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers

from spacy_lstm_tagger.encoder.dropout import repeat_dropout


@given(floats(0.0, 0.99), integers(0, 6))
def test_values_are_kept_if_none_of_the_times_drops_them(rate: float, n: int) -> None:
    kept = 1.0
    for _ in range(n):
        kept *= 1.0 - rate
    assert repeat_dropout(rate, n) == pytest.approx(1.0 - kept)


@given(floats(0.0, 0.9), floats(0.0, 10.0))
def test_something_is_left_after_a_few_times(rate: float, n: float) -> None:
    assert 0.0 <= repeat_dropout(rate, n) < 1.0


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_a_rate_that_leaves_nothing_is_an_error(rate: float) -> None:
    with pytest.raises(ValueError, match=f"dropout of {rate}: it needs to be at least"):
        repeat_dropout(rate, 5.0)


def test_so_many_times_that_nothing_is_left_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"dropout of 0\.5.* applied 60\.0 times"):
        repeat_dropout(0.5, 60.0)
