"""One address cannot have the page's process for itself, and a person never waits."""

from __future__ import annotations

from studio.hosting.pacing import LONGEST_WAIT, RateLimiter


def test_whoever_asks_too_often_waits_and_others_do_not() -> None:
    pace = RateLimiter(a_second=10, at_once=20)
    waits = [pace.wait("a", now=0.0) or 0.0 for _ in range(40)]
    assert max(waits[:20]) < 1e-6
    assert [round(wait, 6) for wait in waits[20:]] == [round(number / 10, 6) for number in range(1, 21)]
    assert pace.wait("b", now=0.0) == 0.0


def test_after_a_while_all_is_forgiven() -> None:
    pace = RateLimiter(a_second=10, at_once=20)
    for _ in range(40):
        pace.wait("a", now=0.0)
    assert max(pace.wait("a", now=100.0) or 0.0 for _ in range(20)) < 1e-6


def test_nobody_waits_for_ever_and_who_is_turned_away_costs_no_turn() -> None:
    pace = RateLimiter(a_second=10, at_once=20)
    waits = [pace.wait("a", now=0.0) for _ in range(1000)]
    assert sum(wait is not None for wait in waits) == 20 + 10 * LONGEST_WAIT
    assert pace.wait("a", now=0.2) is not None


def test_few_addresses_are_remembered() -> None:
    pace = RateLimiter(a_second=10, at_once=20)
    for number in range(30_000):
        pace.wait(f"{number}", now=float(number))
    assert len(pace._due) <= 10_001
