#!/bin/sh
# Resolve a real bug: a small package whose tests fail, an issue that says what is wrong, and `runoff resolve`.
# usage: demo.sh RUNOFF_PROGRAM
set -eu
runoff=$1
python=$(dirname "$1")/python  # it has pytest, which the example's tests need
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

cp -r "$here/lending/repo" "$work/lending"
cd "$work/lending"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git init -q .
git add -A
git -c user.name=demo -c user.email=demo@example.org commit -q -m "The lending desk"

echo "A git repository, $work/lending, with this issue:"
echo
sed 's/^/    /' "$here/lending/issue.md"
echo
echo "\$ runoff resolve $work/lending --issue issue.md --python $python --apply"
echo
"$runoff" resolve "$work/lending" --issue "$here/lending/issue.md" --python "$python" --apply
echo
echo "The checkout now holds the fix:"
echo "\$ git diff --stat"
git diff --stat
