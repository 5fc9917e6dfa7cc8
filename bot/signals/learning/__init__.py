"""Learning what each card is worth, a market and a mode at a time (signals.md 7). Pure: time is an argument.

At a tick the card stage calls `settle`, reads the cards, then calls `begin`
(bot.signals.learning.rounds); on the 250 ms grid it calls `note_mid`. The
composite reads theta and weights of a market's record
(bot.signals.learning.state). The shell drains `changes_since`, shows `summary`
(bot.signals.learning.report) and keeps `freeze` (bot.signals.learning.frozen).
"""
