"""Built-in strategies, one file each: pure `enter(view)` and `manage(view, trade)`.

A strategy knows one market's view and its own trade; it knows nothing of
account, venue or time other than `view.now_ns`.
"""
