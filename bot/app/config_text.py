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
    """The commented example file, generated from the models so that it cannot drift."""
    return _HEAD + "".join(_group(name, value) for name, value in Config())


def _group(name: str, group: BaseModel) -> str:
    lines = [f"\n{name}:  # {_first_line(type(group).__doc__)}"]
    for key, field in type(group).model_fields.items():
        lines.append(f"  # {field.description}")
        lines.append(f"  {key}: {_scalar(group.model_dump(mode='json')[key])}")
    return "\n".join(lines) + "\n"


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def _scalar(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()


def as_yaml(config: Config) -> str:
    """What is in force, without comments."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=100)
