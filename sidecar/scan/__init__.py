"""LOOKS AT WHAT LIES ABOUT.  Files, archives, images, captures and lines of JSON, through the same core as live traffic.

What belongs here: walking, opening and cutting what is not a connection into texts, and telling what the core says about
them.  What never does: deciding what is a finding (`core`), and reading a text differently from how the proxy would.
"""
