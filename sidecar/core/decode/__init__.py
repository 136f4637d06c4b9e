"""Protocol readers: bytes in, pieces of scannable text and message boundaries out.  One protocol per file; no I/O."""
