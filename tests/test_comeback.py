"""When a lost output is tried again."""

from __future__ import annotations

from itertools import pairwise

from stream.pipeline.comeback import Comeback

S = 1_000_000_000


def attempts(comeback: Comeback, from_ns: int, until_ns: int) -> list[int]:
    """When it is tried, to the tenth of a second, if no attempt works."""
    tried = []
    for now_ns in range(from_ns, until_ns, S // 10):
        if comeback.due(now_ns):
            tried.append(now_ns)
            comeback.lost(now_ns)
    return tried


def test_pauses_grow_to_a_minute_and_no_further() -> None:
    comeback = Comeback()
    comeback.lost(0)
    tried = attempts(comeback, 0, 600 * S)
    pauses_s = [(after - before) / S for before, after in pairwise([0, *tried])]
    assert pauses_s[:7] == [1, 2, 4, 8, 16, 32, 60] and set(pauses_s[7:]) == {60}


def test_a_return_is_counted_and_soon_lost_again_the_pauses_stay_long() -> None:
    comeback = Comeback()
    comeback.lost(0)
    tried = attempts(comeback, 0, 20 * S)
    assert comeback.back(tried[-1]) == tried[-1] / S and comeback.times == 1
    comeback.lost(30 * S)
    assert not comeback.due(61 * S) and comeback.due(62 * S)
    comeback.back(62 * S)
    comeback.lost(130 * S)
    assert comeback.due(131 * S) and comeback.times == 2
