
use builtin;
use str;

set edit:completion:arg-completer[spile] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'spile'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'spile'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand wrap 'Drive a spile into an agent: start it, or read what it prints, and write canonical events'
            cand coalesce 'Merge many small text deltas into few good ones'
            cand chunk 'Cut text into parts that a channel takes'
            cand heartbeat 'Say that an agent is alive and silent: never a silent minute'
            cand merge 'Make several streams one, in the order in which their lines come'
            cand cancel 'Stop a turn: by the name of its run, or as a filter when a condition holds'
            cand ps 'List the agents that run under `spile wrap`'
            cand tee 'Hand events to every sink at once, and pass them on'
            cand replay 'Play recorded sessions again, as they were or faster'
            cand view 'Show events to people'
            cand check 'Hold a stream of events against the contract, one line a violation'
            cand export 'Turn events into another format'
            cand ledger 'Look into a delivery ledger, and decide what waits for a person'
            cand adapters 'List the runtimes that wrap understands, with the command line to use'
            cand demo 'Show a bundled agent session running through a real pipeline'
            cand schema 'Print the JSON Schema of an event'
            cand generate 'Write completions, manual pages, the reference and the event schema'
            cand config 'Show every setting, its value and where it comes from'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'spile;wrap'= {
            cand --from 'The runtime whose output this is: a name from `spile adapters`, or auto'
            cand --stdin 'What the agent gets for its stdin [default: null; with --pty at a terminal inherit]'
            cand --stream 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]'
            cand --label 'A name for people'
            cand --max-line 'Longest line that is taken for a message; a longer one is carried in pieces'
            cand --max-block 'Longest block of text; a longer one goes on in a new block'
            cand --fail-on-stop 'Stop reasons, separated by commas, with which a turn has failed though the runtime calls it complete'
            cand --grace 'Let each signal work for so long before the next of SIGINT, SIGTERM, SIGKILL'
            cand --timeout 'Fail the turn and end the agent if the whole run takes longer; 0, here and below, is no limit'
            cand --idle-timeout 'The same if nothing comes on stdout and stderr for so long'
            cand --first-output-timeout 'The same if nothing at all has come by then'
            cand --tool-timeout 'The same if one call of a tool takes longer'
            cand --after-result 'End an agent that has given its result and does not exit for so long; that is a success'
            cand --drain 'After the exit read on until the output was quiet for so long, 5s at most'
            cand --spool-mem 'Output that may wait in memory for a slow reader'
            cand --spool-max 'Output that may wait in a temporary file after that; then the agent is held back'
            cand --record 'Record the agent''s raw output with its times, as NDJSON that only you can read'
            cand --once 'Start nothing if another run with this key is still there, and exit with status 79'
            cand --pty 'Give the agent a terminal; at a terminal it is yours: your keys, its screen'
            cand --keep-escapes 'Keep escape sequences and carriage returns in plain output, stderr and what tools give'
            cand --strict 'Exit with status 65 if any output of the agent could not be read'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;coalesce'= {
            cand --max 'Most code points of a merged delta; one longer delta passes whole'
            cand --min 'Code points to have before a silence alone lets them go'
            cand --idle 'Let held text go after this silence'
            cand --within 'Let held text go at the latest this long after its first delta came'
            cand --by 'Prefer to cut there'
            cand --first 'Let so many deltas at the start of a block pass at once'
            cand --clock 'Where times come from: `event` makes the output a pure function of the input'
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;chunk'= {
            cand --for 'The channel whose limits hold, built in or a table [presets.CHANNEL] of spile.toml'
            cand --max 'Most of a part, fences and repeated headers counted; with --for it holds too. At least 16'
            cand --unit 'What --max and --min count'
            cand --max-lines 'Most lines of a part'
            cand --min 'Prefer a better place to a fuller part once it has so much [default: a third]'
            cand --kind 'Which texts to cut'
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand --eager 'Let a finished paragraph go although more would fit; with --min once it has so much'
            cand --parents 'Cut the texts of sub-agents too'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;heartbeat'= {
            cand --every 'Say a heartbeat after each such time without an event; 0 is never'
            cand --stall-after 'Say `stalled`, once in a silence, when it is this long; 0 is never'
            cand --clock 'Where times come from: `event` makes the output a pure function of the input (at most 1000 heartbeats a silence)'
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;merge'= {
            cand --each 'Start the command N times, each under `spile wrap` and with SPILE_INDEX=1 to N'
            cand --labels 'Names of the agents that --each starts [default: 1 to N]'
            cand --from 'Their runtime, as for wrap'
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;cancel'= {
            cand --label 'Every run with this label'
            cand --then 'Then give the agent this prompt as its next turn; refused, with nothing done, where it takes none'
            cand --reason 'Why, in words, for the turn''s terminal event'
            cand --grace 'An agent that does not obey is killed, with all below it, after so long'
            cand --after 'The turn has taken so long; 0 is no limit'
            cand --when-idle 'Nothing has come for so long; 0 is no limit'
            cand --match 'The answer has a match, also across deltas; of a long block the last 4 KiB are looked at'
            cand --on-tool 'A tool of this name is called; several are separated by commas'
            cand --max-text 'The answers have more characters than this'
            cand --max-tokens 'More tokens are used, as far as the runtime says that before the end'
            cand --max-cost 'It costs more, as far as the runtime says that before the end'
            cand --clock 'Where times come from: `event` makes the output for a recording a pure function of it'
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand --all 'Every run of yours'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;ps'= {
            cand --json 'Write one JSON object a line instead of the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;tee'= {
            cand --output-error 'What an error of an output does: it is said and the others go on (warn), or all ends (exit); with -nopipe a reader that has gone is no error'
            cand --queue 'Memory for what a sink has not taken yet'
            cand --spool-max 'Then so much in a file without a name; past that the sink is given up'
            cand --linger 'How long to wait for the sinks at the end of the input'
            cand --ledger 'Keep every delivery in this file until it is settled; implies --append'
            cand --in-doubt 'What is done with a delivery in doubt at a sink that cannot tell'
            cand --reconcile 'Command that tells of a delivery (its id is the last argument, and SPILE_DELIVERY_ID) whether cmd:, pipe: or a webhook has it: it prints sent, not_sent or unknown'
            cand --max-age 'Do not send what is older than this by its own time; 0 is no limit'
            cand --pace 'Least time between two deliveries to a sink'
            cand --batch 'Most deliveries under way at a file or HTTP sink, each of which is settled after a crash'
            cand --tries 'Failed answers before a delivery waits for the next run, the waits between them doubling from a second; a sink that cannot be reached does not count'
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand -a 'Append to files instead of truncating them'
            cand --append 'Append to files instead of truncating them'
            cand -i 'Ignore SIGINT'
            cand --ignore-interrupts 'Ignore SIGINT'
            cand --exit-from-stream 'Exit by how the streams'' last turns ended'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;replay'= {
            cand --speed 'How many times as fast as recorded'
            cand --max-gap 'Wait no longer than this for any event [default: as long as recorded]'
            cand --from-seq 'Begin with the turn that holds the event of this number, in --stream or the first stream there is'
            cand --since 'Begin with the first event at or after T: a time (RFC 3339), or a duration after the first event'
            cand --until 'End in front of the first event after T'
            cand --stream 'Only this stream'
            cand --turn 'Only the turn of this number, of each stream'
            cand --only 'Only these types: names or patterns like turn_*, separated by commas'
            cand --idle 'End a source when nothing has come from it for this long [default: wait as long as it takes]'
            cand --header 'Header sent to every address; its value is read from a variable or a file, never from the command line'
            cand --bearer 'Bearer token sent to every address'
            cand --ca 'File with the CA certificates (PEM) to trust instead of those of CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and the system'
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand --instant 'Do not wait at all'
            cand --step 'Wait for keys: space or right for the next event, down to skip running text, p to play and halt, + and - for the speed, q to quit'
            cand --restamp 'Let `ts` be the time at which an event leaves'
            cand -F 'At the end of the last file, wait for more of it; connect to a server again when its stream has ended'
            cand --follow 'At the end of the last file, wait for more of it; connect to a server again when its stream has ended'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;view'= {
            cand --format 'What the output is for [default: tty in a terminal, else plain]'
            cand --color 'When to colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected'
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand --reasoning 'Show what the agent thinks, too'
            cand --exit-from-stream 'Exit by how the streams'' last turns ended'
            cand --exact 'With the format text: print the answer byte for byte, for a file or a program'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;check'= {
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand --partial 'Accept left-out numbers, a late start and an open end, as chunk, --only and seeking leave them'
            cand --pass 'Pass the events on as they came and report on stderr'
            cand --exit-from-stream 'Exit by how the streams'' last turns ended'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;export'= {
            cand --to 'The format'
            cand --max-line 'Longest line that is looked at; a longer one is handed on as it is'
            cand --exact 'With the format text: print the answer byte for byte, for a file or a program'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;ledger'= {
            cand --all 'Every delivery that failed or is in doubt, for retry and forget'
            cand --pending 'Only what is not settled'
            cand --json 'One JSON object a line'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;adapters'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;demo'= {
            cand --speed 'How many times faster than life the agent is; 0 does not wait at all'
            cand --agent 'Be the agent: print the bundled session as Claude Code would'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;schema'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;generate'= {
            cand --out 'The folder to write into'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;config'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;help'= {
            cand wrap 'Drive a spile into an agent: start it, or read what it prints, and write canonical events'
            cand coalesce 'Merge many small text deltas into few good ones'
            cand chunk 'Cut text into parts that a channel takes'
            cand heartbeat 'Say that an agent is alive and silent: never a silent minute'
            cand merge 'Make several streams one, in the order in which their lines come'
            cand cancel 'Stop a turn: by the name of its run, or as a filter when a condition holds'
            cand ps 'List the agents that run under `spile wrap`'
            cand tee 'Hand events to every sink at once, and pass them on'
            cand replay 'Play recorded sessions again, as they were or faster'
            cand view 'Show events to people'
            cand check 'Hold a stream of events against the contract, one line a violation'
            cand export 'Turn events into another format'
            cand ledger 'Look into a delivery ledger, and decide what waits for a person'
            cand adapters 'List the runtimes that wrap understands, with the command line to use'
            cand demo 'Show a bundled agent session running through a real pipeline'
            cand schema 'Print the JSON Schema of an event'
            cand generate 'Write completions, manual pages, the reference and the event schema'
            cand config 'Show every setting, its value and where it comes from'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'spile;help;wrap'= {
        }
        &'spile;help;coalesce'= {
        }
        &'spile;help;chunk'= {
        }
        &'spile;help;heartbeat'= {
        }
        &'spile;help;merge'= {
        }
        &'spile;help;cancel'= {
        }
        &'spile;help;ps'= {
        }
        &'spile;help;tee'= {
        }
        &'spile;help;replay'= {
        }
        &'spile;help;view'= {
        }
        &'spile;help;check'= {
        }
        &'spile;help;export'= {
        }
        &'spile;help;ledger'= {
        }
        &'spile;help;adapters'= {
        }
        &'spile;help;demo'= {
        }
        &'spile;help;schema'= {
        }
        &'spile;help;generate'= {
        }
        &'spile;help;config'= {
        }
        &'spile;help;help'= {
        }
    ]
    $completions[$command]
}
