
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
            [CompletionResult]::new('wrap', 'wrap', [CompletionResultType]::ParameterValue, 'Turn an agent''s output into canonical events: start the agent, or read its output on stdin')
            [CompletionResult]::new('start', 'start', [CompletionResultType]::ParameterValue, 'Start an agent in the background, under its own `spile wrap`, and print its stream')
            [CompletionResult]::new('coalesce', 'coalesce', [CompletionResultType]::ParameterValue, 'Merge small text deltas into fewer')
            [CompletionResult]::new('chunk', 'chunk', [CompletionResultType]::ParameterValue, 'Cut text into parts that fit a channel''s limit')
            [CompletionResult]::new('heartbeat', 'heartbeat', [CompletionResultType]::ParameterValue, 'Report that an agent is alive and silent')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Merge several streams into one, in the order in which their lines arrive')
            [CompletionResult]::new('redact', 'redact', [CompletionResultType]::ParameterValue, 'Replace secrets in events')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel a turn: by the name of its run, or as a filter when a condition holds')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Give a message to an agent that runs under `spile wrap --drive`')
            [CompletionResult]::new('permit', 'permit', [CompletionResultType]::ParameterValue, 'Answer an agent''s question for permission')
            [CompletionResult]::new('ps', 'ps', [CompletionResultType]::ParameterValue, 'List the agents that run under `spile wrap`')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the operations on runs, oldest first')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove the files of finished background runs')
            [CompletionResult]::new('attach', 'attach', [CompletionResultType]::ParameterValue, 'Follow background runs: print their events from the start, then those that come')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Print what background runs have emitted so far: `spile attach --no-follow`')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve background runs by HTTP: start, watch and steer agents')
            [CompletionResult]::new('tee', 'tee', [CompletionResultType]::ParameterValue, 'Deliver events to sinks, and pass them on')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Play recorded sessions again, at their own pace or faster')
            [CompletionResult]::new('view', 'view', [CompletionResultType]::ParameterValue, 'Show events to people')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check events against the contract, and print a line for each violation')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Turn events into another format')
            [CompletionResult]::new('ledger', 'ledger', [CompletionResultType]::ParameterValue, 'Show a delivery ledger, and resolve deliveries that failed or are in doubt')
            [CompletionResult]::new('adapters', 'adapters', [CompletionResultType]::ParameterValue, 'List the runtimes that wrap reads, with the command line to use')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show a bundled agent session running through a real pipeline')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of an event')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write manual pages and completions')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show every setting with its value and source')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'spile;wrap' {
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Runtime of the agent: a name from `spile adapters`, or auto')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'Stdin of the agent [default: null; with --pty at a terminal inherit]')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Name for people')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one is carried in pieces')
            [CompletionResult]::new('--max-block', '--max-block', [CompletionResultType]::ParameterName, 'Longest block of text; a longer one continues in a new block')
            [CompletionResult]::new('--fail-on-stop', '--fail-on-stop', [CompletionResultType]::ParameterName, 'Stop reasons that make a turn failed although the runtime calls it complete')
            [CompletionResult]::new('--prompt', '--prompt', [CompletionResultType]::ParameterName, 'First prompt, by the protocol or stdin, or at {prompt} in the command: behind -- or at the end of a word')
            [CompletionResult]::new('--prompt-file', '--prompt-file', [CompletionResultType]::ParameterName, 'File with the first prompt; - is stdin')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'File that belongs to the prompt: its content follows it, or its path stands at {context} in the command')
            [CompletionResult]::new('--on-permission', '--on-permission', [CompletionResultType]::ParameterName, 'Policy for the agent''s questions for permission: fail, wait, allow:LIST or cmd:COMMAND [default: fail]')
            [CompletionResult]::new('--permission-timeout', '--permission-timeout', [CompletionResultType]::ParameterName, 'Denial of a question that has no answer by then; 0 is no limit [default: 60s for cmd:COMMAND]')
            [CompletionResult]::new('--keep-open', '--keep-open', [CompletionResultType]::ParameterName, 'Time for another message after a turn, before the agent''s input is closed')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Session of the agent to continue, by the Agent Client Protocol or codex app-server')
            [CompletionResult]::new('--cancel-when', '--cancel-when', [CompletionResultType]::ParameterName, 'Cancel a turn when one of these conditions holds: NAME=VALUE, separated by commas')
            [CompletionResult]::new('--prices', '--prices', [CompletionResultType]::ParameterName, 'Prices of models, for a cost that the runtime does not report before the turn''s end')
            [CompletionResult]::new('--value-file', '--value-file', [CompletionResultType]::ParameterName, 'Also replace the text of this file, each of its lines, and the values of its assignments')
            [CompletionResult]::new('--rules', '--rules', [CompletionResultType]::ParameterName, 'Also replace what the rules of this file match: TOML in the format of gitleaks')
            [CompletionResult]::new('--pattern', '--pattern', [CompletionResultType]::ParameterName, 'Also replace what this regular expression matches, or only its group `secret`: ''(?<secret>...)''')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Of the built-in rules use only this one; may be given several times')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Do not use this built-in rule; may be given several times')
            [CompletionResult]::new('--within', '--within', [CompletionResultType]::ParameterName, 'Longest time that text waits because it may be the beginning of a secret [default: 1s]')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Time between SIGINT, SIGTERM and SIGKILL')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Fail the turn and end the agent if the run takes longer; for all limits, 0 is none')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'The same if stdout and stderr are silent for this time')
            [CompletionResult]::new('--first-output-timeout', '--first-output-timeout', [CompletionResultType]::ParameterName, 'The same if there is no output by then')
            [CompletionResult]::new('--tool-timeout', '--tool-timeout', [CompletionResultType]::ParameterName, 'The same if a call of a tool takes longer')
            [CompletionResult]::new('--after-result', '--after-result', [CompletionResultType]::ParameterName, 'End an agent that has not exited this long after its result; that is a success')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'Silence of the output after the exit that ends reading, 5s at most')
            [CompletionResult]::new('--spool-mem', '--spool-mem', [CompletionResultType]::ParameterName, 'Output that is queued in memory for a slow reader')
            [CompletionResult]::new('--spool-max', '--spool-max', [CompletionResultType]::ParameterName, 'Output that is queued in a temporary file after that; then the agent is blocked')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record the agent''s raw output with times, as NDJSON that only you can read')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Do not start if another run with this key exists or waits, and exit with status 79')
            [CompletionResult]::new('--queue-timeout', '--queue-timeout', [CompletionResultType]::ParameterName, 'Longest wait of --queue, then exit with status 79; 0 is no limit')
            [CompletionResult]::new('--pty', '--pty', [CompletionResultType]::ParameterName, 'Run the agent in a terminal; at a terminal, you use it')
            [CompletionResult]::new('--keep-escapes', '--keep-escapes', [CompletionResultType]::ParameterName, 'Keep escape sequences and carriage returns in plain output, stderr and results of tools')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any output of the agent could not be parsed')
            [CompletionResult]::new('--drive', '--drive', [CompletionResultType]::ParameterName, 'Own the agent''s stdin: give it the prompt, take messages, and answer its questions')
            [CompletionResult]::new('--estimate', '--estimate', [CompletionResultType]::ParameterName, 'Estimate tokens by characters / 3.5 where the runtime does not report them before the turn''s end')
            [CompletionResult]::new('--redact', '--redact', [CompletionResultType]::ParameterName, 'Replace secrets before an event leaves, as `spile redact` does; the other options of Secrets need it')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also replace the values of environment variables whose names say key, token, secret, password or the like')
            [CompletionResult]::new('--keyed', '--keyed', [CompletionResultType]::ParameterName, 'Add a hash to each replacement: equal secrets have equal hashes, within this run only')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'With --once: wait until the run with the key has ended, behind those that wait already')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;start' {
            [CompletionResult]::new('--cwd', '--cwd', [CompletionResultType]::ParameterName, 'Start in this directory; the paths of other options are relative to it')
            [CompletionResult]::new('--each', '--each', [CompletionResultType]::ParameterName, 'Start the command N times, with SPILE_INDEX=1 to N, and print N streams; if one cannot start, all are cancelled')
            [CompletionResult]::new('--max-run', '--max-run', [CompletionResultType]::ParameterName, 'Largest event file; past that the turn fails with the code `budget` and the agent is ended')
            [CompletionResult]::new('--notify', '--notify', [CompletionResultType]::ParameterName, 'Shell command that is started when the run has ended, as cmd:COMMAND')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Longest wait for a full disk after the agent''s end; then its last events are lost')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Interface that starts it')
            [CompletionResult]::new('--agent-name', '--agent-name', [CompletionResultType]::ParameterName, 'Name of the agent''s definition')
            [CompletionResult]::new('--conversation', '--conversation', [CompletionResultType]::ParameterName, 'Conversation that it belongs to')
            [CompletionResult]::new('--resumes', '--resumes', [CompletionResultType]::ParameterName, 'Stream of the run whose session it resumes')
            [CompletionResult]::new('--request', '--request', [CompletionResultType]::ParameterName, 'SHA-256 of the request')
            [CompletionResult]::new('--context-ref', '--context-ref', [CompletionResultType]::ParameterName, 'Reference of a context text')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Runtime of the agent: a name from `spile adapters`, or auto')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'Stdin of the agent [default: null; with --pty at a terminal inherit]')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Name for people')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one is carried in pieces')
            [CompletionResult]::new('--max-block', '--max-block', [CompletionResultType]::ParameterName, 'Longest block of text; a longer one continues in a new block')
            [CompletionResult]::new('--fail-on-stop', '--fail-on-stop', [CompletionResultType]::ParameterName, 'Stop reasons that make a turn failed although the runtime calls it complete')
            [CompletionResult]::new('--prompt', '--prompt', [CompletionResultType]::ParameterName, 'First prompt, by the protocol or stdin, or at {prompt} in the command: behind -- or at the end of a word')
            [CompletionResult]::new('--prompt-file', '--prompt-file', [CompletionResultType]::ParameterName, 'File with the first prompt; - is stdin')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'File that belongs to the prompt: its content follows it, or its path stands at {context} in the command')
            [CompletionResult]::new('--on-permission', '--on-permission', [CompletionResultType]::ParameterName, 'Policy for the agent''s questions for permission: fail, wait, allow:LIST or cmd:COMMAND [default: fail]')
            [CompletionResult]::new('--permission-timeout', '--permission-timeout', [CompletionResultType]::ParameterName, 'Denial of a question that has no answer by then; 0 is no limit [default: 60s for cmd:COMMAND]')
            [CompletionResult]::new('--keep-open', '--keep-open', [CompletionResultType]::ParameterName, 'Time for another message after a turn, before the agent''s input is closed')
            [CompletionResult]::new('--session', '--session', [CompletionResultType]::ParameterName, 'Session of the agent to continue, by the Agent Client Protocol or codex app-server')
            [CompletionResult]::new('--cancel-when', '--cancel-when', [CompletionResultType]::ParameterName, 'Cancel a turn when one of these conditions holds: NAME=VALUE, separated by commas')
            [CompletionResult]::new('--prices', '--prices', [CompletionResultType]::ParameterName, 'Prices of models, for a cost that the runtime does not report before the turn''s end')
            [CompletionResult]::new('--value-file', '--value-file', [CompletionResultType]::ParameterName, 'Also replace the text of this file, each of its lines, and the values of its assignments')
            [CompletionResult]::new('--rules', '--rules', [CompletionResultType]::ParameterName, 'Also replace what the rules of this file match: TOML in the format of gitleaks')
            [CompletionResult]::new('--pattern', '--pattern', [CompletionResultType]::ParameterName, 'Also replace what this regular expression matches, or only its group `secret`: ''(?<secret>...)''')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Of the built-in rules use only this one; may be given several times')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Do not use this built-in rule; may be given several times')
            [CompletionResult]::new('--within', '--within', [CompletionResultType]::ParameterName, 'Longest time that text waits because it may be the beginning of a secret [default: 1s]')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Time between SIGINT, SIGTERM and SIGKILL')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Fail the turn and end the agent if the run takes longer; for all limits, 0 is none')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'The same if stdout and stderr are silent for this time')
            [CompletionResult]::new('--first-output-timeout', '--first-output-timeout', [CompletionResultType]::ParameterName, 'The same if there is no output by then')
            [CompletionResult]::new('--tool-timeout', '--tool-timeout', [CompletionResultType]::ParameterName, 'The same if a call of a tool takes longer')
            [CompletionResult]::new('--after-result', '--after-result', [CompletionResultType]::ParameterName, 'End an agent that has not exited this long after its result; that is a success')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'Silence of the output after the exit that ends reading, 5s at most')
            [CompletionResult]::new('--spool-mem', '--spool-mem', [CompletionResultType]::ParameterName, 'Output that is queued in memory for a slow reader')
            [CompletionResult]::new('--spool-max', '--spool-max', [CompletionResultType]::ParameterName, 'Output that is queued in a temporary file after that; then the agent is blocked')
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Record the agent''s raw output with times, as NDJSON that only you can read')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Do not start if another run with this key exists or waits, and exit with status 79')
            [CompletionResult]::new('--queue-timeout', '--queue-timeout', [CompletionResultType]::ParameterName, 'Longest wait of --queue, then exit with status 79; 0 is no limit')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end of the runs, and exit as `spile attach` would; Ctrl-C ends the wait only')
            [CompletionResult]::new('--log-prompt', '--log-prompt', [CompletionResultType]::ParameterName, 'Write the prompt into the run''s description, not only its SHA-256')
            [CompletionResult]::new('--pty', '--pty', [CompletionResultType]::ParameterName, 'Run the agent in a terminal; at a terminal, you use it')
            [CompletionResult]::new('--keep-escapes', '--keep-escapes', [CompletionResultType]::ParameterName, 'Keep escape sequences and carriage returns in plain output, stderr and results of tools')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any output of the agent could not be parsed')
            [CompletionResult]::new('--drive', '--drive', [CompletionResultType]::ParameterName, 'Own the agent''s stdin: give it the prompt, take messages, and answer its questions')
            [CompletionResult]::new('--estimate', '--estimate', [CompletionResultType]::ParameterName, 'Estimate tokens by characters / 3.5 where the runtime does not report them before the turn''s end')
            [CompletionResult]::new('--redact', '--redact', [CompletionResultType]::ParameterName, 'Replace secrets before an event leaves, as `spile redact` does; the other options of Secrets need it')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also replace the values of environment variables whose names say key, token, secret, password or the like')
            [CompletionResult]::new('--keyed', '--keyed', [CompletionResultType]::ParameterName, 'Add a hash to each replacement: equal secrets have equal hashes, within this run only')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'With --once: wait until the run with the key has ended, behind those that wait already')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;coalesce' {
            [CompletionResult]::new('--max', '--max', [CompletionResultType]::ParameterName, 'Most code points in a merged delta; a longer delta passes whole')
            [CompletionResult]::new('--min', '--min', [CompletionResultType]::ParameterName, 'Code points to hold before a silence alone emits them')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Silence after which held text is emitted')
            [CompletionResult]::new('--within', '--within', [CompletionResultType]::ParameterName, 'Longest time that text is held')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Preferred place to cut')
            [CompletionResult]::new('--first', '--first', [CompletionResultType]::ParameterName, 'Deltas at the start of a block that pass at once')
            [CompletionResult]::new('--clock', '--clock', [CompletionResultType]::ParameterName, 'Source of times: `event` makes the output depend on the input alone')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;chunk' {
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Limits of this channel, built in or a table [presets.CHANNEL] of spile.toml')
            [CompletionResult]::new('--max', '--max', [CompletionResultType]::ParameterName, 'Longest part, with fences and repeated headers; at least 16. With --for both limits hold')
            [CompletionResult]::new('--unit', '--unit', [CompletionResultType]::ParameterName, 'Unit of --max and --min')
            [CompletionResult]::new('--max-lines', '--max-lines', [CompletionResultType]::ParameterName, 'Most lines in a part')
            [CompletionResult]::new('--min', '--min', [CompletionResultType]::ParameterName, 'Length from which a better place to cut is preferred to a fuller part [default: a third]')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'Texts to cut')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('--eager', '--eager', [CompletionResultType]::ParameterName, 'Emit a finished paragraph although more would fit; with --min from that length on')
            [CompletionResult]::new('--parents', '--parents', [CompletionResultType]::ParameterName, 'Cut texts of sub-agents too')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;heartbeat' {
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Interval of heartbeats in a silence; 0 is never')
            [CompletionResult]::new('--stall-after', '--stall-after', [CompletionResultType]::ParameterName, 'Silence after which `stalled` is reported, once; 0 is never')
            [CompletionResult]::new('--clock', '--clock', [CompletionResultType]::ParameterName, 'Source of times: `event` makes the output depend on the input alone (at most 1000 heartbeats a silence)')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;merge' {
            [CompletionResult]::new('--each', '--each', [CompletionResultType]::ParameterName, 'Start the command N times, each under `spile wrap` and with SPILE_INDEX=1 to N')
            [CompletionResult]::new('--labels', '--labels', [CompletionResultType]::ParameterName, 'Names of the agents that --each starts [default: 1 to N]')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Runtime of the agents, as for wrap')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;redact' {
            [CompletionResult]::new('--value-file', '--value-file', [CompletionResultType]::ParameterName, 'Also replace the text of this file, each of its lines, and the values of its assignments')
            [CompletionResult]::new('--rules', '--rules', [CompletionResultType]::ParameterName, 'Also replace what the rules of this file match: TOML in the format of gitleaks')
            [CompletionResult]::new('--pattern', '--pattern', [CompletionResultType]::ParameterName, 'Also replace what this regular expression matches, or only its group `secret`: ''(?<secret>...)''')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Of the built-in rules use only this one; may be given several times')
            [CompletionResult]::new('--skip', '--skip', [CompletionResultType]::ParameterName, 'Do not use this built-in rule; may be given several times')
            [CompletionResult]::new('--within', '--within', [CompletionResultType]::ParameterName, 'Longest time that text waits because it may be the beginning of a secret [default: 1s]')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one is searched as it is')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'List the built-in rules with their sources, and exit')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Also replace the values of environment variables whose names say key, token, secret, password or the like')
            [CompletionResult]::new('--keyed', '--keyed', [CompletionResultType]::ParameterName, 'Add a hash to each replacement: equal secrets have equal hashes, within this run only')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;cancel' {
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Every run with this label')
            [CompletionResult]::new('--then', '--then', [CompletionResultType]::ParameterName, 'Then send the agent this prompt as its next turn; if it takes no prompts, nothing is cancelled')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Reason in the turn''s terminal event')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Kill an agent that has not stopped after this time, with all its descendants')
            [CompletionResult]::new('--after', '--after', [CompletionResultType]::ParameterName, 'The turn takes longer; 0 is no limit')
            [CompletionResult]::new('--when-idle', '--when-idle', [CompletionResultType]::ParameterName, 'No event has come for this time; 0 is no limit')
            [CompletionResult]::new('--match', '--match', [CompletionResultType]::ParameterName, 'The answer matches, also across deltas; of a long block the last 4 KiB are searched')
            [CompletionResult]::new('--on-tool', '--on-tool', [CompletionResultType]::ParameterName, 'A tool with one of these names is called')
            [CompletionResult]::new('--on-repeat', '--on-repeat', [CompletionResultType]::ParameterName, 'A tool has the same input and the same result this many times in a row; numbers and times in results count as the same')
            [CompletionResult]::new('--max-text', '--max-text', [CompletionResultType]::ParameterName, 'The answers have more characters: 5000, 20k')
            [CompletionResult]::new('--max-tokens', '--max-tokens', [CompletionResultType]::ParameterName, 'More tokens are used, if the runtime reports them before the end: 5000, 200k, 2M')
            [CompletionResult]::new('--max-cost', '--max-cost', [CompletionResultType]::ParameterName, 'The turn costs more, if the runtime reports it before the end')
            [CompletionResult]::new('--prices', '--prices', [CompletionResultType]::ParameterName, 'Prices of models, for a cost that the runtime does not report before the turn''s end')
            [CompletionResult]::new('--clock', '--clock', [CompletionResultType]::ParameterName, 'Source of times: `event` makes the output depend on the input alone')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All your runs that live (`spile ps --all` also lists finished ones)')
            [CompletionResult]::new('--last', '--last', [CompletionResultType]::ParameterName, 'The run that was started last; with --label, of those with that label')
            [CompletionResult]::new('--estimate', '--estimate', [CompletionResultType]::ParameterName, 'Estimate tokens by characters / 3.5 where the runtime does not report them before the turn''s end')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;send' {
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Name of the sender, in the stream')
            [CompletionResult]::new('--last', '--last', [CompletionResultType]::ParameterName, 'Run that was started last, in place of STREAM')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Type the message at a terminal although a turn is open, and could answer a dialog')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;permit' {
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'Deny it, with a reason for the agent')
            [CompletionResult]::new('--by', '--by', [CompletionResultType]::ParameterName, 'Name of the person, in the stream')
            [CompletionResult]::new('--last', '--last', [CompletionResultType]::ParameterName, 'Run that was started last, in place of STREAM')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;ps' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write one JSON object a line instead of the table')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List finished background runs too, until `spile prune` removes them (`spile cancel --all` is for runs that live)')
            [CompletionResult]::new('--names', '--names', [CompletionResultType]::ParameterName, 'Print streams and labels for the completion of a shell')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;history' {
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Show the last N operations; 0 is all')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'Only operations of this interface')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Then wait for further ones and show them')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write the lines as they are in the file, one JSON object each, instead of the table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;prune' {
            [CompletionResult]::new('--older', '--older', [CompletionResultType]::ParameterName, 'Remove runs that ended longer ago than this: 90m, 12h, 14d; 0 is all')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'Keep this many finished runs, those that ended last')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Keep as many finished runs, those that ended last, as have this size together: 500M, 2G')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only print what would be removed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;attach' {
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Every run with this label, also those that are over')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Begin at the start, with what is written from now on, or with the event of this seq (of one run)')
            [CompletionResult]::new('--last', '--last', [CompletionResultType]::ParameterName, 'The run that was started last; with --label, of those with that label')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All runs, also those that are over (`cancel --all` means those that live)')
            [CompletionResult]::new('--no-follow', '--no-follow', [CompletionResultType]::ParameterName, 'Print what there is, and end')
            [CompletionResult]::new('--new', '--new', [CompletionResultType]::ParameterName, 'Follow runs that are started later, too, and do not end; with --label or --all')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;logs' {
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Every run with this label, also those that are over')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Begin at the start, with what is written from now on, or with the event of this seq (of one run)')
            [CompletionResult]::new('--last', '--last', [CompletionResultType]::ParameterName, 'The run that was started last; with --label, of those with that label')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All runs, also those that are over (`cancel --all` means those that live)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;serve' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Address to listen at: ADDRESS:PORT or unix:PATH; several are allowed. Beyond this machine it wants --token-file')
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'Agent that may be started; the first one is the default')
            [CompletionResult]::new('--command', '--command', [CompletionResultType]::ParameterName, 'Command of `POST /direct`. Further words of a request stand at {args}, or at {args:any} with options among them')
            [CompletionResult]::new('--wrap', '--wrap', [CompletionResultType]::ParameterName, 'Option of `spile start` for every agent, as --wrap=--redact or --wrap=--on-permission=fail')
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Directory in which runs start; `cwd` of a request leads below it')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the token, one word of at least 16 characters, that only you can read')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Further name by which clients reach the server, as that of a proxy')
            [CompletionResult]::new('--cors', '--cors', [CompletionResultType]::ParameterName, 'Origin whose pages may ask, as https://example.org')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'Address that gets a POST at the end of each turn and of each run, or for #only=TYPES; several are allowed')
            [CompletionResult]::new('--webhook-secret-file', '--webhook-secret-file', [CompletionResultType]::ParameterName, 'File with the secret of the signatures (Standard Webhooks: whsec_ and base64), that only you can read')
            [CompletionResult]::new('--max-runs', '--max-runs', [CompletionResultType]::ParameterName, 'Runs that may live at a time; more are refused with 429')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'Connections at a time; more are refused with 429')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Time for answers to go out after a signal that ends the server; a second signal ends it at once')
            [CompletionResult]::new('--on-exit', '--on-exit', [CompletionResultType]::ParameterName, 'Fate of the runs that a server has started, at its end')
            [CompletionResult]::new('--webhook-private', '--webhook-private', [CompletionResultType]::ParameterName, 'Let webhooks lead to private addresses and to this machine')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;tee' {
            [CompletionResult]::new('--output-error', '--output-error', [CompletionResultType]::ParameterName, 'Effect of an output error: a warning (warn) or the end of tee (exit); with -nopipe a broken pipe is no error')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'Queue of a sink in memory')
            [CompletionResult]::new('--spool-max', '--spool-max', [CompletionResultType]::ParameterName, 'Queue of a sink in an anonymous file after that; a sink that exceeds it is dropped')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Wait for the sinks at the end of the input')
            [CompletionResult]::new('--ledger', '--ledger', [CompletionResultType]::ParameterName, 'Store each delivery in this file until it is settled; implies --append')
            [CompletionResult]::new('--in-doubt', '--in-doubt', [CompletionResultType]::ParameterName, 'Treatment of a delivery in doubt at a sink that cannot be queried')
            [CompletionResult]::new('--reconcile', '--reconcile', [CompletionResultType]::ParameterName, 'Command that prints sent, not_sent or unknown for a delivery of a cmd:, a pipe: or a webhook; the id is its last argument and SPILE_DELIVERY_ID')
            [CompletionResult]::new('--max-age', '--max-age', [CompletionResultType]::ParameterName, 'Do not send events that are older by their own time; 0 is no limit')
            [CompletionResult]::new('--pace', '--pace', [CompletionResultType]::ParameterName, 'Least time between two deliveries to a sink')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Most deliveries in flight at a file or HTTP sink; each is settled after a crash')
            [CompletionResult]::new('--tries', '--tries', [CompletionResultType]::ParameterName, 'Failed attempts before a delivery waits for the next run, with exponential backoff from a second; an unreachable sink does not count')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Append to files instead of truncating them')
            [CompletionResult]::new('--append', '--append', [CompletionResultType]::ParameterName, 'Append to files instead of truncating them')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Ignore SIGINT')
            [CompletionResult]::new('--ignore-interrupts', '--ignore-interrupts', [CompletionResultType]::ParameterName, 'Ignore SIGINT')
            [CompletionResult]::new('--exit-from-stream', '--exit-from-stream', [CompletionResultType]::ParameterName, 'Let the ends of the streams'' last turns decide the exit status')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;replay' {
            [CompletionResult]::new('--speed', '--speed', [CompletionResultType]::ParameterName, 'Speed as a multiple of the recorded one')
            [CompletionResult]::new('--max-gap', '--max-gap', [CompletionResultType]::ParameterName, 'Longest wait for an event [default: as recorded]')
            [CompletionResult]::new('--from-seq', '--from-seq', [CompletionResultType]::ParameterName, 'Begin with the turn of the event with this number, in --stream or the first stream')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Begin with the first event at or after T: a time (RFC 3339), or a duration after the first event')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End before the first event after T')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'Only this stream')
            [CompletionResult]::new('--turn', '--turn', [CompletionResultType]::ParameterName, 'Only the turn of this number, of each stream')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only these types: names or patterns like turn_*, separated by commas')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End a source after this time without data [default: never]')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Header sent to every address; its value is read from a variable or a file, never from the command line')
            [CompletionResult]::new('--bearer', '--bearer', [CompletionResultType]::ParameterName, 'Bearer token sent to every address')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'File of CA certificates (PEM) to trust instead of those of CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and the system')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('--instant', '--instant', [CompletionResultType]::ParameterName, 'Do not wait')
            [CompletionResult]::new('--step', '--step', [CompletionResultType]::ParameterName, 'Wait for keys: space or right for the next event, down to skip running text, p to play and pause, + and - for the speed, q to quit')
            [CompletionResult]::new('--restamp', '--restamp', [CompletionResultType]::ParameterName, 'Set `ts` to the time of the replay')
            [CompletionResult]::new('-F', '-F ', [CompletionResultType]::ParameterName, 'At the end of the last file, wait for more; reconnect to a server whose stream has ended')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'At the end of the last file, wait for more; reconnect to a server whose stream has ended')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;view' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Format of the output')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use of colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected')
            [CompletionResult]::new('--tools', '--tools', [CompletionResultType]::ParameterName, 'Amount of a tool call that is shown [default: output with the formats github and gitlab, else line]')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Show these kinds of lines alone, parted by commas')
            [CompletionResult]::new('--width', '--width', [CompletionResultType]::ParameterName, 'Columns at which lines break [default: the terminal''s; elsewhere lines do not break]')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Put the time of the event (UTC) before each line')
            [CompletionResult]::new('--reasoning', '--reasoning', [CompletionResultType]::ParameterName, 'Show the agent''s reasoning too')
            [CompletionResult]::new('--exit-from-stream', '--exit-from-stream', [CompletionResultType]::ParameterName, 'Let the ends of the streams'' last turns decide the exit status')
            [CompletionResult]::new('--exact', '--exact', [CompletionResultType]::ParameterName, 'With the format text: print the answer byte for byte, for a file or a program')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;check' {
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('--partial', '--partial', [CompletionResultType]::ParameterName, 'Accept missing numbers, a late start and an open end, as chunk, --only and seeking leave them')
            [CompletionResult]::new('--pass', '--pass', [CompletionResultType]::ParameterName, 'Pass the events on unchanged, and report on stderr')
            [CompletionResult]::new('--exit-from-stream', '--exit-from-stream', [CompletionResultType]::ParameterName, 'Let the ends of the streams'' last turns decide the exit status')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;export' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Format of the output')
            [CompletionResult]::new('--rows', '--rows', [CompletionResultType]::ParameterName, 'Rows of the table, with --to csv [default: turns]')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'Longest line that is parsed; a longer one passes unchanged')
            [CompletionResult]::new('--fold', '--fold', [CompletionResultType]::ParameterName, 'With --to markdown: fold inputs and outputs into `<details>`, and add reasoning and notices in the same way')
            [CompletionResult]::new('--exact', '--exact', [CompletionResultType]::ParameterName, 'With the format text: print the answer byte for byte, for a file or a program')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with status 65 if any line of the input is no event')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'spile;ledger' {
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'All deliveries that failed or are in doubt, for retry and forget')
            [CompletionResult]::new('--pending', '--pending', [CompletionResultType]::ParameterName, 'Only deliveries that are not settled')
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
            [CompletionResult]::new('--times', '--times', [CompletionResultType]::ParameterName, 'Number of times that --agent prints the session')
            [CompletionResult]::new('--speed', '--speed', [CompletionResultType]::ParameterName, 'Speed of the agent as a multiple of the original; 0 does not wait')
            [CompletionResult]::new('--agent', '--agent', [CompletionResultType]::ParameterName, 'Print the bundled session, as Claude Code would')
            [CompletionResult]::new('--serve', '--serve', [CompletionResultType]::ParameterName, 'Show the session on the page of `spile serve`: open the address that is printed')
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
            [CompletionResult]::new('wrap', 'wrap', [CompletionResultType]::ParameterValue, 'Turn an agent''s output into canonical events: start the agent, or read its output on stdin')
            [CompletionResult]::new('start', 'start', [CompletionResultType]::ParameterValue, 'Start an agent in the background, under its own `spile wrap`, and print its stream')
            [CompletionResult]::new('coalesce', 'coalesce', [CompletionResultType]::ParameterValue, 'Merge small text deltas into fewer')
            [CompletionResult]::new('chunk', 'chunk', [CompletionResultType]::ParameterValue, 'Cut text into parts that fit a channel''s limit')
            [CompletionResult]::new('heartbeat', 'heartbeat', [CompletionResultType]::ParameterValue, 'Report that an agent is alive and silent')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Merge several streams into one, in the order in which their lines arrive')
            [CompletionResult]::new('redact', 'redact', [CompletionResultType]::ParameterValue, 'Replace secrets in events')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel a turn: by the name of its run, or as a filter when a condition holds')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Give a message to an agent that runs under `spile wrap --drive`')
            [CompletionResult]::new('permit', 'permit', [CompletionResultType]::ParameterValue, 'Answer an agent''s question for permission')
            [CompletionResult]::new('ps', 'ps', [CompletionResultType]::ParameterValue, 'List the agents that run under `spile wrap`')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the operations on runs, oldest first')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Remove the files of finished background runs')
            [CompletionResult]::new('attach', 'attach', [CompletionResultType]::ParameterValue, 'Follow background runs: print their events from the start, then those that come')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Print what background runs have emitted so far: `spile attach --no-follow`')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve background runs by HTTP: start, watch and steer agents')
            [CompletionResult]::new('tee', 'tee', [CompletionResultType]::ParameterValue, 'Deliver events to sinks, and pass them on')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Play recorded sessions again, at their own pace or faster')
            [CompletionResult]::new('view', 'view', [CompletionResultType]::ParameterValue, 'Show events to people')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check events against the contract, and print a line for each violation')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Turn events into another format')
            [CompletionResult]::new('ledger', 'ledger', [CompletionResultType]::ParameterValue, 'Show a delivery ledger, and resolve deliveries that failed or are in doubt')
            [CompletionResult]::new('adapters', 'adapters', [CompletionResultType]::ParameterValue, 'List the runtimes that wrap reads, with the command line to use')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Show a bundled agent session running through a real pipeline')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of an event')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write manual pages and completions')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show every setting with its value and source')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'spile;help;wrap' {
            break
        }
        'spile;help;start' {
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
        'spile;help;redact' {
            break
        }
        'spile;help;cancel' {
            break
        }
        'spile;help;send' {
            break
        }
        'spile;help;permit' {
            break
        }
        'spile;help;ps' {
            break
        }
        'spile;help;history' {
            break
        }
        'spile;help;prune' {
            break
        }
        'spile;help;attach' {
            break
        }
        'spile;help;logs' {
            break
        }
        'spile;help;serve' {
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
