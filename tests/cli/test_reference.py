from __future__ import annotations

import re
from pathlib import Path

from bot.cli.reference import every_command, markdown
from bot.core.enums import DenyReason


def test_the_page_of_commands_is_up_to_date(repo: Path) -> None:
    page = (repo / "docs" / "cli.md").read_text()
    assert page == markdown(), "run: python -m bot.cli.reference > docs/cli.md"


def test_every_command_and_option_has_help() -> None:
    commands = dict(every_command())
    assert {"lopside paper", "lopside import binance-raw", "lopside tape book"} <= set(commands)
    for name, command in commands.items():
        assert command.help, name
        for parameter in command.params:
            assert parameter.help or parameter.name == "help", f"{name} {parameter.name}"


def test_every_command_is_named_in_the_readme(repo: Path) -> None:
    readme = (repo / "README.md").read_text()
    for name, _ in every_command():
        assert name in readme, name


def test_every_reason_of_refusal_has_one_line(repo: Path) -> None:
    lines = (repo / "docs" / "refusals.md").read_text().splitlines()
    named = [found[1] for line in lines if (found := re.match(r"\| `(\w+)` \| \S", line))]
    assert named == [reason.value for reason in DenyReason]


def test_refusals_name_only_limits_that_exist(repo: Path) -> None:
    from bot.app.config import known_keys

    page = (repo / "docs" / "refusals.md").read_text()
    assert set(re.findall(r"`((?:risk|paper)\.\w+)`", page)) <= set(known_keys())
