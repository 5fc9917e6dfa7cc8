"""Every command that Telegram understands, as a table: name, arguments, role, what it does.

The reference (docs/telegram.md) is made from it. Looking needs the role of a
viewer; what the bot is told to do goes through the façade, which judges the
role itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import bot
from bot.core.alerts import KINDS, AlertKind, Delivery, Urgency
from bot.core.clock import Clock
from bot.core.commands import SUBJECTS, About, Answer, Verb
from bot.core.errors import BadInput
from bot.core.units import NS_PER_DAY, NS_PER_S
from bot.operate.authority import Actor, Role
from bot.operate.confirming import Proposal
from bot.operate.logbook import in_words, last_entries
from bot.operate.operator import Operator
from bot.operate.outbox import Outbox
from bot.store.database import Database
from bot.store.edge_report import edge_report
from bot.store.report import build_report
from bot.store.why import explain
from bot.store.zone_report import zone_report
from bot.telegram import texts
from bot.telegram.message import Message, Picture, no_picture

SPANS = {"day": 1, "week": 7, "month": 30}
MOST_TRADES = 20
MOST_LINES = 40  # of the log
LONGEST_MUTE_H = 24


@dataclass(frozen=True, slots=True)
class Request:
    """What a person sent: the command's words behind its name."""

    actor: Actor
    words: tuple[str, ...]

    def word(self, k: int = 0) -> str:
        return self.words[k] if k < len(self.words) else ""

    @property
    def symbol(self) -> str:
        return self.word().upper()


Reply = Message | Proposal | Path | bytes
"""A text; a proposal with buttons; a file; a PNG."""


@dataclass(slots=True)
class Desk:
    """What commands work with. `folder` is the session's; it is read in a thread of its own.

    `others` are outboxes of other channels, muted together with Telegram's; `clean` takes secrets out.
    """

    operator: Operator
    outbox: Outbox
    folder: Path
    clock: Clock
    picture: Picture = no_picture
    figures: Callable[[], dict[str, Any]] = dict  # of the channel itself, for /health
    others: tuple[Outbox, ...] = ()
    clean: Callable[[str], str] = str

    def now(self) -> texts.Status:
        return self.operator.look()

    async def read(self, of: Callable[[Database], Any]) -> Any:
        def work() -> Any:
            with Database.read(self.folder) as database:
                return of(database)

        return await asyncio.to_thread(work)

    async def tell(self, request: Request, verb: Verb, subject: str = "") -> Reply:
        told = await self.operator.ask(request.actor, verb, subject)
        return told if isinstance(told, Proposal) else answered(told)


def answered(answer: Answer) -> Message:
    return Message("Done" if answer.done else "Not done", (answer.text,))


