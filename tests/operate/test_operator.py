"""The façade: roles, previews, one-time codes, audit; and the same over a Unix socket."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.core.clock import ManualClock
from bot.core.commands import Answer, Command, Verb
from bot.core.errors import BadInput
from bot.operate.authority import DEMANDS, Actor, Role
from bot.operate.confirming import MOST_TRIES, VALID_NS, Confirmations, Proposal
from bot.operate.control import ControlClient, control_path, serve_control
from bot.operate.operator import Operator, draw_code
from bot.operate.status import Status
from tests.cli.test_live_view import STATUS

VIEWER = Actor("telegram:1", Role.VIEWER)
OPERATOR = Actor("telegram:2", Role.OPERATOR)


class Bot:
    """An engine that does everything, and notes it."""

    def __init__(self) -> None:
        self.done: list[Command] = []
        self.audit: list[tuple[str, Mapping[str, Any]]] = []
        self.clock = ManualClock(1_000)
        self.codes = iter(["AAAA", "BBBB", "CCCC"])
        self.operator = Operator(self.look, self.obey, self.note, self.clock, lambda: next(self.codes))

    def look(self) -> Status:
        return STATUS

    async def obey(self, command: Command) -> Answer:
        self.done.append(command)
        return Answer(True, f"{command.verb} done")

    def note(self, what: str, detail: Mapping[str, Any]) -> None:
        self.audit.append((what, detail))


def ask(bot: Bot, actor: Actor, verb: Verb, subject: str = "") -> Answer | Proposal:
    return asyncio.run(bot.operator.ask(actor, verb, subject))


def confirm(bot: Bot, actor: Actor, code: str) -> Answer:
    return asyncio.run(bot.operator.confirm(actor, code))


def test_every_verb_has_its_demand_and_what_moves_money_is_confirmed() -> None:
    assert set(DEMANDS) == set(Verb)
    at_once = {Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.MODE, Verb.ARM, Verb.DISARM}
    assert {v for v, d in DEMANDS.items() if not d.confirm} == at_once


@pytest.mark.parametrize("verb", list(Verb))
def test_a_viewer_may_do_nothing(verb: Verb) -> None:
    bot = Bot()
    answer = ask(bot, VIEWER, verb, "BTCUSDT")
    assert isinstance(answer, Answer)
    assert not answer.done
    assert bot.done == []
    assert bot.audit[0][1]["by"] == "telegram:1"


def test_pause_is_done_at_once_and_audited() -> None:
    bot = Bot()
    answer = ask(bot, OPERATOR, Verb.PAUSE)
    assert isinstance(answer, Answer)
    assert answer.done
    ((what, detail),) = bot.audit
    assert what == "command"
    assert (detail["verb"], detail["by"], detail["done"]) == ("pause", "telegram:2", True)


def test_money_moves_only_on_the_code_that_was_shown() -> None:
    bot = Bot()
    symbol = STATUS.trades[0].symbol
    proposal = ask(bot, OPERATOR, Verb.CLOSE, symbol)
    assert isinstance(proposal, Proposal)
    assert symbol in proposal.preview
    assert bot.done == []
    assert not confirm(bot, OPERATOR, "ZZZZ").done
    assert confirm(bot, OPERATOR, " aaaa ").done
    assert bot.done == [Command(Verb.CLOSE, symbol, "telegram:2")]
    assert not confirm(bot, OPERATOR, "AAAA").done, "a code works once"
    assert len(bot.done) == 1


def test_another_persons_code_does_nothing() -> None:
    bot = Bot()
    ask(bot, OPERATOR, Verb.FLATTEN)
    assert not confirm(bot, Actor("telegram:3", Role.OWNER), "AAAA").done
    assert bot.done == []


def test_a_code_expires() -> None:
    bot = Bot()
    ask(bot, OPERATOR, Verb.FLATTEN)
    bot.clock.set(1_000 + VALID_NS)
    assert "expired" in confirm(bot, OPERATOR, "AAAA").text
    assert bot.done == []


def test_wrong_codes_end_a_proposal() -> None:
    codes = Confirmations()
    command = Command(Verb.FLATTEN)
    codes.propose("ann", command, "", "AAAA", 0)
    said = [codes.take("ann", "BBBB", 1) for _ in range(MOST_TRIES)]
    assert "2 tries left" in str(said[0])
    assert codes.take("ann", "AAAA", 1) != command


def test_asking_again_replaces_the_code() -> None:
    bot = Bot()
    ask(bot, OPERATOR, Verb.FLATTEN)
    ask(bot, OPERATOR, Verb.FLATTEN)
    assert not confirm(bot, OPERATOR, "AAAA").done
    assert confirm(bot, OPERATOR, "BBBB").done


def test_drawn_codes_are_readable_and_differ() -> None:
    codes = {draw_code() for _ in range(100)}
    assert len(codes) > 95
    assert not set("".join(codes)) & set("0O1I")


async def over_the_socket(folder: Path, bot: Bot, lines: list[bytes]) -> list[dict[str, Any]]:
    async with serve_control(bot.operator, control_path(folder)):
        mode = stat.S_IMODE(os.stat(control_path(folder)).st_mode)
        assert mode & 0o077 == 0, oct(mode)
        reader, writer = await asyncio.open_unix_connection(control_path(folder))
        answers = []
        for line in lines:
            writer.write(line + b"\n")
            answers.append(json.loads(await reader.readline()))
        writer.close()
    assert not control_path(folder).exists()
    return answers


def test_a_whole_conversation_over_the_socket(tmp_path: Path) -> None:
    bot = Bot()
    status, proposal, answer = asyncio.run(
        over_the_socket(
            tmp_path,
            bot,
            [b'{"do":"status"}', b'{"do":"ask","verb":"flatten"}', b'{"do":"confirm","code":"AAAA"}'],
        )
    )
    assert status["status"]["session"] == STATUS.session
    assert proposal["proposal"]["code"] == "AAAA"
    assert answer["answer"]["done"]
    assert [c.verb for c in bot.done] == [Verb.FLATTEN]
    assert bot.done[0].by.startswith("local:")


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[]",
        b'{"do":"dance"}',
        b'{"do":"ask","verb":"buy"}',
        b'{"do":"status","x":1}',
        b"{}",
    ],
)
def test_what_is_not_understood_is_an_error_and_changes_nothing(line: bytes, tmp_path: Path) -> None:
    bot = Bot()
    error, status = asyncio.run(over_the_socket(tmp_path, bot, [line, b'{"do":"status"}']))
    assert set(error) == {"error"}
    assert "status" in status
    assert bot.done == []


def test_a_stale_socket_is_replaced_and_a_long_folder_gets_a_short_name(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 30)
    folder.mkdir()
    path = control_path(folder)
    assert len(str(path)) <= 100
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch()
    (answer,) = asyncio.run(over_the_socket(folder, Bot(), [b'{"do":"ask","verb":"pause"}']))
    assert answer["answer"]["done"]


def test_without_a_running_bot_the_client_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not take commands"):
        ControlClient(tmp_path)
