# Streams (1) or labels (2) of the runs that live, one a line; with --all of the finished ones too.
(( $+functions[_spile_runs] )) ||
_spile_runs() {
    local column=$1; shift
    spile ps --names $@ 2>/dev/null | cut -f$column
}
(( $+functions[_spile_streams] )) ||
_spile_streams() {
    local -a runs; runs=(${(f)"$(_spile_runs 1)"})
    _alternative 'streams:running stream:compadd -a runs' 'files:file:_files'
}
(( $+functions[_spile_labels] )) ||
_spile_labels() {
    local -a runs; runs=(${(f)"$(_spile_runs 2)"})
    _wanted labels expl 'running label' compadd -a runs
}
(( $+functions[_spile_one_run] )) ||
_spile_one_run() {
    local -a runs; runs=(${(f)"$(_spile_runs 1)"} ${(f)"$(_spile_runs 2)"})
    _wanted runs expl 'running stream or label' compadd -a runs
}
(( $+functions[_spile_all_runs] )) ||
_spile_all_runs() {
    local -a runs; runs=(${(f)"$(_spile_runs 1 --all)"} ${(f)"$(_spile_runs 2 --all)"})
    _wanted runs expl 'stream or label' compadd -a runs
}
(( $+functions[_spile_all_labels] )) ||
_spile_all_labels() {
    local -a runs; runs=(${(f)"$(_spile_runs 2 --all)"})
    _wanted labels expl label compadd -a runs
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

