
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
            cand wrap 'Turn an agent''s output into canonical events: start the agent, or read its output on stdin'
            cand start 'Start an agent in the background, under its own `spile wrap`, and print its stream'
            cand coalesce 'Merge small text deltas into fewer'
            cand chunk 'Cut text into parts that fit a channel''s limit'
            cand heartbeat 'Report that an agent is alive and silent'
            cand merge 'Merge several streams into one, in the order in which their lines arrive'
            cand redact 'Replace secrets in events'
            cand cancel 'Cancel a turn: by the name of its run, or as a filter when a condition holds'
            cand send 'Give a message to an agent that runs under `spile wrap --drive`'
            cand permit 'Answer an agent''s question for permission'
            cand ps 'List the agents that run under `spile wrap`'
            cand history 'List the operations on runs, oldest first'
            cand prune 'Remove the files of finished background runs'
            cand attach 'Follow background runs: print their events from the start, then those that come'
            cand logs 'Print what background runs have emitted so far: `spile attach --no-follow`'
            cand serve 'Serve background runs by HTTP: start, watch and steer agents'
            cand tee 'Deliver events to sinks, and pass them on'
            cand replay 'Play recorded sessions again, at their own pace or faster'
            cand view 'Show events to people'
            cand check 'Check events against the contract, and print a line for each violation'
            cand export 'Turn events into another format'
            cand ledger 'Show a delivery ledger, and resolve deliveries that failed or are in doubt'
            cand adapters 'List the runtimes that wrap reads, with the command line to use'
            cand demo 'Show a bundled agent session running through a real pipeline'
            cand schema 'Print the JSON Schema of an event'
            cand generate 'Write manual pages and completions'
            cand config 'Show every setting with its value and source'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'spile;wrap'= {
            cand --from 'Runtime of the agent: a name from `spile adapters`, or auto'
            cand --stdin 'Stdin of the agent [default: null; with --pty at a terminal inherit]'
            cand --stream 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]'
            cand --label 'Name for people'
            cand --max-line 'Longest line that is parsed; a longer one is carried in pieces'
            cand --max-block 'Longest block of text; a longer one continues in a new block'
            cand --fail-on-stop 'Stop reasons that make a turn failed although the runtime calls it complete'
            cand --prompt 'First prompt, by the protocol or stdin, or at {prompt} in the command: behind -- or at the end of a word'
            cand --prompt-file 'File with the first prompt; - is stdin'
            cand --context 'File that belongs to the prompt: its content follows it, or its path stands at {context} in the command'
            cand --on-permission 'Policy for the agent''s questions for permission: fail, wait, allow:LIST or cmd:COMMAND [default: fail]'
            cand --permission-timeout 'Denial of a question that has no answer by then; 0 is no limit [default: 60s for cmd:COMMAND]'
            cand --keep-open 'Time for another message after a turn, before the agent''s input is closed'
            cand --session 'Session of the agent to continue, by the Agent Client Protocol or codex app-server'
            cand --cancel-when 'Cancel a turn when one of these conditions holds: NAME=VALUE, separated by commas'
            cand --prices 'Prices of models, for a cost that the runtime does not report before the turn''s end'
            cand --value-file 'Also replace the text of this file, each of its lines, and the values of its assignments'
            cand --rules 'Also replace what the rules of this file match: TOML in the format of gitleaks'
            cand --pattern 'Also replace what this regular expression matches, or only its group `secret`: ''(?<secret>...)'''
            cand --only 'Of the built-in rules use only this one; may be given several times'
            cand --skip 'Do not use this built-in rule; may be given several times'
            cand --within 'Longest time that text waits because it may be the beginning of a secret [default: 1s]'
            cand --grace 'Time between SIGINT, SIGTERM and SIGKILL'
            cand --timeout 'Fail the turn and end the agent if the run takes longer; for all limits, 0 is none'
            cand --idle-timeout 'The same if stdout and stderr are silent for this time'
            cand --first-output-timeout 'The same if there is no output by then'
            cand --tool-timeout 'The same if a call of a tool takes longer'
            cand --after-result 'End an agent that has not exited this long after its result; that is a success'
            cand --drain 'Silence of the output after the exit that ends reading, 5s at most'
            cand --spool-mem 'Output that is queued in memory for a slow reader'
            cand --spool-max 'Output that is queued in a temporary file after that; then the agent is blocked'
            cand --record 'Record the agent''s raw output with times, as NDJSON that only you can read'
            cand --once 'Do not start if another run with this key exists or waits, and exit with status 79'
            cand --queue-timeout 'Longest wait of --queue, then exit with status 79; 0 is no limit'
            cand --pty 'Run the agent in a terminal; at a terminal, you use it'
            cand --keep-escapes 'Keep escape sequences and carriage returns in plain output, stderr and results of tools'
            cand --strict 'Exit with status 65 if any output of the agent could not be parsed'
            cand --drive 'Own the agent''s stdin: give it the prompt, take messages, and answer its questions'
            cand --estimate 'Estimate tokens by characters / 3.5 where the runtime does not report them before the turn''s end'
            cand --redact 'Replace secrets before an event leaves, as `spile redact` does; the other options of Secrets need it'
            cand --env 'Also replace the values of environment variables whose names say key, token, secret, password or the like'
            cand --keyed 'Add a hash to each replacement: equal secrets have equal hashes, within this run only'
            cand --queue 'With --once: wait until the run with the key has ended, behind those that wait already'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;start'= {
            cand --cwd 'Start in this directory; the paths of other options are relative to it'
            cand --each 'Start the command N times, with SPILE_INDEX=1 to N, and print N streams; if one cannot start, all are cancelled'
            cand --max-run 'Largest event file; past that the turn fails with the code `budget` and the agent is ended'
            cand --notify 'Shell command that is started when the run has ended, as cmd:COMMAND'
            cand --linger 'Longest wait for a full disk after the agent''s end; then its last events are lost'
            cand --by 'Interface that starts it'
            cand --agent-name 'Name of the agent''s definition'
            cand --conversation 'Conversation that it belongs to'
            cand --resumes 'Stream of the run whose session it resumes'
            cand --request 'SHA-256 of the request'
            cand --context-ref 'Reference of a context text'
            cand --from 'Runtime of the agent: a name from `spile adapters`, or auto'
            cand --stdin 'Stdin of the agent [default: null; with --pty at a terminal inherit]'
            cand --stream 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]'
            cand --label 'Name for people'
            cand --max-line 'Longest line that is parsed; a longer one is carried in pieces'
            cand --max-block 'Longest block of text; a longer one continues in a new block'
            cand --fail-on-stop 'Stop reasons that make a turn failed although the runtime calls it complete'
            cand --prompt 'First prompt, by the protocol or stdin, or at {prompt} in the command: behind -- or at the end of a word'
            cand --prompt-file 'File with the first prompt; - is stdin'
            cand --context 'File that belongs to the prompt: its content follows it, or its path stands at {context} in the command'
            cand --on-permission 'Policy for the agent''s questions for permission: fail, wait, allow:LIST or cmd:COMMAND [default: fail]'
            cand --permission-timeout 'Denial of a question that has no answer by then; 0 is no limit [default: 60s for cmd:COMMAND]'
            cand --keep-open 'Time for another message after a turn, before the agent''s input is closed'
            cand --session 'Session of the agent to continue, by the Agent Client Protocol or codex app-server'
            cand --cancel-when 'Cancel a turn when one of these conditions holds: NAME=VALUE, separated by commas'
            cand --prices 'Prices of models, for a cost that the runtime does not report before the turn''s end'
            cand --value-file 'Also replace the text of this file, each of its lines, and the values of its assignments'
            cand --rules 'Also replace what the rules of this file match: TOML in the format of gitleaks'
            cand --pattern 'Also replace what this regular expression matches, or only its group `secret`: ''(?<secret>...)'''
            cand --only 'Of the built-in rules use only this one; may be given several times'
            cand --skip 'Do not use this built-in rule; may be given several times'
            cand --within 'Longest time that text waits because it may be the beginning of a secret [default: 1s]'
            cand --grace 'Time between SIGINT, SIGTERM and SIGKILL'
            cand --timeout 'Fail the turn and end the agent if the run takes longer; for all limits, 0 is none'
            cand --idle-timeout 'The same if stdout and stderr are silent for this time'
            cand --first-output-timeout 'The same if there is no output by then'
            cand --tool-timeout 'The same if a call of a tool takes longer'
            cand --after-result 'End an agent that has not exited this long after its result; that is a success'
            cand --drain 'Silence of the output after the exit that ends reading, 5s at most'
            cand --spool-mem 'Output that is queued in memory for a slow reader'
            cand --spool-max 'Output that is queued in a temporary file after that; then the agent is blocked'
            cand --record 'Record the agent''s raw output with times, as NDJSON that only you can read'
            cand --once 'Do not start if another run with this key exists or waits, and exit with status 79'
            cand --queue-timeout 'Longest wait of --queue, then exit with status 79; 0 is no limit'
            cand --wait 'Wait for the end of the runs, and exit as `spile attach` would; Ctrl-C ends the wait only'
            cand --log-prompt 'Write the prompt into the run''s description, not only its SHA-256'
            cand --pty 'Run the agent in a terminal; at a terminal, you use it'
            cand --keep-escapes 'Keep escape sequences and carriage returns in plain output, stderr and results of tools'
            cand --strict 'Exit with status 65 if any output of the agent could not be parsed'
            cand --drive 'Own the agent''s stdin: give it the prompt, take messages, and answer its questions'
            cand --estimate 'Estimate tokens by characters / 3.5 where the runtime does not report them before the turn''s end'
            cand --redact 'Replace secrets before an event leaves, as `spile redact` does; the other options of Secrets need it'
            cand --env 'Also replace the values of environment variables whose names say key, token, secret, password or the like'
            cand --keyed 'Add a hash to each replacement: equal secrets have equal hashes, within this run only'
            cand --queue 'With --once: wait until the run with the key has ended, behind those that wait already'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;coalesce'= {
            cand --max 'Most code points in a merged delta; a longer delta passes whole'
            cand --min 'Code points to hold before a silence alone emits them'
            cand --idle 'Silence after which held text is emitted'
            cand --within 'Longest time that text is held'
            cand --by 'Preferred place to cut'
            cand --first 'Deltas at the start of a block that pass at once'
            cand --clock 'Source of times: `event` makes the output depend on the input alone'
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;chunk'= {
            cand --for 'Limits of this channel, built in or a table [presets.CHANNEL] of spile.toml'
            cand --max 'Longest part, with fences and repeated headers; at least 16. With --for both limits hold'
            cand --unit 'Unit of --max and --min'
            cand --max-lines 'Most lines in a part'
            cand --min 'Length from which a better place to cut is preferred to a fuller part [default: a third]'
            cand --kind 'Texts to cut'
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand --eager 'Emit a finished paragraph although more would fit; with --min from that length on'
            cand --parents 'Cut texts of sub-agents too'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;heartbeat'= {
            cand --every 'Interval of heartbeats in a silence; 0 is never'
            cand --stall-after 'Silence after which `stalled` is reported, once; 0 is never'
            cand --clock 'Source of times: `event` makes the output depend on the input alone (at most 1000 heartbeats a silence)'
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;merge'= {
            cand --each 'Start the command N times, each under `spile wrap` and with SPILE_INDEX=1 to N'
            cand --labels 'Names of the agents that --each starts [default: 1 to N]'
            cand --from 'Runtime of the agents, as for wrap'
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;redact'= {
            cand --value-file 'Also replace the text of this file, each of its lines, and the values of its assignments'
            cand --rules 'Also replace what the rules of this file match: TOML in the format of gitleaks'
            cand --pattern 'Also replace what this regular expression matches, or only its group `secret`: ''(?<secret>...)'''
            cand --only 'Of the built-in rules use only this one; may be given several times'
            cand --skip 'Do not use this built-in rule; may be given several times'
            cand --within 'Longest time that text waits because it may be the beginning of a secret [default: 1s]'
            cand --max-line 'Longest line that is parsed; a longer one is searched as it is'
            cand --list 'List the built-in rules with their sources, and exit'
            cand --env 'Also replace the values of environment variables whose names say key, token, secret, password or the like'
            cand --keyed 'Add a hash to each replacement: equal secrets have equal hashes, within this run only'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;cancel'= {
            cand --label 'Every run with this label'
            cand --then 'Then send the agent this prompt as its next turn; if it takes no prompts, nothing is cancelled'
            cand --reason 'Reason in the turn''s terminal event'
            cand --grace 'Kill an agent that has not stopped after this time, with all its descendants'
            cand --after 'The turn takes longer; 0 is no limit'
            cand --when-idle 'No event has come for this time; 0 is no limit'
            cand --match 'The answer matches, also across deltas; of a long block the last 4 KiB are searched'
            cand --on-tool 'A tool with one of these names is called'
            cand --on-repeat 'A tool has the same input and the same result this many times in a row; numbers and times in results count as the same'
            cand --max-text 'The answers have more characters: 5000, 20k'
            cand --max-tokens 'More tokens are used, if the runtime reports them before the end: 5000, 200k, 2M'
            cand --max-cost 'The turn costs more, if the runtime reports it before the end'
            cand --prices 'Prices of models, for a cost that the runtime does not report before the turn''s end'
            cand --clock 'Source of times: `event` makes the output depend on the input alone'
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand --all 'All your runs that live (`spile ps --all` also lists finished ones)'
            cand --last 'The run that was started last; with --label, of those with that label'
            cand --estimate 'Estimate tokens by characters / 3.5 where the runtime does not report them before the turn''s end'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;send'= {
            cand --by 'Name of the sender, in the stream'
            cand --last 'Run that was started last, in place of STREAM'
            cand --force 'Type the message at a terminal although a turn is open, and could answer a dialog'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;permit'= {
            cand --deny 'Deny it, with a reason for the agent'
            cand --by 'Name of the person, in the stream'
            cand --last 'Run that was started last, in place of STREAM'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;ps'= {
            cand --json 'Write one JSON object a line instead of the table'
            cand --all 'List finished background runs too, until `spile prune` removes them (`spile cancel --all` is for runs that live)'
            cand --names 'Print streams and labels for the completion of a shell'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;history'= {
            cand --limit 'Show the last N operations; 0 is all'
            cand --mode 'Only operations of this interface'
            cand --follow 'Then wait for further ones and show them'
            cand --json 'Write the lines as they are in the file, one JSON object each, instead of the table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;prune'= {
            cand --older 'Remove runs that ended longer ago than this: 90m, 12h, 14d; 0 is all'
            cand --keep 'Keep this many finished runs, those that ended last'
            cand --size 'Keep as many finished runs, those that ended last, as have this size together: 500M, 2G'
            cand --dry-run 'Only print what would be removed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;attach'= {
            cand --label 'Every run with this label, also those that are over'
            cand --from 'Begin at the start, with what is written from now on, or with the event of this seq (of one run)'
            cand --last 'The run that was started last; with --label, of those with that label'
            cand --all 'All runs, also those that are over (`cancel --all` means those that live)'
            cand --no-follow 'Print what there is, and end'
            cand --new 'Follow runs that are started later, too, and do not end; with --label or --all'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;logs'= {
            cand --label 'Every run with this label, also those that are over'
            cand --from 'Begin at the start, with what is written from now on, or with the event of this seq (of one run)'
            cand --last 'The run that was started last; with --label, of those with that label'
            cand --all 'All runs, also those that are over (`cancel --all` means those that live)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;serve'= {
            cand --listen 'Address to listen at: ADDRESS:PORT or unix:PATH; several are allowed. Beyond this machine it wants --token-file'
            cand --agent 'Agent that may be started; the first one is the default'
            cand --command 'Command of `POST /direct`. Further words of a request stand at {args}, or at {args:any} with options among them'
            cand --wrap 'Option of `spile start` for every agent, as --wrap=--redact or --wrap=--on-permission=fail'
            cand --root 'Directory in which runs start; `cwd` of a request leads below it'
            cand --token-file 'File with the token, one word of at least 16 characters, that only you can read'
            cand --host 'Further name by which clients reach the server, as that of a proxy'
            cand --cors 'Origin whose pages may ask, as https://example.org'
            cand --webhook 'Address that gets a POST at the end of each turn and of each run, or for #only=TYPES; several are allowed'
            cand --webhook-secret-file 'File with the secret of the signatures (Standard Webhooks: whsec_ and base64), that only you can read'
            cand --max-runs 'Runs that may live at a time; more are refused with 429'
            cand --max-clients 'Connections at a time; more are refused with 429'
            cand --linger 'Time for answers to go out after a signal that ends the server; a second signal ends it at once'
            cand --on-exit 'Fate of the runs that a server has started, at its end'
            cand --webhook-private 'Let webhooks lead to private addresses and to this machine'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;tee'= {
            cand --output-error 'Effect of an output error: a warning (warn) or the end of tee (exit); with -nopipe a broken pipe is no error'
            cand --queue 'Queue of a sink in memory'
            cand --spool-max 'Queue of a sink in an anonymous file after that; a sink that exceeds it is dropped'
            cand --linger 'Wait for the sinks at the end of the input'
            cand --ledger 'Store each delivery in this file until it is settled; implies --append'
            cand --in-doubt 'Treatment of a delivery in doubt at a sink that cannot be queried'
            cand --reconcile 'Command that prints sent, not_sent or unknown for a delivery of a cmd:, a pipe: or a webhook; the id is its last argument and SPILE_DELIVERY_ID'
            cand --max-age 'Do not send events that are older by their own time; 0 is no limit'
            cand --pace 'Least time between two deliveries to a sink'
            cand --batch 'Most deliveries in flight at a file or HTTP sink; each is settled after a crash'
            cand --tries 'Failed attempts before a delivery waits for the next run, with exponential backoff from a second; an unreachable sink does not count'
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand -a 'Append to files instead of truncating them'
            cand --append 'Append to files instead of truncating them'
            cand -i 'Ignore SIGINT'
            cand --ignore-interrupts 'Ignore SIGINT'
            cand --exit-from-stream 'Let the ends of the streams'' last turns decide the exit status'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;replay'= {
            cand --speed 'Speed as a multiple of the recorded one'
            cand --max-gap 'Longest wait for an event [default: as recorded]'
            cand --from-seq 'Begin with the turn of the event with this number, in --stream or the first stream'
            cand --since 'Begin with the first event at or after T: a time (RFC 3339), or a duration after the first event'
            cand --until 'End before the first event after T'
            cand --stream 'Only this stream'
            cand --turn 'Only the turn of this number, of each stream'
            cand --only 'Only these types: names or patterns like turn_*, separated by commas'
            cand --idle 'End a source after this time without data [default: never]'
            cand --header 'Header sent to every address; its value is read from a variable or a file, never from the command line'
            cand --bearer 'Bearer token sent to every address'
            cand --ca 'File of CA certificates (PEM) to trust instead of those of CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and the system'
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand --instant 'Do not wait'
            cand --step 'Wait for keys: space or right for the next event, down to skip running text, p to play and pause, + and - for the speed, q to quit'
            cand --restamp 'Set `ts` to the time of the replay'
            cand -F 'At the end of the last file, wait for more; reconnect to a server whose stream has ended'
            cand --follow 'At the end of the last file, wait for more; reconnect to a server whose stream has ended'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;view'= {
            cand --format 'Format of the output'
            cand --color 'Use of colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected'
            cand --tools 'Amount of a tool call that is shown [default: output with the formats github and gitlab, else line]'
            cand --only 'Show these kinds of lines alone, parted by commas'
            cand --width 'Columns at which lines break [default: the terminal''s; elsewhere lines do not break]'
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand --timestamps 'Put the time of the event (UTC) before each line'
            cand --reasoning 'Show the agent''s reasoning too'
            cand --exit-from-stream 'Let the ends of the streams'' last turns decide the exit status'
            cand --exact 'With the format text: print the answer byte for byte, for a file or a program'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;check'= {
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand --partial 'Accept missing numbers, a late start and an open end, as chunk, --only and seeking leave them'
            cand --pass 'Pass the events on unchanged, and report on stderr'
            cand --exit-from-stream 'Let the ends of the streams'' last turns decide the exit status'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;export'= {
            cand --to 'Format of the output'
            cand --rows 'Rows of the table, with --to csv [default: turns]'
            cand --max-line 'Longest line that is parsed; a longer one passes unchanged'
            cand --fold 'With --to markdown: fold inputs and outputs into `<details>`, and add reasoning and notices in the same way'
            cand --exact 'With the format text: print the answer byte for byte, for a file or a program'
            cand --strict 'Exit with status 65 if any line of the input is no event'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;ledger'= {
            cand --all 'All deliveries that failed or are in doubt, for retry and forget'
            cand --pending 'Only deliveries that are not settled'
            cand --json 'One JSON object a line'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;adapters'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'spile;demo'= {
            cand --times 'Number of times that --agent prints the session'
            cand --speed 'Speed of the agent as a multiple of the original; 0 does not wait'
            cand --agent 'Print the bundled session, as Claude Code would'
            cand --serve 'Show the session on the page of `spile serve`: open the address that is printed'
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
            cand wrap 'Turn an agent''s output into canonical events: start the agent, or read its output on stdin'
            cand start 'Start an agent in the background, under its own `spile wrap`, and print its stream'
            cand coalesce 'Merge small text deltas into fewer'
            cand chunk 'Cut text into parts that fit a channel''s limit'
            cand heartbeat 'Report that an agent is alive and silent'
            cand merge 'Merge several streams into one, in the order in which their lines arrive'
            cand redact 'Replace secrets in events'
            cand cancel 'Cancel a turn: by the name of its run, or as a filter when a condition holds'
            cand send 'Give a message to an agent that runs under `spile wrap --drive`'
            cand permit 'Answer an agent''s question for permission'
            cand ps 'List the agents that run under `spile wrap`'
            cand history 'List the operations on runs, oldest first'
            cand prune 'Remove the files of finished background runs'
            cand attach 'Follow background runs: print their events from the start, then those that come'
            cand logs 'Print what background runs have emitted so far: `spile attach --no-follow`'
            cand serve 'Serve background runs by HTTP: start, watch and steer agents'
            cand tee 'Deliver events to sinks, and pass them on'
            cand replay 'Play recorded sessions again, at their own pace or faster'
            cand view 'Show events to people'
            cand check 'Check events against the contract, and print a line for each violation'
            cand export 'Turn events into another format'
            cand ledger 'Show a delivery ledger, and resolve deliveries that failed or are in doubt'
            cand adapters 'List the runtimes that wrap reads, with the command line to use'
            cand demo 'Show a bundled agent session running through a real pipeline'
            cand schema 'Print the JSON Schema of an event'
            cand generate 'Write manual pages and completions'
            cand config 'Show every setting with its value and source'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'spile;help;wrap'= {
        }
        &'spile;help;start'= {
        }
        &'spile;help;coalesce'= {
        }
        &'spile;help;chunk'= {
        }
        &'spile;help;heartbeat'= {
        }
        &'spile;help;merge'= {
        }
        &'spile;help;redact'= {
        }
        &'spile;help;cancel'= {
        }
        &'spile;help;send'= {
        }
        &'spile;help;permit'= {
        }
        &'spile;help;ps'= {
        }
        &'spile;help;history'= {
        }
        &'spile;help;prune'= {
        }
        &'spile;help;attach'= {
        }
        &'spile;help;logs'= {
        }
        &'spile;help;serve'= {
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
