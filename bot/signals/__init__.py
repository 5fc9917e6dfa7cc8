"""Floor 2: features, walls, zones, cards, the composite and what it learns. Knows no positions and no money.

The compiled loop tells `bot.signals.inputs`, `bot.signals.resting` and `bot.signals.flow` what happens
as it comes, calls `on_grid` (bot.signals.grid) between messages and `emit` (bot.signals.cards) every 10 s,
all on the records of `new_signals` (bot.signals.state); people and strategies read `market_view`
(bot.signals.view), the decision hash reads `Readings` (bot.signals.readings).
"""
