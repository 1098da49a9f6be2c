# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_spile_global_optspecs
    string join \n h/help V/version
end

function __fish_spile_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_spile_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_spile_using_subcommand
    set -l cmd (__fish_spile_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c spile -n "__fish_spile_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_needs_command" -s V -l version -d 'Print version'
complete -c spile -n "__fish_spile_needs_command" -f -a "wrap" -d 'Drive a spile into an agent: start it, or read what it prints, and write canonical events'
complete -c spile -n "__fish_spile_needs_command" -f -a "coalesce" -d 'Merge many small text deltas into few good ones'
complete -c spile -n "__fish_spile_needs_command" -f -a "view" -d 'Show events to people'
complete -c spile -n "__fish_spile_needs_command" -f -a "check" -d 'Hold a stream of events against the contract, one line a violation'
complete -c spile -n "__fish_spile_needs_command" -f -a "adapters" -d 'List the runtimes that wrap understands, with the command line to use'
complete -c spile -n "__fish_spile_needs_command" -f -a "demo" -d 'Show a bundled agent session running through a real pipeline'
complete -c spile -n "__fish_spile_needs_command" -f -a "schema" -d 'Print the JSON Schema of an event'
complete -c spile -n "__fish_spile_needs_command" -f -a "generate" -d 'Write completions, manual pages, the reference and the event schema'
complete -c spile -n "__fish_spile_needs_command" -f -a "config" -d 'Show every setting, its value and where it comes from'
complete -c spile -n "__fish_spile_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l from -d 'The runtime whose output this is: a name from `spile adapters`, or auto' -r -f -a "auto\t'whatever the command\'s name and its first lines say'
claude\t'Claude Code, stream-json'
codex\t'Codex CLI, exec --json'
text\t'any command\'s plain output'"
complete -c spile -n "__fish_spile_using_subcommand wrap" -l stdin -d 'What the agent gets for its stdin [default: null]' -r -f -a "null\t'Nothing: /dev/null. An inherited stdin makes some agents wait for ever'
inherit\t'Ours, as it is'
pipe\t'A pipe into which what comes on ours is copied'"
complete -c spile -n "__fish_spile_using_subcommand wrap" -l stream -d 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l label -d 'A name for people' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l max-line -d 'Longest line that is taken for a message; a longer one is carried in pieces' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l max-block -d 'Longest block of text; a longer one goes on in a new block' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l strict -d 'Exit with status 65 if any output of the agent could not be read'
complete -c spile -n "__fish_spile_using_subcommand wrap" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l max -d 'Most code points of a merged delta; one longer delta passes whole' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l min -d 'Code points to have before a silence alone lets them go' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l idle -d 'Let held text go after this silence' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l within -d 'Let held text go at the latest this long after its first delta came' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l by -d 'Prefer to cut there' -r -f -a "word\t'After white space'
line\t'After a line end'
sentence\t'After the end of a sentence'
paragraph\t'After an empty line'"
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l first -d 'Let so many deltas at the start of a block pass at once' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l clock -d 'Where times come from: `event` makes the output a pure function of the input' -r -f -a "wall\t'From the clock on the wall'
event\t'From the events\' own `ts`: the output is a pure function of the input'"
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand coalesce" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand view" -l format -d 'What the output is for [default: tty in a terminal, else plain]' -r -f -a "tty\t'A terminal: colours, titles cut to its width'
plain\t'A log: the same words, one thing a line'
text\t'A program, or a file: the main agent\'s answer and nothing else'"
complete -c spile -n "__fish_spile_using_subcommand view" -l color -d 'When to colour; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t'If the output is a terminal and the environment does not object'
always\t'Always'
never\t'Never'"
complete -c spile -n "__fish_spile_using_subcommand view" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand view" -l reasoning -d 'Show what the agent thinks, too'
complete -c spile -n "__fish_spile_using_subcommand view" -l exit-from-stream -d 'Exit by how the streams\' last turns ended'
complete -c spile -n "__fish_spile_using_subcommand view" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand view" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand check" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand check" -l partial -d 'Accept left-out numbers, a late start and an open end, as chunk, --only and seeking leave them'
complete -c spile -n "__fish_spile_using_subcommand check" -l pass -d 'Pass the events on as they came and report on stderr'
complete -c spile -n "__fish_spile_using_subcommand check" -l exit-from-stream -d 'Exit by how the streams\' last turns ended'
complete -c spile -n "__fish_spile_using_subcommand check" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand adapters" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand demo" -l speed -d 'How many times faster than life the agent is; 0 does not wait at all' -r
complete -c spile -n "__fish_spile_using_subcommand demo" -l agent -d 'Be the agent: print the bundled session as Claude Code would'
complete -c spile -n "__fish_spile_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand generate" -l out -d 'The folder to write into' -r -f -a "(__fish_complete_directories)"
complete -c spile -n "__fish_spile_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "wrap" -d 'Drive a spile into an agent: start it, or read what it prints, and write canonical events'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "coalesce" -d 'Merge many small text deltas into few good ones'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "view" -d 'Show events to people'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "check" -d 'Hold a stream of events against the contract, one line a violation'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "adapters" -d 'List the runtimes that wrap understands, with the command line to use'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "demo" -d 'Show a bundled agent session running through a real pipeline'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "schema" -d 'Print the JSON Schema of an event'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "generate" -d 'Write completions, manual pages, the reference and the event schema'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "config" -d 'Show every setting, its value and where it comes from'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce view check adapters demo schema generate config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
