#!/usr/bin/env bash
# Golden trace hashes on every Python at hand: those named, or all from 3.11 on that uv or pyenv has installed.
# `./dev soak pythons` calls it. uv fetches simpy and pydantic for each.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pythons=("$@")
if [ "${#pythons[@]}" -eq 0 ]; then
    mapfile -t pythons < <(uv python list --only-installed --output-format json 2>/dev/null |
        python3 -c 'import glob, json, os, sys
paths = [
    item["path"]
    for item in json.load(sys.stdin)
    if (3, 11) <= (item["version_parts"]["major"], item["version_parts"]["minor"])
]
paths += glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[1-9].*/bin/python"))
for path in sorted(set(map(os.path.realpath, paths))): print(path)')
fi
if [ "${#pythons[@]}" -eq 0 ]; then
    echo "no Python from 3.11 on was found" >&2
    exit 2
fi
failed=0
for python in "${pythons[@]}"; do
    uv run --quiet --no-project --python "$python" --with simpy --with pydantic \
        env PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1 python tests/golden/make_trace_hashes.py --check || failed=1
done
exit "$failed"
