
# Behind what clap knows: streams and labels that run now, and the commands that spile starts.

# The streams or labels of the running agents, one a line.
function __fish_spile_running
    spile ps --json 2>/dev/null | string replace -rf '^[^[]*"'$argv[1]'":"([^"\\\\]*)".*' '$1'
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

complete -c spile -n "__fish_spile_using_subcommand cancel" -a "(__fish_spile_running stream)" -d 'A running stream'
complete -c spile -n "__fish_spile_using_subcommand cancel" -l label -x -a "(__fish_spile_running label)"
complete -c spile -n __fish_spile_behind_dashes -x -a "(__fish_spile_agent)"
