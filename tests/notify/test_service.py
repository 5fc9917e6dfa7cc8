"""Alerts to a webhook and by e-mail: the real library against a local HTTP and a local SMTP server."""

from __future__ import annotations

import asyncio
import email.policy
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller

from bot.core.alerts import KINDS, Alert, AlertKind, Delivery, Urgency
from bot.core.clock import SystemClock
from bot.core.errors import BadConfig
from bot.notify.service import NotifyService
from bot.operate.outbox import Outbox, deliveries_from
from tests.rehearsal.local_server import eventually

PASSWORD = "hunter-two"


class Receiver:
    """A webhook that notes what it is told; `status` is what it answers."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.status = 200

    async def take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.told.append(await request.json())
        return web.Response(status=self.status)


@asynccontextmanager
async def webhook() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield receiver, f"json://user:{PASSWORD}@{host}:{port}/hook"
    finally:
        await runner.cleanup()


class Postbox:
    """What a mail server's handler does: it keeps the letters."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def alert(text: str, kind: AlertKind = AlertKind.EXIT) -> Alert:
    return Alert(kind, 1, text)


@asynccontextmanager
async def serving(
    urls: list[str], outbox: Outbox, warnings: list[tuple[str, Mapping[str, Any]]]
) -> AsyncIterator[NotifyService]:
    service = NotifyService(urls, outbox, SystemClock(), lambda *row: warnings.append(row), session="paper")
    task = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_webhook_and_a_mailbox_get_every_alert_once_and_in_plain_words() -> None:
    postbox, outbox = Postbox(), Outbox(deliveries_from(Urgency.TRADE))
    warnings: list[tuple[str, Mapping[str, Any]]] = []
    controller = Controller(postbox, hostname="127.0.0.1", port=free_port())
    controller.start()

    async def scene() -> list[dict[str, Any]]:
        async with webhook() as (receiver, url):
            mail = f"mailto://example.com:{controller.port}?smtp=127.0.0.1&mode=insecure"
            mail += "&from=bot@example.com&to=me@example.com"
            async with serving([url, mail], outbox, warnings) as service:
                outbox.post(alert("closed long <b> & 1 BTCUSDT: +5\n100 → 101, target"))
                outbox.post(alert("book doubted", AlertKind.TRUST))
                outbox.post(alert("BTCUSDT without a stop\nid ab", AlertKind.PROTECTION))
                await eventually(lambda: len(receiver.told) == 2 and len(postbox.letters) == 2, 10.0)
                await eventually(lambda: len(outbox) == 0, 10.0)
                assert service.errors == 0
            return receiver.told

    try:
        told = asyncio.run(scene())
    finally:
        controller.stop()
    # the alarm was posted last and is told first
    assert [(t["title"], t["message"], t["type"]) for t in told] == [
        ("ALARM paper: BTCUSDT without a stop", "id ab", "failure"),
        ("paper: closed long <b> & 1 BTCUSDT: +5", "100 → 101, target", "success"),
    ]
    assert {letter["subject"] for letter in postbox.letters} == {t["title"] for t in told}
    (exit_letter,) = [x for x in postbox.letters if "closed" in x["subject"]]
    assert exit_letter["to"] is not None
    assert "me@example.com" in exit_letter["to"]
    body = exit_letter.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "100 → 101, target"
    assert warnings == []


def test_a_receiver_that_fails_is_tried_again_and_holds_no_other_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.operate.outbox.FIRST_RETRY_NS", 50_000_000)
    outbox = Outbox()
    warnings: list[tuple[str, Mapping[str, Any]]] = []

    async def scene() -> None:
        async with webhook() as (good, good_url), webhook() as (bad, bad_url):
            bad.status = 500
            async with serving([bad_url, good_url], outbox, warnings) as service:
                outbox.post(alert("first"))
                await eventually(lambda: len(good.told) == 1 and service.errors >= 2, 10.0)
                outbox.post(alert("second"))
                await eventually(lambda: len(good.told) == 2, 10.0)
                bad.status = 200
                await eventually(lambda: len(bad.told) == 2 and len(outbox) == 0, 10.0)
                assert len(good.told) == 2, "who has it is not told again"

    asyncio.run(scene())
    assert [what for what, _ in warnings] == ["notify_failed"], "said once"
    assert PASSWORD not in str(warnings)
    assert "json://127.0.0.1" in str(warnings)


def test_what_is_no_url_is_refused_without_showing_it() -> None:
    with pytest.raises(BadConfig, match="URL 2") as caught:
        NotifyService(
            ["json://127.0.0.1/x", f"nonsense://u:{PASSWORD}@h"], Outbox(), SystemClock(), lambda *_: None
        )
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("least", list(Urgency))
def test_what_is_less_urgent_does_not_come(least: Urgency) -> None:
    outbox = Outbox(deliveries_from(least))
    for kind in AlertKind:
        outbox.post(alert(kind.value, kind))
    wanted = {k for k, known in KINDS.items() if known.urgency >= least and known.default is not Delivery.OFF}
    assert {post.alert.kind for post in outbox.waiting()} == wanted
