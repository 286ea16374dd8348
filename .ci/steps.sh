# Named steps with a time limit and a table of results; sourced by .ci/run and .ci/full.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${CRUDDUR_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cruddur-ci}
target=${CARGO_TARGET_DIR:-target}
results=$(mktemp -d)
# Snapshots are compared, never written.
export CI=true INSTA_UPDATE=no CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

summary=()
failed=0
# Time limit of all steps together, in seconds. `.ci/full` has a longer one.
limit=$((85 * 60))

# step MINUTES NAME COMMAND...: runs COMMAND and adds a row to the table. Fails after MINUTES, or at `limit`.
step() {
    local minutes=$1 name=$2 started=$SECONDS status=0 seconds
    shift 2
    seconds=$((minutes * 60 < limit - SECONDS ? minutes * 60 : limit - SECONDS))
    printf '\n=== %s (at most %d min): %s\n' "$name" "$minutes" "$*"
    # `timeout 0` would set no limit.
    timeout --kill-after 20s "$((seconds > 0 ? seconds : 1))" bash -euo pipefail -c '"$@"' bash "$@" </dev/null || status=$?
    if ((status == 124 || status == 137)); then
        echo "stopped after $((SECONDS - started)) s"
    fi
    if ((status == 0)); then
        row "$name" ok $((SECONDS - started))
    else
        row "$name" FAILED $((SECONDS - started))
        failed=1
    fi
    return "$status"
}

# row NAME RESULT SECONDS
row() {
    summary+=("$(printf '%-34s %-8s %4d:%02d' "$1" "$2" $(($3 / 60)) $(($3 % 60)))")
}

# Names of the steps to run, if not all; names of all steps.
chosen=()
known=()
list=false

# choose ARGUMENTS...: reads names of steps and --list.
choose() {
    local argument
    for argument in "$@"; do
        case $argument in
            --list) list=true ;;
            -*) echo "unknown option $argument; see the top of $0" && exit 2 ;;
            *) chosen+=("$argument") ;;
        esac
    done
}

# wanted NAME: whether the step is to run.
wanted() {
    known+=("$1")
    ! $list && { ((${#chosen[@]} == 0)) || [[ " ${chosen[*]} " == *" $1 "* ]]; }
}

# all_steps_named: prints the names for --list, and fails the run for names that no step has.
all_steps_named() {
    local name
    if $list; then
        trap - EXIT
        rm -rf "$results"
        printf '%s\n' "${known[@]}"
        exit
    fi
    for name in "${chosen[@]}"; do
        [[ " ${known[*]} " == *" $name "* ]] || { echo "no step is called $name; the steps are: ${known[*]}"; failed=1; }
    done
}

not_run() {
    summary+=("$(printf '%-34s %-8s %s' "$1" 'NOT RUN' "$2")")
}

finish() {
    local status=$?
    rm -rf "$results"
    printf '\n=== summary after %d:%02d\n' $((SECONDS / 60)) $((SECONDS % 60))
    printf '%s\n' "${summary[@]}"
    if ((status == 0 && failed)); then
        status=1
    fi
    if ((status)); then
        echo 'FAILED'
    else
        echo 'passed; steps marked NOT RUN were not checked'
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM
