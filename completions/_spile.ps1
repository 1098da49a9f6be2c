
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'spile' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'spile'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'spile' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('wrap', 'wrap', [CompletionResultType]::ParameterValue, 'Drive a spile into an agent: start it, or read what it prints, and write canonical events')
            [CompletionResult]::new('coalesce', 'coalesce', [CompletionResultType]::ParameterValue, 'Merge many small text deltas into few good ones')
            [CompletionResult]::new('chunk', 'chunk', [CompletionResultType]::ParameterValue, 'Cut text into parts that a channel takes')
            [CompletionResult]::new('heartbeat', 'heartbeat', [CompletionResultType]::ParameterValue, 'Say that an agent is alive and silent: never a silent minute')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Make several streams one, in the order in which their lines come')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Stop a turn: by the name of its run, or as a filter when a condition holds')
            [CompletionResult]::new('ps', 'ps', [CompletionResultType]::ParameterValue, 'List the agents that run under `spile wrap`')
            [CompletionResult]::new('tee', 'tee', [CompletionResultType]::ParameterValue, 'Hand events to every sink at once, and pass them on')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Play recorded sessions again, as they were or faster')
            [CompletionResult]::new('view', 'view', [CompletionResultType]::ParameterValue, 'Show events to people')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Hold a stream of events against the contract, one line a violation')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Turn events into another format')
            [CompletionResult]::new('ledger', 'ledger', [CompletionResultType]::ParameterValue, 'Look into a delivery ledger, and decide what waits for a person')
            [CompletionResult]::new('adapters', 'adapters', [CompletionResultType]::ParameterValue, 'List the runtimes that wrap understands, with the command line to use')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show a bundled agent session running through a real pipeline')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of an event')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write completions, manual pages, the reference and the event schema')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show every setting, its value and where it comes from')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'spile;wrap' {
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The runtime whose output this is: a name from `spile adapters`, or auto')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'What the agent gets for its stdin [default: null; with --pty at a terminal inherit]')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'A name for people')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is taken for a message; a longer one is carried in pieces')
            [CompletionResult]::new('--max-block', '--max-block', [CompletionResultType]::ParameterName, 'Longest block of text; a longer one goes on in a new block')
            [CompletionResult]::new('--fail-on-stop', '--fail-on-stop', [CompletionResultType]::ParameterName, 'Stop reasons, separated by commas, with which a turn has failed though the runtime calls it complete')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Let each signal work for so long before the next of SIGINT, SIGTERM, SIGKILL')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Fail the turn and end the agent if the whole run takes longer; 0, here and below, is no limit')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'The same if nothing comes on stdout and stderr for so long')
            [CompletionResult]::new('--first-output-timeout', '--first-output-timeout', [CompletionResultType]::ParameterName, 'The same if nothing at all has come by then')
            [CompletionResult]::new('--tool-timeout', '--tool-timeout', [CompletionResultType]::ParameterName, 'The same if one call of a tool takes longer')
            [CompletionResult]::new('--after-result', '--after-result', [CompletionResultType]::ParameterName, 'End an agent that has given its result and does not exit for so long; that is a success')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'After the exit read on until the output was quiet for so long, 5s at most')
            [CompletionResult]::new('--spool-mem', '--spool-mem', [CompletionResultType]::ParameterName, 'Output that may wait in memory for a slow reader')
            [CompletionResult]::new('--spool-max', '--spool-max', [CompletionResultType]::ParameterName, 'Output that may wait in a temporary file after that; then the agent is held back')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record the agent''s raw output with its times, as NDJSON that only you can read')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Start nothing if another run with this key is still there, and exit with status 79')
            [CompletionResult]::new('--pty', '--pty', [CompletionResultType]::ParameterName, 'Give the agent a terminal; at a terminal it is yours: your keys, its screen')
            [CompletionResult]::new('--keep-escapes', '--keep-escapes', [CompletionResultType]::ParameterName, 'Keep escape sequences and carriage returns in plain output, stderr and what tools give')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any output of the agent could not be read')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;coalesce' {
            [CompletionResult]::new('--max', '--max', [CompletionResultType]::ParameterName, 'Most code points of a merged delta; one longer delta passes whole')
            [CompletionResult]::new('--min', '--min', [CompletionResultType]::ParameterName, 'Code points to have before a silence alone lets them go')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Let held text go after this silence')
            [CompletionResult]::new('--within', '--within', [CompletionResultType]::ParameterName, 'Let held text go at the latest this long after its first delta came')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Prefer to cut there')
            [CompletionResult]::new('--first', '--first', [CompletionResultType]::ParameterName, 'Let so many deltas at the start of a block pass at once')
            [CompletionResult]::new('--clock', '--clock', [CompletionResultType]::ParameterName, 'Where times come from: `event` makes the output a pure function of the input')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;chunk' {
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'The channel whose limits hold, built in or a table [presets.CHANNEL] of spile.toml')
            [CompletionResult]::new('--max', '--max', [CompletionResultType]::ParameterName, 'Most of a part, fences and repeated headers counted; with --for it holds too. At least 16')
            [CompletionResult]::new('--unit', '--unit', [CompletionResultType]::ParameterName, 'What --max and --min count')
            [CompletionResult]::new('--max-lines', '--max-lines', [CompletionResultType]::ParameterName, 'Most lines of a part')
            [CompletionResult]::new('--min', '--min', [CompletionResultType]::ParameterName, 'Prefer a better place to a fuller part once it has so much [default: a third]')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'Which texts to cut')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('--eager', '--eager', [CompletionResultType]::ParameterName, 'Let a finished paragraph go although more would fit; with --min once it has so much')
            [CompletionResult]::new('--parents', '--parents', [CompletionResultType]::ParameterName, 'Cut the texts of sub-agents too')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;heartbeat' {
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Say a heartbeat after each such time without an event; 0 is never')
            [CompletionResult]::new('--stall-after', '--stall-after', [CompletionResultType]::ParameterName, 'Say `stalled`, once in a silence, when it is this long; 0 is never')
            [CompletionResult]::new('--clock', '--clock', [CompletionResultType]::ParameterName, 'Where times come from: `event` makes the output a pure function of the input (at most 1000 heartbeats a silence)')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;merge' {
            [CompletionResult]::new('--each', '--each', [CompletionResultType]::ParameterName, 'Start the command N times, each under `spile wrap` and with SPILE_INDEX=1 to N')
            [CompletionResult]::new('--labels', '--labels', [CompletionResultType]::ParameterName, 'Names of the agents that --each starts [default: 1 to N]')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Their runtime, as for wrap')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;cancel' {
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Every run with this label')
            [CompletionResult]::new('--then', '--then', [CompletionResultType]::ParameterName, 'Then give the agent this prompt as its next turn; refused, with nothing done, where it takes none')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why, in words, for the turn''s terminal event')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'An agent that does not obey is killed, with all below it, after so long')
            [CompletionResult]::new('--after', '--after', [CompletionResultType]::ParameterName, 'The turn has taken so long; 0 is no limit')
            [CompletionResult]::new('--when-idle', '--when-idle', [CompletionResultType]::ParameterName, 'Nothing has come for so long; 0 is no limit')
            [CompletionResult]::new('--match', '--match', [CompletionResultType]::ParameterName, 'The answer has a match, also across deltas; of a long block the last 4 KiB are looked at')
            [CompletionResult]::new('--on-tool', '--on-tool', [CompletionResultType]::ParameterName, 'A tool of this name is called; several are separated by commas')
            [CompletionResult]::new('--max-text', '--max-text', [CompletionResultType]::ParameterName, 'The answers have more characters than this')
            [CompletionResult]::new('--max-tokens', '--max-tokens', [CompletionResultType]::ParameterName, 'More tokens are used, as far as the runtime says that before the end')
            [CompletionResult]::new('--max-cost', '--max-cost', [CompletionResultType]::ParameterName, 'It costs more, as far as the runtime says that before the end')
            [CompletionResult]::new('--clock', '--clock', [CompletionResultType]::ParameterName, 'Where times come from: `event` makes the output for a recording a pure function of it')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every run of yours')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;ps' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write one JSON object a line instead of the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;tee' {
            [CompletionResult]::new('--output-error', '--output-error', [CompletionResultType]::ParameterName, 'What an error of an output does: it is said and the others go on (warn), or all ends (exit); with -nopipe a reader that has gone is no error')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'Memory for what a sink has not taken yet')
            [CompletionResult]::new('--spool-max', '--spool-max', [CompletionResultType]::ParameterName, 'Then so much in a file without a name; past that the sink is given up')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'How long to wait for the sinks at the end of the input')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'Keep every delivery in this file until it is settled; implies --append')
            [CompletionResult]::new('--in-doubt', '--in-doubt', [CompletionResultType]::ParameterName, 'What is done with a delivery in doubt at a sink that cannot tell')
            [CompletionResult]::new('--reconcile', '--reconcile', [CompletionResultType]::ParameterName, 'Command that tells of a delivery (its id is the last argument, and SPILE_DELIVERY_ID) whether cmd:, pipe: or a webhook has it: it prints sent, not_sent or unknown')
            [CompletionResult]::new('--max-age', '--max-age', [CompletionResultType]::ParameterName, 'Do not send what is older than this by its own time; 0 is no limit')
            [CompletionResult]::new('--pace', '--pace', [CompletionResultType]::ParameterName, 'Least time between two deliveries to a sink')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Most deliveries under way at a file or HTTP sink, each of which is settled after a crash')
            [CompletionResult]::new('--tries', '--tries', [CompletionResultType]::ParameterName, 'Failed answers before a delivery waits for the next run, the waits between them doubling from a second; a sink that cannot be reached does not count')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Append to files instead of truncating them')
            [CompletionResult]::new('--append', '--append', [CompletionResultType]::ParameterName, 'Append to files instead of truncating them')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Ignore SIGINT')
            [CompletionResult]::new('--ignore-interrupts', '--ignore-interrupts', [CompletionResultType]::ParameterName, 'Ignore SIGINT')
            [CompletionResult]::new('--exit-from-stream', '--exit-from-stream', [CompletionResultType]::ParameterName, 'Exit by how the streams'' last turns ended')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;replay' {
            [CompletionResult]::new('--speed', '--speed', [CompletionResultType]::ParameterName, 'How many times as fast as recorded')
            [CompletionResult]::new('--max-gap', '--max-gap', [CompletionResultType]::ParameterName, 'Wait no longer than this for any event [default: as long as recorded]')
            [CompletionResult]::new('--from-seq', '--from-seq', [CompletionResultType]::ParameterName, 'Begin with the turn that holds the event of this number, in --stream or the first stream there is')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Begin with the first event at or after T: a time (RFC 3339), or a duration after the first event')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End in front of the first event after T')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'Only this stream')
            [CompletionResult]::new('--turn', '--turn', [CompletionResultType]::ParameterName, 'Only the turn of this number, of each stream')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only these types: names or patterns like turn_*, separated by commas')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End a source when nothing has come from it for this long [default: wait as long as it takes]')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Header sent to every address; its value is read from a variable or a file, never from the command line')
            [CompletionResult]::new('--bearer', '--bearer', [CompletionResultType]::ParameterName, 'Bearer token sent to every address')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'File with the CA certificates (PEM) to trust instead of those of CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and the system')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('--instant', '--instant', [CompletionResultType]::ParameterName, 'Do not wait at all')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Wait for keys: space or right for the next event, down to skip running text, p to play and halt, + and - for the speed, q to quit')
            [CompletionResult]::new('--restamp', '--restamp', [CompletionResultType]::ParameterName, 'Let `ts` be the time at which an event leaves')
            [CompletionResult]::new('-F', '-F ', [CompletionResultType]::ParameterName, 'At the end of the last file, wait for more of it; connect to a server again when its stream has ended')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'At the end of the last file, wait for more of it; connect to a server again when its stream has ended')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;view' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What the output is for [default: tty in a terminal, else plain]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('--reasoning', '--reasoning', [CompletionResultType]::ParameterName, 'Show what the agent thinks, too')
            [CompletionResult]::new('--exit-from-stream', '--exit-from-stream', [CompletionResultType]::ParameterName, 'Exit by how the streams'' last turns ended')
            [CompletionResult]::new('--exact', '--exact', [CompletionResultType]::ParameterName, 'With the format text: print the answer byte for byte, for a file or a program')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;check' {
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('--partial', '--partial', [CompletionResultType]::ParameterName, 'Accept left-out numbers, a late start and an open end, as chunk, --only and seeking leave them')
            [CompletionResult]::new('--pass', '--pass', [CompletionResultType]::ParameterName, 'Pass the events on as they came and report on stderr')
            [CompletionResult]::new('--exit-from-stream', '--exit-from-stream', [CompletionResultType]::ParameterName, 'Exit by how the streams'' last turns ended')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;export' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'The format')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is looked at; a longer one is handed on as it is')
            [CompletionResult]::new('--exact', '--exact', [CompletionResultType]::ParameterName, 'With the format text: print the answer byte for byte, for a file or a program')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;ledger' {
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every delivery that failed or is in doubt, for retry and forget')
            [CompletionResult]::new('--pending', '--pending', [CompletionResultType]::ParameterName, 'Only what is not settled')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;adapters' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;demo' {
            [CompletionResult]::new('--speed', '--speed', [CompletionResultType]::ParameterName, 'How many times faster than life the agent is; 0 does not wait at all')
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'Be the agent: print the bundled session as Claude Code would')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;schema' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;generate' {
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'The folder to write into')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;config' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;help' {
            [CompletionResult]::new('wrap', 'wrap', [CompletionResultType]::ParameterValue, 'Drive a spile into an agent: start it, or read what it prints, and write canonical events')
            [CompletionResult]::new('coalesce', 'coalesce', [CompletionResultType]::ParameterValue, 'Merge many small text deltas into few good ones')
            [CompletionResult]::new('chunk', 'chunk', [CompletionResultType]::ParameterValue, 'Cut text into parts that a channel takes')
            [CompletionResult]::new('heartbeat', 'heartbeat', [CompletionResultType]::ParameterValue, 'Say that an agent is alive and silent: never a silent minute')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Make several streams one, in the order in which their lines come')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Stop a turn: by the name of its run, or as a filter when a condition holds')
            [CompletionResult]::new('ps', 'ps', [CompletionResultType]::ParameterValue, 'List the agents that run under `spile wrap`')
            [CompletionResult]::new('tee', 'tee', [CompletionResultType]::ParameterValue, 'Hand events to every sink at once, and pass them on')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Play recorded sessions again, as they were or faster')
            [CompletionResult]::new('view', 'view', [CompletionResultType]::ParameterValue, 'Show events to people')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Hold a stream of events against the contract, one line a violation')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Turn events into another format')
            [CompletionResult]::new('ledger', 'ledger', [CompletionResultType]::ParameterValue, 'Look into a delivery ledger, and decide what waits for a person')
            [CompletionResult]::new('adapters', 'adapters', [CompletionResultType]::ParameterValue, 'List the runtimes that wrap understands, with the command line to use')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show a bundled agent session running through a real pipeline')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of an event')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write completions, manual pages, the reference and the event schema')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show every setting, its value and where it comes from')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'spile;help;wrap' {
            break
        }
        'spile;help;coalesce' {
            break
        }
        'spile;help;chunk' {
            break
        }
        'spile;help;heartbeat' {
            break
        }
        'spile;help;merge' {
            break
        }
        'spile;help;cancel' {
            break
        }
        'spile;help;ps' {
            break
        }
        'spile;help;tee' {
            break
        }
        'spile;help;replay' {
            break
        }
        'spile;help;view' {
            break
        }
        'spile;help;check' {
            break
        }
        'spile;help;export' {
            break
        }
        'spile;help;ledger' {
            break
        }
        'spile;help;adapters' {
            break
        }
        'spile;help;demo' {
            break
        }
        'spile;help;schema' {
            break
        }
        'spile;help;generate' {
            break
        }
        'spile;help;config' {
            break
        }
        'spile;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
