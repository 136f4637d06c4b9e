"""The demonstration on a real cluster: the scenarios of the lab, with Services, DNS names and `kubectl exec`.

What belongs here: installing cdefence and the sample applications, playing, printing.  What never does: starting the
cluster (`tests.cluster.bed`), and expectations that differ from the lab's for the same traffic.
"""
