"""Telegram: alerts out, commands in. Thin over the operating façade; trading never waits for it."""
