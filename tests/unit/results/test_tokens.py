"""Page tokens."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RequestError
from pipeline.results.tokens import PageTokens
from pipeline.secrets import SecretKeys

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DAY = timedelta(hours=24)
TOKENS = PageTokens(SecretKeys.of(b"k" * 32), DAY)
CONTEXT = ("111122223333", "job", "1", "TIMESTAMP", "TIMESTAMPS")
texts = st.text(max_size=64)


def _refused(token: str, context: tuple[str, ...] = CONTEXT, now: datetime = NOW) -> bool:
    with pytest.raises(RequestError) as caught:
        TOKENS.read(token, context, now)
    return caught.value.code == "InvalidPaginationTokenException"


@given(offset=st.integers(0, 2**63), context=st.tuples(texts, texts, texts))
def test_a_token_gives_its_offset_back_and_is_short(offset: int, context: tuple[str, ...]) -> None:
    token = TOKENS.make(context, offset, NOW)
    assert TOKENS.read(token, context, NOW + DAY - timedelta(seconds=1)) == offset
    assert len(token) <= 255


@given(place=st.integers(0, 10**6), letter=st.sampled_from("AQgw-_=z9!é"))
def test_no_other_spelling_is_accepted(place: int, letter: str) -> None:
    token = TOKENS.make(CONTEXT, 7, NOW)
    index = place % len(token)
    changed = token[:index] + letter + token[index + 1 :]
    assert changed == token or _refused(changed)


@given(bit=st.integers(0, 33 * 8 - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(TOKENS.make(CONTEXT, 7, NOW)))
    raw[bit // 8] ^= 1 << bit % 8
    assert _refused(base64.urlsafe_b64encode(bytes(raw)).decode())


@given(one=st.tuples(texts, texts), other=st.tuples(texts, texts))
def test_a_token_belongs_to_one_list(one: tuple[str, str], other: tuple[str, str]) -> None:
    token = TOKENS.make(one, 7, NOW)
    assert one == other or _refused(token, other)


def test_a_token_lives_for_a_day() -> None:
    assert _refused(TOKENS.make(CONTEXT, 7, NOW), now=NOW + DAY)


def test_another_installation_refuses_it() -> None:
    assert _refused(PageTokens(SecretKeys.of(b"o" * 32), DAY).make(CONTEXT, 7, NOW))


@pytest.mark.parametrize("token", ["", "a", "AAAA", "A" * 255, "not base64!"])
def test_nonsense_is_refused(token: str) -> None:
    assert _refused(token)
