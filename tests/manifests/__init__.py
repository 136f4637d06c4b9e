"""What is installed.  A package, so that its API servers end with its last test and not with the whole run."""
