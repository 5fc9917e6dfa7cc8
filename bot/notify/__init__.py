"""Alerts beside Telegram: webhooks, e-mail and whatever else has an Apprise URL."""
