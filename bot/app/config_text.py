"""The configuration as text: the commented example and what is in force, as YAML."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import BaseModel

from bot.app.config import Config

_HEAD = """\
# Lopside configuration. Every key is shown with its default; delete what you do not change.
# Later sources win: this file, environment variables (LOPSIDE_RISK__DAILY_LOSS=0.01), the command line.
# Check it with: lopside config check FILE
"""


def example() -> str:
    """The commented example file, made of the models: it cannot drift."""
    return _HEAD + "".join(_group(name, value, frozenset()) for name, value in Config())


def chosen(config: Config) -> str:
    """The commented file of what differs from the defaults; the rest stands there as comments."""
    return _HEAD + "".join(_group(name, value, _defaults(name, value)) for name, value in config)


def _defaults(name: str, group: BaseModel) -> frozenset[str]:
    """Keys of a group that are as they are without being said."""
    plain = getattr(Config(), name)
    return frozenset(key for key in type(group).model_fields if getattr(group, key) == getattr(plain, key))


def _group(name: str, group: BaseModel, commented: frozenset[str]) -> str:
    lines = [f"\n{name}:  # {_first_line(type(group).__doc__)}"]
    for key, field in type(group).model_fields.items():
        mark = "# " if key in commented else ""
        lines.append(f"  # {field.description}")
        lines.append(f"  {mark}{key}: {_scalar(group.model_dump(mode='json')[key])}")
    return "\n".join(lines) + "\n"


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def _scalar(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()


def as_yaml(config: Config) -> str:
    """What is in force, without comments."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=100)
