"""A real cluster.  A package, so that what it needs ends with its last test and not with the whole run."""
