#!/usr/bin/env bash
# Install the SDK that the oracle asks; does nothing if exactly that version is there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "tests/conformance: node and npm are needed" >&2
  exit 1
fi
if ! node oracle.mjs --check 2>/dev/null; then
  npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error
  node oracle.mjs --check
fi
