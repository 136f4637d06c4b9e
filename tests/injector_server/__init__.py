"""The controller's process.  A package, so that its API server ends with its last test and not with the whole run."""
