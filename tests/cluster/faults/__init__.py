"""What breaks in a cluster, and what protection does meanwhile: each test breaks one thing while pods knock at each other.

What never belongs here: what works as long as nothing breaks (`tests.cluster.demo`).
"""
