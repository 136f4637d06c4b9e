"""The control plane of cdefence: it puts the sidecar into pods and tells sidecars who is who.

Imports `sidecar.contract` and `sidecar.core` (names and the pure policy model) and nothing else of the data plane.
"""
