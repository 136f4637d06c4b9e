"""The test bed: a real Kubernetes cluster on one machine, inside network namespaces of its own.

What belongs here: building the binaries, starting the real programs, taking them down again whatever happened.  What
never does: knowledge of cdefence (that is for the tests), and anything that changes the host's own network.
`README.md` beside this file says how to use it.
"""
