from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.core.alerts import KINDS, Alert, AlertKind, Delivery, Urgency
from bot.operate.outbox import FIRST_RETRY_NS, LONGEST_RETRY_NS, MOST_WAITING, Outbox, Post

EXIT, ALARM, NEWS = AlertKind.EXIT, AlertKind.PROTECTION, AlertKind.TRUST


def alert(kind: AlertKind, text: str = "x", key: str = "", now_ns: int = 1) -> Alert:
    return Alert(kind, now_ns, text, "", key)


def drained(box: Outbox, now_ns: int = 1) -> list[str]:
    texts = []
    while (post := box.next(now_ns)) is not None:
        texts.append(post.alert.text)
        box.delivered(post)
    return texts


def test_alarms_go_first_then_trades_then_news_each_in_their_order() -> None:
    box = Outbox()
    for kind, text in ((NEWS, "n1"), (EXIT, "t1"), (NEWS, "n2"), (ALARM, "a1"), (EXIT, "t2"), (ALARM, "a2")):
        box.post(alert(kind, text))
    assert drained(box) == ["a1", "a2", "t1", "t2", "n1", "n2"]
    assert box.sent == 6


def test_one_key_waits_once_with_its_latest_words() -> None:
    box = Outbox()
    for k in range(3):
        box.post(alert(NEWS, f"trust {k}", key="trust BTCUSDT"))
    (post,) = box.waiting()
    assert (post.alert.text, post.times, box.merged) == ("trust 2", 3, 2)


def test_kinds_that_are_off_or_muted_do_not_come_but_alarms_do() -> None:
    off = dict.fromkeys(AlertKind, Delivery.OFF)
    box = Outbox(off, muted_until_ns=10)
    for kind in AlertKind:
        box.post(alert(kind))
    alarms = [kind for kind, known in KINDS.items() if known.urgency is Urgency.ALARM]
    assert [post.alert.kind for post in box.waiting()] == alarms
    muted = Outbox(muted_until_ns=10)
    muted.post(alert(EXIT, now_ns=9))
    muted.post(alert(EXIT, "later", now_ns=10))
    assert drained(muted) == ["later"]
    assert muted.muted == 1


def test_what_a_person_chose_outweighs_the_configuration_but_never_an_alarm() -> None:
    box = Outbox({EXIT: Delivery.OFF})
    box.choose(EXIT, Delivery.SILENT)
    box.choose(NEWS, Delivery.OFF)
    box.choose(ALARM, Delivery.OFF)
    for kind in (EXIT, NEWS, ALARM):
        box.post(alert(kind, kind.value))
    assert drained(box) == [ALARM.value, EXIT.value]
    assert box.delivery(EXIT) is Delivery.SILENT


def test_a_failure_waits_longer_each_time_or_as_long_as_was_asked() -> None:
    box = Outbox()
    box.post(alert(EXIT))
    waits = []
    now_ns = 0
    for _ in range(12):
        post = box.next(now_ns)
        assert post is not None
        box.failed(post, now_ns)
        due_ns = box.next_due_ns()
        assert due_ns is not None
        assert box.next(due_ns - 1) is None
        waits.append(due_ns - now_ns)
        now_ns = due_ns
    assert waits[:3] == [FIRST_RETRY_NS, 2 * FIRST_RETRY_NS, 4 * FIRST_RETRY_NS]
    assert waits[-1] == LONGEST_RETRY_NS
    post = box.next(now_ns)
    assert post is not None
    box.failed(post, now_ns, 7)
    assert box.next_due_ns() == now_ns + 7


def test_when_too_much_waits_the_oldest_news_gives_way_and_is_counted() -> None:
    box = Outbox()
    box.post(alert(NEWS, "old news"))
    for k in range(MOST_WAITING):
        box.post(alert(EXIT, f"t{k}"))
    assert len(box) == MOST_WAITING
    assert box.dropped == 1
    assert "old news" not in [post.alert.text for post in box.waiting()]


def test_alarms_are_never_dropped() -> None:
    box = Outbox()
    for k in range(MOST_WAITING + 50):
        box.post(alert(ALARM, str(k)))
    assert len(box) == MOST_WAITING + 50


def test_what_waited_goes_on_after_a_restart() -> None:
    box = Outbox()
    box.post(alert(EXIT, "a"))
    box.post(alert(ALARM, "b"))
    post = box.next(1)
    assert post is not None
    box.failed(post, 1)
    kept = msgspec.json.encode(box.waiting())
    again = Outbox()
    again.restore(msgspec.json.decode(kept, type=list[Post]))
    assert drained(again) == ["b", "a"]


@given(st.lists(st.tuples(st.sampled_from(list(AlertKind)), st.sampled_from(["", "k1", "k2"])), max_size=40))
def test_nothing_disappears_uncounted(posts: list[tuple[AlertKind, str]]) -> None:
    box = Outbox(dict.fromkeys(AlertKind, Delivery.ON))
    for k, (kind, key) in enumerate(posts):
        box.post(alert(kind, str(k), key))
    told = drained(box)
    assert box.posted == len(posts) == len(told) + box.merged + box.dropped
