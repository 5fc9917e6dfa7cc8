"""Sockets around what venues say: connections kept alive, REST within the rate budget, books that can be trusted.

`feed.VenueFeed` drives one `VenueStream`; it decides nothing about messages,
only about connections, requests and silence.
"""
