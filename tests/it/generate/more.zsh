# The streams or labels of the running agents, one a line.
(( $+functions[_spile_running] )) ||
_spile_running() {
    spile ps --json 2>/dev/null | sed -n 's/^[^[]*"'$1'":"\([^"\\]*\)".*/\1/p'
}
(( $+functions[_spile_streams] )) ||
_spile_streams() {
    local -a running; running=(${(f)"$(_spile_running stream)"})
    _alternative 'streams:running stream:compadd -a running' 'files:file:_files'
}
(( $+functions[_spile_labels] )) ||
_spile_labels() {
    local -a running; running=(${(f)"$(_spile_running label)"})
    _wanted labels expl 'running label' compadd -a running
}
# Files to merge, or behind -- the command that is started.
(( $+functions[_spile_sources] )) ||
_spile_sources() {
    if [[ "${LBUFFER##*[|;&]}" == *" -- "* ]]; then
        _cmdambivalent
    else
        _files
    fi
}