Deed = Callable[[Desk, Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One command; `arguments` as a person would read them."""

    name: str
    about: str
    deed: Deed
    arguments: str = ""
    role: Role = Role.VIEWER


def _of_status(make: Callable[[texts.Status], Message]) -> Deed:
    async def deed(desk: Desk, request: Request) -> Reply:
        return make(desk.now())

    return deed


def _of_symbol(make: Callable[[texts.Status, str], Message]) -> Deed:
    async def deed(desk: Desk, request: Request) -> Reply:
        now = desk.now()
        return make(now, _symbol(now, request))

    return deed


def _symbol(now: texts.Status, request: Request) -> str:
    """The symbol that was said, "" for all. Raises BadInput when there is none such."""
    known = [market.symbol for market in now.markets]
    if request.symbol and request.symbol not in known:
        raise BadInput(f"expected one of {', '.join(known)}, was {request.symbol}")
    return request.symbol


def _verb(verb: Verb) -> Deed:
    async def deed(desk: Desk, request: Request) -> Reply:
        words = " ".join(request.words)
        subject = words.upper() if SUBJECTS[verb] in (About.MARKET, About.ANY_MARKET) else words.lower()
        return await desk.tell(request, verb, subject)

    return deed


async def _mode(desk: Desk, request: Request) -> Reply:
    if not request.words:
        return texts.modes(desk.now())
    return await _verb(Verb.MODE)(desk, request)


async def _help(desk: Desk, request: Request) -> Reply:
    lines = [
        f"/{c.name} {c.arguments}".rstrip() + f": {c.about}" for c in COMMANDS if request.actor.role >= c.role
    ]
    return Message("Commands", tuple(lines))


async def _health(desk: Desk, request: Request) -> Reply:
    return texts.health(desk.now(), desk.figures())


async def _version(desk: Desk, request: Request) -> Reply:
    return Message(f"lopside {bot.__version__}")


async def _logs(desk: Desk, request: Request) -> Reply:
    most = _whole(request.word() or "10", 1, MOST_LINES)
    entries = await asyncio.to_thread(last_entries, desk.folder, most)
    lines = tuple(desk.clean(in_words(entry)) for entry in entries)
    return Message("The log's end" if lines else "The log is empty", lines)


async def _zones(desk: Desk, request: Request) -> Reply:
    symbol = _symbol(desk.now(), request)
    return texts.zones(await desk.read(lambda database: zone_report(database, last=0)), symbol)


async def _risk(desk: Desk, request: Request) -> Reply:
    return texts.risk(desk.now(), desk.operator.limits())


async def _limits(desk: Desk, request: Request) -> Reply:
    return texts.limits(desk.operator.limits(), _symbol(desk.now(), request))


async def _edge(desk: Desk, request: Request) -> Reply:
    return texts.edge(await desk.read(edge_report))


async def _report(desk: Desk, request: Request) -> Reply:
    return texts.report(await desk.read(lambda database: build_report(database).to_json()))


async def _pnl(desk: Desk, request: Request) -> Reply:
    span = request.word().lower() or "day"
    if span not in SPANS:
        raise BadInput(f"expected {', '.join(SPANS)}, was {span}")
    made = await desk.read(lambda database: build_report(database).to_json())
    return texts.pnl(made, desk.now().now_ns - SPANS[span] * NS_PER_DAY, span)


async def _trades(desk: Desk, request: Request) -> Reply:
    most = _whole(request.word() or "5", 1, MOST_TRADES)
    return texts.trades(await desk.read(lambda database: build_report(database).to_json()), most)


async def _why(desk: Desk, request: Request) -> Reply:
    if not request.word():
        return texts.refusals(desk.now())
    chain = await desk.read(lambda database: explain(database, request.word()))
    return texts.chain(chain)


async def _book(desk: Desk, request: Request) -> Reply:
    now = desk.now()
    symbol = _symbol(now, request) or now.markets[0].symbol
    return await desk.picture(symbol, "") or Message("No picture", ("too little was seen, or no matplotlib",))


async def _csv(desk: Desk, request: Request) -> Reply:
    from bot.store.trades_csv import write_trades

    path = desk.folder / "trades.csv"
    await desk.read(lambda database: write_trades(build_report(database).trades, path))
    return path


async def _backup(desk: Desk, request: Request) -> Reply:
    path = desk.folder / "backup.db"
    await desk.read(lambda database: database.backup(path))
    return path


async def _mute(desk: Desk, request: Request) -> Reply:
    hours = _whole(request.word() or "1", 1, LONGEST_MUTE_H)
    _hold_back(desk, desk.now().now_ns + hours * 3600 * NS_PER_S)
    return Message(f"Muted for {hours} h", ("alarms still come through",))


async def _unmute(desk: Desk, request: Request) -> Reply:
    _hold_back(desk, 0)
    return Message("Alerts are on again", (f"{desk.outbox.muted} were held back",))


def _hold_back(desk: Desk, until_ns: int) -> None:
    for outbox in (desk.outbox, *desk.others):
        outbox.muted_until_ns = until_ns


async def _settings(desk: Desk, request: Request) -> Reply:
    if request.words:
        return _choose(desk, request)
    rows = [(kind.value, desk.outbox.delivery(kind).value) for kind in KINDS]
    until = desk.outbox.muted_until_ns
    muted = until > desk.now().now_ns
    how = "change one with /settings kind on, silent or off"
    lines = (f"muted until {texts.clock(until)}", how) if muted else (how,)
    return Message("Alerts", lines, (("kind", "delivery"), *rows))


def _choose(desk: Desk, request: Request) -> Message:
    """One kind on, silent or off; kept over restarts. Raises BadInput."""
    if request.actor.role < Role.OPERATOR:
        raise BadInput("changing it needs the role operator")
    kind, how = (_one_of(words, request.word(k)) for k, words in enumerate((AlertKind, Delivery)))
    if KINDS[AlertKind(kind)].urgency is Urgency.ALARM:
        raise BadInput(f"{kind} is an alarm: it always comes, with a sound")
    desk.outbox.choose(AlertKind(kind), Delivery(how))
    return Message(f"{kind}: {how}")


async def _confirm(desk: Desk, request: Request) -> Reply:
    return answered(await desk.operator.confirm(request.actor, request.word()))


COMMANDS: Sequence[Spoken] = (
    Spoken("status", "the bot at a glance", _of_status(texts.status)),
    Spoken("positions", "open trades", _of_status(texts.positions)),
    Spoken("balance", "wallet and equity by coin", _of_status(texts.balance)),
    Spoken("pnl", "what was earned in the last day, week or month", _pnl, "[day|week|month]"),
    Spoken("trades", "the last closed trades", _trades, "[how many]"),
    Spoken("bias", "the verdicts of the modes, a market", _of_symbol(texts.bias), "[symbol]"),
    Spoken("signals", "the same as /bias", _of_symbol(texts.bias), "[symbol]"),
    Spoken("walls", "walls that stand", _of_symbol(texts.walls), "[symbol]"),
    Spoken("zones", "zones that stand, and how they held", _zones, "[symbol]"),
    Spoken("book", "depth over time, walls and flow as a picture", _book, "[symbol]"),
    Spoken("trust", "how far each book may be believed", _of_symbol(texts.trust), "[symbol]"),
    Spoken("why", "the chain behind an id; without one the last refusals", _why, "[id]"),
    Spoken("risk", "what is at stake, and which limits are broken", _risk),
    Spoken("limits", "every limit: its value now, and what is allowed", _limits, "[symbol]"),
    Spoken("performance", "results by strategy", _report),
    Spoken("edge", "where prices went after decisions", _edge),
    Spoken("report", "the session's report", _report),
    Spoken("health", "data, speed, and this channel", _health),
    Spoken("logs", "the end of the log, without secrets", _logs, "[lines]", Role.OPERATOR),
    Spoken("settings", "which alerts come, and how; changes one", _settings, "[kind on|silent|off]"),
    Spoken("mute", "hold alerts back; alarms still come", _mute, "[hours]", Role.OPERATOR),
    Spoken("unmute", "alerts again", _unmute, "", Role.OPERATOR),
    Spoken("pause", "no new entries", _verb(Verb.PAUSE), "", Role.OPERATOR),
    Spoken("resume", "entries again", _verb(Verb.RESUME), "", Role.OPERATOR),
    Spoken("mode", "which modes enter; scalp, day or swing sets them", _mode, "[modes]"),
    Spoken("arm", "entries for so many hours, then a pause", _verb(Verb.ARM), "hours", Role.OPERATOR),
    Spoken("disarm", "no new entries, and none that waits", _verb(Verb.DISARM), "", Role.OPERATOR),
    Spoken("cancel", "take back entries that wait", _verb(Verb.CANCEL), "[symbol]", Role.OPERATOR),
    Spoken("close", "close the trade of a symbol (asks first)", _verb(Verb.CLOSE), "symbol", Role.OPERATOR),
    Spoken("flatten", "close everything and pause (asks first)", _verb(Verb.FLATTEN), "", Role.OPERATOR),
    Spoken("panic", "the same as /flatten", _verb(Verb.FLATTEN), "", Role.OPERATOR),
    Spoken("reset", "end a broken limit (asks first)", _verb(Verb.RESET), "name", Role.OWNER),
    Spoken(
        "restart",
        "ask a strategy again that was off (asks first)",
        _verb(Verb.RESTART),
        "strategy",
        Role.OWNER,
    ),
    Spoken("adopt", "take over an unknown position (asks first)", _verb(Verb.ADOPT), "symbol", Role.OWNER),
    Spoken("ignore", "leave an unknown position (asks first)", _verb(Verb.IGNORE), "symbol", Role.OWNER),
    Spoken("confirm", "do what a code was shown for", _confirm, "code", Role.OPERATOR),
    Spoken("csv", "all trades as a file", _csv, "", Role.OWNER),
    Spoken("backup", "the session's database as a file", _backup, "", Role.OWNER),
    Spoken("version", "which version this is", _version),
    Spoken("help", "this list", _help),
)
BY_NAME = {command.name: command for command in COMMANDS}


async def obey(desk: Desk, actor: Actor, text: str) -> Reply:
    """Carry out one line a person sent. Never raises what a person caused."""
    name, *words = text.split()
    command = BY_NAME.get(name.lstrip("/").split("@")[0].lower())
    if command is None:
        return Message(f"Unknown: {name[:40]}", ("see /help",))
    if actor.role < command.role:
        return Message("Not allowed", (f"/{command.name} needs the role {command.role.name.lower()}",))
    try:
        return await command.deed(desk, Request(actor, tuple(words)))
    except BadInput as error:
        return Message(f"/{command.name}", (str(error),))


def _one_of(known: type[StrEnum], word: str) -> str:
    if word.lower() not in set(known):
        raise BadInput(f"expected one of {', '.join(known)}, was {word[:20] or 'nothing'}")
    return word.lower()


def _whole(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise BadInput(f"expected a number from {least} to {most}, was {text[:20]}")
    return int(text)


def reference() -> str:
    """The page docs/telegram.md."""
    spoken = (
        "\n".join(
            f"| `/{c.name}{' ' + c.arguments if c.arguments else ''}` | {c.role.name.lower()} | {c.about} |"
            for c in COMMANDS
        )
        .replace("|silent|", ", silent, ")
        .replace("day|week|month", "day, week, month")
    )
    words = {Delivery.ON: "with a sound", Delivery.SILENT: "silent", Delivery.OFF: "off"}
    kinds = "\n".join(
        f"| `{kind.value}` | {known.urgency.name.lower()} | {words[known.default]} | {known.about} |"
        for kind, known in KINDS.items()
    )
    return (
        "# Telegram\n\nMade by `python -m bot.telegram.commands`; a test keeps it true.\n\n"
        "## Commands\n\n| command | role | does |\n|---|---|---|\n"
        f"{spoken}\n\n"
        "What moves money is shown first and done only when its button is pressed, or its code sent with\n"
        "`/confirm`, within a minute. Every command leaves an audit row.\n\n"
        "## Alerts\n\n| kind | urgency | by default | when |\n|---|---|---|---|\n"
        f"{kinds}\n\n"
        "An alarm is never muted, silenced or dropped. Others are set by `telegram.alerts_on`,\n"
        "`telegram.alerts_silent` and `telegram.alerts_off`, and with `/settings` while the bot runs.\n"
    )


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
