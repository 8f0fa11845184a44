#!/bin/bash
# laplace: same
# bash: pipefail, PIPESTATUS, lastpipe, |&, and errexit with pipelines.
true | false | true; echo "${PIPESTATUS[@]} $?"
(exit 1) | (exit 2) | (exit 3); echo "${PIPESTATUS[@]}"
set -o pipefail
true | false | true; echo "pipefail: $?"
(exit 5) | (exit 6) | true; echo "rightmost failure: $?"
false | true || echo "or branch"
! false | true; echo "negated $?"
yes | head -n 1; echo "SIGPIPE counts: ${PIPESTATUS[@]}"
set +o pipefail
shopt -s lastpipe
count=0
printf '%s\n' a b c | while read -r _; do count=$((count + 1)); done
echo "lastpipe: $count"
ls missing |& sed 's/.*: /error: /'
(set -e; false | true; echo "without pipefail: goes on")
(set -e -o pipefail; false | true; echo "never printed"); echo "with it: $?"
mapfile -t lines < <(printf '1\n2\n3\n')
echo "${#lines[@]} lines, last ${lines[-1]}"
time_output=$( { TIMEFORMAT=timed; time true | true; } 2>&1 ); echo "$time_output"
