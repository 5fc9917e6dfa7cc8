"""Sockets around what venues say: connections kept alive, REST within the budget, books to be trusted.

`feed.VenueFeed` drives one `VenueStream`; it decides nothing about messages,
only about connections, requests and silence.
"""
