
# Behind what clap knows: streams and labels of runs, values behind =, and the commands that spile starts.

# Streams, labels or both of the runs that live, one a line; with --all of the finished ones too.
_spile_runs() {
    local what="$1"
    shift
    spile ps --names "$@" 2>/dev/null | case "$what" in
        streams) cut -f1 ;;
        labels) cut -f2 ;;
        both) tr '\t' '\n' ;;
    esac
}

# Offers the lines of $2 that begin with $1, quoted.
_spile_offer() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        [[ -n "$word" && "$word" == "$1"* ]] && COMPREPLY+=("$(printf '%q' "$word")")
    done <<<"$2"
}

_spile() {
    local i cur="$2" prev="$3" command="${COMP_WORDS[1]}"
    if [[ "$command" == wrap || "$command" == merge ]]; then
        for ((i = 2; i < COMP_CWORD; i++)); do
            [[ "${COMP_WORDS[i]}" == -- ]] || continue
            COMPREPLY=()
            if ((i + 1 == COMP_CWORD)); then
                _spile_offer "$cur" "$(compgen -c -- "$cur" | sort -u)"
            elif declare -F _command_offset >/dev/null; then
                _command_offset $((i + 1))
            fi
            return 0
        done
    fi
    if [[ "$cur" == = ]]; then
        cur=""
        prev="${COMP_WORDS[COMP_CWORD - 1]}"
    fi
    [[ "$prev" == = ]] && prev="${COMP_WORDS[COMP_CWORD - 2]}"
    local finished=()
    [[ "$command" == attach || "$command" == logs ]] && finished=(--all)
    case "$command,$prev,$cur" in
        cancel,--label,* | attach,--label,* | logs,--label,*)
            _spile_offer "$cur" "$(_spile_runs labels "${finished[@]}")"
            return 0
            ;;
        *,-* | *,--help,* | *,-h,*) ;;
        cancel,--all,* | cancel,--strict,* | cancel,[!-]*,*)
            _spile_offer "$cur" "$(_spile_runs streams)"
            return 0
            ;;
        send,send,* | send,--force,* | permit,permit,* | attach,--n*,* | attach,[!-]*,* | logs,[!-]*,*)
            _spile_offer "$cur" "$(_spile_runs both "${finished[@]}")"
            return 0
            ;;
    esac
    _spile_known "$1" "$cur" "$prev"
}
