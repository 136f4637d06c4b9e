"""TELLS.  Settings in, metrics, events and health out.

What belongs here: what the people and machines that operate the sidecar see and set.  What never does:
anything the data path has to wait for; a full queue drops the message and counts the drop.
"""
