"""What one process knows of revocations: which report counts, and for how long."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.protocol.revocation import FOREVER, Revocation
from clerk_fastapi.stores.ledger import Ledger
from tests.engine.clock import NOW, Clock
from tests.stores.workers import ended

LATER = NOW + 3_600


def blocked(user: str, version: int, expires_at: int = LATER) -> Revocation:
    """A user who was banned or locked."""
    return Revocation(user, True, version, expires_at)


def welcome(user: str, version: int, expires_at: int = LATER) -> Revocation:
    """A user who is neither."""
    return Revocation(user, False, version, expires_at)


def test_nobody_is_revoked_at_first() -> None:
    """An empty ledger refuses nobody."""
    assert not Ledger(Clock()).has_revoked("sess_1")


def test_ended_session_is_refused() -> None:
    """And no other."""
    ledger = Ledger(Clock())
    ledger.add([ended("sess_1", LATER)])
    assert ledger.has_revoked("sess_1")
    assert not ledger.has_revoked("sess_2")


def test_blocked_user_is_refused_until_welcome_again() -> None:
    """A ban can be lifted."""
    ledger = Ledger(Clock())
    ledger.add([blocked("user_1", 1_000)])
    assert ledger.has_revoked("user_1")
    ledger.add([welcome("user_1", 2_000)])
    assert not ledger.has_revoked("user_1")


def test_of_one_date_the_refusal_counts() -> None:
    """In doubt nobody gets in, whatever comes first."""
    for reports in itertools.permutations([blocked("user_1", 1_000), welcome("user_1", 1_000)]):
        ledger = Ledger(Clock())
        ledger.add(reports)
        assert ledger.has_revoked("user_1")


def test_what_is_for_good_cannot_be_undone() -> None:
    """A user who was deleted does not come back, whatever is heard afterwards."""
    for reports in itertools.permutations([ended("user_1", LATER), welcome("user_1", FOREVER - 1)]):
        ledger = Ledger(Clock())
        ledger.add(reports)
        assert ledger.has_revoked("user_1")
        assert len(ledger) == 1


def test_block_is_over_when_no_token_can_be_left() -> None:
    """By then Clerk has had its say: there are only tokens that were issued since."""
    clock = Clock()
    ledger = Ledger(clock)
    ledger.add([blocked("user_1", 1_000)])
    clock.now = LATER
    assert not ledger.has_revoked("user_1")


def test_expired_report_is_no_news() -> None:
    """It would be forgotten at once."""
    ledger = Ledger(Clock())
    assert ledger.add([ended("sess_1", NOW), blocked("user_1", 1_000, NOW)]) == []
    assert len(ledger) == 0


def test_memory_is_bounded_by_what_is_live() -> None:
    """What has expired makes room, however long others are remembered that came before."""
    clock = Clock()
    ledger = Ledger(clock)
    ledger.add([blocked("user_long", 1, NOW + 100_000), ended("user_gone", NOW + 100_000)])
    for number in range(10_000):
        clock.now = NOW + number
        ledger.add([ended(f"sess_{number}", NOW + number + 100)])
        ledger.add([blocked(f"user_{number}", number, NOW + number + 100)])
        assert len(ledger) <= 2 * 204 + 1_000 + 1
    assert ledger.has_revoked("user_long")
    assert ledger.has_revoked("user_gone")


def test_session_that_is_reported_again_is_remembered_longer() -> None:
    """And not dropped with the first report."""
    clock = Clock()
    ledger = Ledger(clock)
    ledger.add([ended("sess_1", NOW + 10), ended("sess_2", NOW + 20)])
    assert ledger.add([ended("sess_1", NOW + 30)]) == [ended("sess_1", NOW + 30)]
    clock.now = NOW + 25
    assert list(ledger.live()) == [ended("sess_1", NOW + 30)]
    assert len(ledger) == 1


def test_only_news_are_returned() -> None:
    """Whoever tells others what they lack need not tell them twice."""
    ledger = Ledger(Clock())
    reports = [ended("sess_1", LATER), blocked("user_1", 1_000)]
    assert ledger.add(reports) == reports
    assert ledger.add(reports) == []
    assert sorted(ledger.live()) == sorted(reports)


def test_what_has_expired_is_told_to_nobody() -> None:
    """Not even if it is still there."""
    clock = Clock()
    ledger = Ledger(clock)
    ledger.add([ended("sess_1", LATER), blocked("user_1", 1_000)])
    clock.now = LATER
    assert list(ledger.live()) == []


REPORTS = st.builds(
    Revocation,
    st.sampled_from(["sess_1", "user_1", "user_2"]),
    st.booleans(),
    st.sampled_from([1_000, 2_000, FOREVER]),
    st.sampled_from([NOW + 10, LATER]),
)


@given(st.lists(REPORTS, max_size=6), st.randoms())
def test_order_of_arrival_does_not_matter(reports: list[Revocation], random: object) -> None:
    """Workers that have heard the same know the same, however it came to them."""
    shuffled = list(reports)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    one, other = Ledger(Clock()), Ledger(Clock())
    one.add(reports)
    for each in shuffled:
        other.add([each])
        other.add([each])
    for subject in ("sess_1", "user_1", "user_2"):
        assert one.has_revoked(subject) == other.has_revoked(subject)
    assert sorted(one.live()) == sorted(other.live())


def test_ledger_can_be_added_to_while_it_is_gone_through() -> None:
    """Nothing that was there at the beginning is left out, nor told as it was before."""
    ledger = Ledger(Clock())
    ledger.add([ended("sess_1", NOW + 60), Revocation("user_1", True, 1, NOW + 60)])
    ledger.add([Revocation("user_2", True, 1, NOW + 60), ended("sess_2", NOW + 60)])
    live = ledger.live()
    found = [next(live)]
    ledger.add([ended("user_1", NOW + 60), Revocation("user_2", False, 2, NOW + 60)])
    ledger.add(ended(f"sess_{number}", NOW + 60) for number in range(3, 3_000))
    found += live
    assert {"sess_1", "sess_2"} <= {each.subject for each in found}
    assert ended("user_1", NOW + 60) in found
    assert Revocation("user_2", False, 2, NOW + 60) in found
