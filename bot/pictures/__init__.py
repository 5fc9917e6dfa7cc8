"""Pictures of liquidity and trades: one renderer for Telegram, the web page and `lopside plot`."""
