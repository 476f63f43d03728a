# To be sourced. Steps that are all run, so that one run tells everything, and a last line that says what failed.
#
#   step LIMIT COMMAND...   runs it without a stdin, for LIMIT at most
#   end_of_steps WHAT       exit 1 if one failed
#
# Interrupted, or even killed, the step that runs is ended first, so that it can clean up after itself.
failed=
running=

interrupted() {
    trap '' INT TERM HUP
    [ -z "$running" ] || { kill "$running" 2>/dev/null || true; } # timeout hands it to all that it started
    [ -z "$running" ] || wait "$running" || true
    exit 130
}
trap interrupted INT TERM HUP

step() {
    limit=$1
    shift
    began=$(date +%s)
    printf '\n=== %s\n' "$*"
    setpriv --pdeathsig TERM timeout --kill-after=60 "$limit" "$@" </dev/null &
    running=$!
    if wait "$running"; then verdict=ok; else verdict="FAILED (exit $?)" failed="$failed; $*"; fi
    running=
    printf '=== %s: %s after %s s\n' "$*" "$verdict" $(($(date +%s) - began))
}

end_of_steps() {
    [ -z "$failed" ] || { printf '\n%s: FAILED: %s\n' "$1" "${failed#; }" && exit 1; }
    printf '\n%s: all steps ok\n' "$1"
}
