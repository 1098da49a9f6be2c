
# Behind what clap knows: streams and labels of runs, and the commands that spile starts.

# Streams with their labels, a run a line; with --all of the finished ones too.
function __fish_spile_runs
    spile ps --names $argv 2>/dev/null
end

function __fish_spile_labels
    __fish_spile_runs $argv | string split -f 2 \t | string match -v ''
end

# True at the first argument of a command that takes the name of one run.
function __fish_spile_one_run
    __fish_spile_using_subcommand send permit
    and test (count (commandline -opc)) -eq 2
end

function __fish_spile_behind_dashes
    __fish_spile_using_subcommand wrap merge
    and contains -- -- (commandline -opc)
end

# What the command behind the dashes completes.
function __fish_spile_agent
    set -l words (commandline -opc)
    set -l at (contains -i -- -- $words)
    or return
    set -e words[1..$at]
    complete -C "$(string join ' ' -- (string escape -- $words) (commandline -ct))"
end

complete -c spile -n "__fish_spile_using_subcommand cancel" -a "(__fish_spile_runs)"
complete -c spile -n "__fish_spile_using_subcommand cancel" -l label -x -a "(__fish_spile_labels)"
complete -c spile -n "__fish_spile_using_subcommand attach logs" -x -a "(__fish_spile_runs --all; __fish_spile_labels --all)"
complete -c spile -n "__fish_spile_using_subcommand attach logs" -l label -x -a "(__fish_spile_labels --all)"
complete -c spile -n __fish_spile_one_run -x -a "(__fish_spile_runs; __fish_spile_labels)"
complete -c spile -n __fish_spile_behind_dashes -x -a "(__fish_spile_agent)"
