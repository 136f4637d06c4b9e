#!/usr/bin/sh
# Entry point of the image that plays applications: a certificate of its own, then `sidecar.lab.app` on its four ports
# (HTTP 8080, HTTPS 8443, TCP 9000, UDP 9999).  The tallies of what reached it are in $LEDGER.
set -eu
files=${FILES:-/tmp/app} name=$(hostname)
export LEDGER="${LEDGER:-$files/ledger.json}"
mkdir -p "$files"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$name" \
    -addext "subjectAltName=DNS:$name,DNS:localhost${TLS_NAMES:+,$TLS_NAMES}" \
    -keyout "$files/tls.key" -out "$files/tls.crt" 2>/dev/null
exec python3 -m sidecar.lab.app --files "$files" --ledger "$LEDGER"
