"""What was used lately is kept up to a number of bytes."""

from pipeline.results.lately import Lately


def test_those_go_that_were_wanted_longest_ago() -> None:
    lately = Lately(10)
    for name in "abc":
        lately.keep(name, name.upper(), 3)
    assert lately.find("a") == "A"
    lately.keep("d", "D", 3)
    assert [lately.find(name) for name in "abcd"] == ["A", None, "C", "D"]
    assert lately.bytes == 9


def test_what_is_kept_again_counts_once() -> None:
    lately = Lately(10)
    for size in (4, 8, 5):
        lately.keep("a", size, size)
    assert (lately.find("a"), lately.bytes) == (5, 5)


def test_what_is_larger_than_all_may_be_is_not_kept() -> None:
    lately = Lately(10)
    lately.keep("a", "A", 5)
    lately.keep("b", "B", 11)
    assert (lately.find("b"), lately.bytes) == (None, 0)
