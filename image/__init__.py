"""The container image: its layout (`rootfs.sh`), and an archive of it made without a registry (`python -m image`)."""
