
# Behind what clap knows: streams and labels that run now, values behind =, and the commands that spile starts.

# The streams or labels of the running agents, one a line.
_spile_running() {
    spile ps --json 2>/dev/null | sed -n 's/^[^[]*"'"$1"'":"\([^"\\]*\)".*/\1/p'
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
    if [[ "$command" == cancel && COMP_CWORD -ge 2 ]]; then
        case "$prev,$cur" in
            --label,*)
                _spile_offer "$cur" "$(_spile_running label)"
                return 0
                ;;
            *,-* | --help,* | -h,*) ;;
            --all,* | --strict,* | [!-]*,*)
                _spile_offer "$cur" "$(_spile_running stream)"
                return 0
                ;;
        esac
    fi
    _spile_known "$1" "$cur" "$prev"
}
