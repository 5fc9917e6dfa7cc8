from __future__ import annotations

from pathlib import Path

from bot.operate.authority import Role
from bot.telegram.commands import COMMANDS, reference
from bot.telegram.gate import Gate, roles_of
from bot.telegram.message import LONGEST, Message


def test_the_page_of_telegram_is_up_to_date(repo: Path) -> None:
    page = (repo / "docs" / "telegram.md").read_text()
    assert page == reference(), "run: python -m bot.telegram.commands > docs/telegram.md"


def test_names_of_commands_are_what_telegram_allows() -> None:
    names = [command.name for command in COMMANDS]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and name.islower() and len(name) <= 32 for name in names)


def test_a_person_with_several_roles_has_the_highest_and_nobody_listed_admits_nobody() -> None:
    assert roles_of([1], [1, 2], [2, 3]) == {1: Role.OWNER, 2: Role.OPERATOR, 3: Role.VIEWER}
    gate = Gate({})
    assert gate.actor(1, 1) is None
    assert gate.actor(None, None) is None


def test_a_long_message_is_cut_between_lines_and_nothing_is_lost() -> None:
    rows = tuple((f"row {k}", "<&>" * 20) for k in range(300))
    message = Message("title", tuple(f"line {k}" for k in range(200)), rows)
    parts = list(message.parts())
    assert len(parts) > 1
    assert all(len(part.plain()) <= LONGEST for part in parts)
    assert [line for part in parts for line in part.lines] == list(message.lines)
    assert [row for part in parts for row in part.table] == list(rows)


def test_formatting_is_escaped() -> None:
    message = Message("a<b", ("x & y",), (("k", "v"), ("<i>", "1")))
    assert message.html() == "<b>a&lt;b</b>\nx &amp; y\n<pre>k    v\n&lt;i&gt;  1</pre>"
    assert message.plain() == "a<b\nx & y\nk    v\n<i>  1"
