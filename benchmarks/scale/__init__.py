"""The control plane under two thousand pods: `python -m benchmarks scale`.

One controller, a real API server with webhook and guard, pods that KWOK plays, a scope stream for each of them.  What never
belongs here: the data path, which is measured against its peers one folder up.
"""
