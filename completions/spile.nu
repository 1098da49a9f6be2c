module completions {

  # Pipe an AI agent's output through a shell: `spile wrap` turns it into NDJSON canonical events, the other commands are filters over them
  export extern spile [
    --help(-h)                # Print help (see more with '--help')
    --version(-V)             # Print version
  ]

  def "nu-complete spile wrap from" [] {
    [ "auto" "claude" "codex" "gemini" "cursor" "opencode" "amp" "qwen" "goose" "kimi" "copilot" "pi" "muse" "grok" "antigravity" "openclaw" "droid" "cline" "openhands" "auggie" "oz" "vibe" "aider" "openai-chat" "openai-responses" "anthropic" "gemini-api" "bedrock" "ollama" "cohere" "adk" "stream-chunk" "a2a" "acp" "mcp" "ag-ui" "vercel" "langgraph" "events" "text" ]
  }

  def "nu-complete spile wrap stdin" [] {
    [ "null" "inherit" "pipe" ]
  }

  # Turn an agent's output into canonical events: start the agent, or read its output on stdin
  export extern "spile wrap" [
    --from: string@"nu-complete spile wrap from" # Runtime of the agent: a name from `spile adapters`, or auto
    --stdin: string@"nu-complete spile wrap stdin" # Stdin of the agent [default: null; with --pty at a terminal inherit]
    --pty                     # Run the agent in a terminal; at a terminal, you use it
    --stream: string          # Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]
    --label: string           # Name for people
    --max-line: string        # Longest line that is parsed; a longer one is carried in pieces
    --max-block: string       # Longest block of text; a longer one continues in a new block
    --keep-escapes            # Keep escape sequences and carriage returns in plain output, stderr and results of tools
    --strict                  # Exit with status 65 if any output of the agent could not be parsed
    --fail-on-stop: string    # Stop reasons that make a turn failed although the runtime calls it complete
    --drive                   # Own the agent's stdin: give it the prompt, take messages, and answer its questions
    --prompt: string          # First prompt, by the protocol or stdin, or at {prompt} in the command: behind -- or at the end of a word
    --prompt-file: path       # File with the first prompt; - is stdin
    --context: path           # File that belongs to the prompt: its content follows it, or its path stands at {context} in the command
    --on-permission: string   # Policy for the agent's questions for permission: fail, wait, allow:LIST or cmd:COMMAND [default: fail]
    --permission-timeout: string # Denial of a question that has no answer by then; 0 is no limit [default: 60s for cmd:COMMAND]
    --keep-open: string       # Time for another message after a turn, before the agent's input is closed
    --session: string         # Session of the agent to continue, by the Agent Client Protocol or codex app-server
    --cancel-when: string     # Cancel a turn when one of these conditions holds: NAME=VALUE, separated by commas
    --estimate                # Estimate tokens by characters / 3.5 where the runtime does not report them before the turn's end
    --prices: path            # Prices of models, for a cost that the runtime does not report before the turn's end
    --redact                  # Replace secrets before an event leaves, as `spile redact` does; the other options of Secrets need it
    --env                     # Also replace the values of environment variables whose names say key, token, secret, password or the like
    --value-file: path        # Also replace the text of this file, each of its lines, and the values of its assignments
    --rules: path             # Also replace what the rules of this file match: TOML in the format of gitleaks
    --pattern: string         # Also replace what this regular expression matches, or only its group `secret`: '(?<secret>...)'
    --only: string            # Of the built-in rules use only this one; may be given several times
    --skip: string            # Do not use this built-in rule; may be given several times
    --keyed                   # Add a hash to each replacement: equal secrets have equal hashes, within this run only
    --within: string          # Longest time that text waits because it may be the beginning of a secret [default: 1s]
    --grace: string           # Time between SIGINT, SIGTERM and SIGKILL
    --timeout: string         # Fail the turn and end the agent if the run takes longer; for all limits, 0 is none
    --idle-timeout: string    # The same if stdout and stderr are silent for this time
    --first-output-timeout: string # The same if there is no output by then
    --tool-timeout: string    # The same if a call of a tool takes longer
    --after-result: string    # End an agent that has not exited this long after its result; that is a success
    --drain: string           # Silence of the output after the exit that ends reading, 5s at most
    --spool-mem: string       # Output that is queued in memory for a slow reader
    --spool-max: string       # Output that is queued in a temporary file after that; then the agent is blocked
    --record: path            # Record the agent's raw output with times, as NDJSON that only you can read
    --once: string            # Do not start if another run with this key exists or waits, and exit with status 79
    --queue                   # With --once: wait until the run with the key has ended, behind those that wait already
    --queue-timeout: string   # Longest wait of --queue, then exit with status 79; 0 is no limit
    --help(-h)                # Print help (see more with '--help')
    ...command: string        # Agent to start, with its arguments; a -- before it is always allowed
  ]

  def "nu-complete spile start by" [] {
    [ "cli" "chat" "direct" "runs" "mcp" "acp" "rpc" "openai" ]
  }

  def "nu-complete spile start from" [] {
    [ "auto" "claude" "codex" "gemini" "cursor" "opencode" "amp" "qwen" "goose" "kimi" "copilot" "pi" "muse" "grok" "antigravity" "openclaw" "droid" "cline" "openhands" "auggie" "oz" "vibe" "aider" "openai-chat" "openai-responses" "anthropic" "gemini-api" "bedrock" "ollama" "cohere" "adk" "stream-chunk" "a2a" "acp" "mcp" "ag-ui" "vercel" "langgraph" "events" "text" ]
  }

  def "nu-complete spile start stdin" [] {
    [ "null" "inherit" "pipe" ]
  }

  # Start an agent in the background, under its own `spile wrap`, and print its stream
  export extern "spile start" [
    --cwd: directory          # Start in this directory; the paths of other options are relative to it
    --each: string            # Start the command N times, with SPILE_INDEX=1 to N, and print N streams; if one cannot start, all are cancelled
    --wait                    # Wait for the end of the runs, and exit as `spile attach` would; Ctrl-C ends the wait only
    --log-prompt              # Write the prompt into the run's description, not only its SHA-256
    --max-run: string         # Largest event file; past that the turn fails with the code `budget` and the agent is ended
    --notify: string          # Shell command that is started when the run has ended, as cmd:COMMAND
    --linger: string          # Longest wait for a full disk after the agent's end; then its last events are lost
    --by: string@"nu-complete spile start by" # Interface that starts it
    --agent-name: string      # Name of the agent's definition
    --conversation: string    # Conversation that it belongs to
    --resumes: string         # Stream of the run whose session it resumes
    --request: string         # SHA-256 of the request
    --context-ref: string     # Reference of a context text
    --from: string@"nu-complete spile start from" # Runtime of the agent: a name from `spile adapters`, or auto
    --stdin: string@"nu-complete spile start stdin" # Stdin of the agent [default: null; with --pty at a terminal inherit]
    --pty                     # Run the agent in a terminal; at a terminal, you use it
    --stream: string          # Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]
    --label: string           # Name for people
    --max-line: string        # Longest line that is parsed; a longer one is carried in pieces
    --max-block: string       # Longest block of text; a longer one continues in a new block
    --keep-escapes            # Keep escape sequences and carriage returns in plain output, stderr and results of tools
    --strict                  # Exit with status 65 if any output of the agent could not be parsed
    --fail-on-stop: string    # Stop reasons that make a turn failed although the runtime calls it complete
    --drive                   # Own the agent's stdin: give it the prompt, take messages, and answer its questions
    --prompt: string          # First prompt, by the protocol or stdin, or at {prompt} in the command: behind -- or at the end of a word
    --prompt-file: path       # File with the first prompt; - is stdin
    --context: path           # File that belongs to the prompt: its content follows it, or its path stands at {context} in the command
    --on-permission: string   # Policy for the agent's questions for permission: fail, wait, allow:LIST or cmd:COMMAND [default: fail]
    --permission-timeout: string # Denial of a question that has no answer by then; 0 is no limit [default: 60s for cmd:COMMAND]
    --keep-open: string       # Time for another message after a turn, before the agent's input is closed
    --session: string         # Session of the agent to continue, by the Agent Client Protocol or codex app-server
    --cancel-when: string     # Cancel a turn when one of these conditions holds: NAME=VALUE, separated by commas
    --estimate                # Estimate tokens by characters / 3.5 where the runtime does not report them before the turn's end
    --prices: path            # Prices of models, for a cost that the runtime does not report before the turn's end
    --redact                  # Replace secrets before an event leaves, as `spile redact` does; the other options of Secrets need it
    --env                     # Also replace the values of environment variables whose names say key, token, secret, password or the like
    --value-file: path        # Also replace the text of this file, each of its lines, and the values of its assignments
    --rules: path             # Also replace what the rules of this file match: TOML in the format of gitleaks
    --pattern: string         # Also replace what this regular expression matches, or only its group `secret`: '(?<secret>...)'
    --only: string            # Of the built-in rules use only this one; may be given several times
    --skip: string            # Do not use this built-in rule; may be given several times
    --keyed                   # Add a hash to each replacement: equal secrets have equal hashes, within this run only
    --within: string          # Longest time that text waits because it may be the beginning of a secret [default: 1s]
    --grace: string           # Time between SIGINT, SIGTERM and SIGKILL
    --timeout: string         # Fail the turn and end the agent if the run takes longer; for all limits, 0 is none
    --idle-timeout: string    # The same if stdout and stderr are silent for this time
    --first-output-timeout: string # The same if there is no output by then
    --tool-timeout: string    # The same if a call of a tool takes longer
    --after-result: string    # End an agent that has not exited this long after its result; that is a success
    --drain: string           # Silence of the output after the exit that ends reading, 5s at most
    --spool-mem: string       # Output that is queued in memory for a slow reader
    --spool-max: string       # Output that is queued in a temporary file after that; then the agent is blocked
    --record: path            # Record the agent's raw output with times, as NDJSON that only you can read
    --once: string            # Do not start if another run with this key exists or waits, and exit with status 79
    --queue                   # With --once: wait until the run with the key has ended, behind those that wait already
    --queue-timeout: string   # Longest wait of --queue, then exit with status 79; 0 is no limit
    --help(-h)                # Print help (see more with '--help')
    ...command: string        # Agent to start, with its arguments; a -- before it is always allowed
  ]

  def "nu-complete spile coalesce by" [] {
    [ "word" "line" "sentence" "paragraph" ]
  }

  def "nu-complete spile coalesce clock" [] {
    [ "wall" "event" ]
  }

  # Merge small text deltas into fewer
  export extern "spile coalesce" [
    --max: string             # Most code points in a merged delta; a longer delta passes whole
    --min: string             # Code points to hold before a silence alone emits them
    --idle: string            # Silence after which held text is emitted
    --within: string          # Longest time that text is held
    --by: string@"nu-complete spile coalesce by" # Preferred place to cut
    --first: string           # Deltas at the start of a block that pass at once
    --clock: string@"nu-complete spile coalesce clock" # Source of times: `event` makes the output depend on the input alone
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile chunk channel" [] {
    [ "discord" "telegram" "telegram-rich" "slack" "slack-markdown" "whatsapp" "signal" "line" "teams" "teams-bot" "matrix" "bluesky" "irc" "plain" ]
  }

  def "nu-complete spile chunk unit" [] {
    [ "codepoints" "utf16" "bytes" "graphemes" ]
  }

  def "nu-complete spile chunk kind" [] {
    [ "answer" "reasoning" "all" ]
  }

  # Cut text into parts that fit a channel's limit
  export extern "spile chunk" [
    --for: string@"nu-complete spile chunk channel" # Limits of this channel, built in or a table [presets.CHANNEL] of spile.toml
    --max: string             # Longest part, with fences and repeated headers; at least 16. With --for both limits hold
    --unit: string@"nu-complete spile chunk unit" # Unit of --max and --min
    --max-lines: string       # Most lines in a part
    --min: string             # Length from which a better place to cut is preferred to a fuller part [default: a third]
    --eager                   # Emit a finished paragraph although more would fit; with --min from that length on
    --kind: string@"nu-complete spile chunk kind" # Texts to cut
    --parents                 # Cut texts of sub-agents too
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile heartbeat clock" [] {
    [ "wall" "event" ]
  }

  # Report that an agent is alive and silent
  export extern "spile heartbeat" [
    --every: string           # Interval of heartbeats in a silence; 0 is never
    --stall-after: string     # Silence after which `stalled` is reported, once; 0 is never
    --clock: string@"nu-complete spile heartbeat clock" # Source of times: `event` makes the output depend on the input alone (at most 1000 heartbeats a silence)
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile merge from" [] {
    [ "auto" "claude" "codex" "gemini" "cursor" "opencode" "amp" "qwen" "goose" "kimi" "copilot" "pi" "muse" "grok" "antigravity" "openclaw" "droid" "cline" "openhands" "auggie" "oz" "vibe" "aider" "openai-chat" "openai-responses" "anthropic" "gemini-api" "bedrock" "ollama" "cohere" "adk" "stream-chunk" "a2a" "acp" "mcp" "ag-ui" "vercel" "langgraph" "events" "text" ]
  }

  # Merge several streams into one, in the order in which their lines arrive
  export extern "spile merge" [
    --each: string            # Start the command N times, each under `spile wrap` and with SPILE_INDEX=1 to N
    --labels: string          # Names of the agents that --each starts [default: 1 to N]
    --from: string@"nu-complete spile merge from" # Runtime of the agents, as for wrap
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...sources: path          # Sources to merge; `./a=b` is a file with = in its name
  ]

  # Replace secrets in events
  export extern "spile redact" [
    --list                    # List the built-in rules with their sources, and exit
    --env                     # Also replace the values of environment variables whose names say key, token, secret, password or the like
    --value-file: path        # Also replace the text of this file, each of its lines, and the values of its assignments
    --rules: path             # Also replace what the rules of this file match: TOML in the format of gitleaks
    --pattern: string         # Also replace what this regular expression matches, or only its group `secret`: '(?<secret>...)'
    --only: string            # Of the built-in rules use only this one; may be given several times
    --skip: string            # Do not use this built-in rule; may be given several times
    --keyed                   # Add a hash to each replacement: equal secrets have equal hashes, within this run only
    --within: string          # Longest time that text waits because it may be the beginning of a secret [default: 1s]
    --strict                  # Exit with status 65 if any line of the input is no event
    --max-line: string        # Longest line that is parsed; a longer one is searched as it is
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile cancel clock" [] {
    [ "wall" "event" ]
  }

  # Cancel a turn: by the name of its run, or as a filter when a condition holds
  export extern "spile cancel" [
    --label: string           # Every run with this label
    --all                     # All your runs that live (`spile ps --all` also lists finished ones)
    --last                    # The run that was started last; with --label, of those with that label
    --then: string            # Then send the agent this prompt as its next turn; if it takes no prompts, nothing is cancelled
    --reason: string          # Reason in the turn's terminal event
    --grace: string           # Kill an agent that has not stopped after this time, with all its descendants
    --after: string           # The turn takes longer; 0 is no limit
    --when-idle: string       # No event has come for this time; 0 is no limit
    --match: string           # The answer matches, also across deltas; of a long block the last 4 KiB are searched
    --on-tool: string         # A tool with one of these names is called
    --on-repeat: string       # A tool has the same input and the same result this many times in a row; numbers and times in results count as the same
    --max-text: string        # The answers have more characters: 5000, 20k
    --max-tokens: string      # More tokens are used, if the runtime reports them before the end: 5000, 200k, 2M
    --max-cost: string        # The turn costs more, if the runtime reports it before the end
    --estimate                # Estimate tokens by characters / 3.5 where the runtime does not report them before the turn's end
    --prices: path            # Prices of models, for a cost that the runtime does not report before the turn's end
    --clock: string@"nu-complete spile cancel clock" # Source of times: `event` makes the output depend on the input alone
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...streams: path          # Streams or labels of runs whose turn to cancel; see `spile ps`. As a filter: files to read, - is stdin
  ]

  # Give a message to an agent that runs under `spile wrap --drive`
  export extern "spile send" [
    --last                    # Run that was started last, in place of STREAM
    --by: string              # Name of the sender, in the stream
    --force                   # Type the message at a terminal although a turn is open, and could answer a dialog
    --help(-h)                # Print help (see more with '--help')
    stream?: string           # Stream of the run, or its label; see `spile ps`
    text?: string             # Message; - reads it from stdin
  ]

  # Answer an agent's question for permission
  export extern "spile permit" [
    --last                    # Run that was started last, in place of STREAM
    --deny: string            # Deny it, with a reason for the agent
    --by: string              # Name of the person, in the stream
    --help(-h)                # Print help (see more with '--help')
    stream?: string           # Stream of the run, or its label; see `spile ps`
    id?: string               # Id of the question [default: the only open one]
  ]

  # List the agents that run under `spile wrap`
  export extern "spile ps" [
    --json                    # Write one JSON object a line instead of the table
    --all                     # List finished background runs too, until `spile prune` removes them (`spile cancel --all` is for runs that live)
    --names                   # Print streams and labels for the completion of a shell
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete spile history mode" [] {
    [ "cli" "chat" "direct" "runs" "mcp" "acp" "rpc" "openai" ]
  }

  # List the operations on runs, oldest first
  export extern "spile history" [
    --limit: string           # Show the last N operations; 0 is all
    --mode: string@"nu-complete spile history mode" # Only operations of this interface
    --follow                  # Then wait for further ones and show them
    --json                    # Write the lines as they are in the file, one JSON object each, instead of the table
    --help(-h)                # Print help (see more with '--help')
  ]

  # Remove the files of finished background runs
  export extern "spile prune" [
    --older: string           # Remove runs that ended longer ago than this: 90m, 12h, 14d; 0 is all
    --keep: string            # Keep this many finished runs, those that ended last
    --size: string            # Keep as many finished runs, those that ended last, as have this size together: 500M, 2G
    --dry-run                 # Only print what would be removed
    --help(-h)                # Print help (see more with '--help')
  ]

  # Follow background runs: print their events from the start, then those that come
  export extern "spile attach" [
    --label: string           # Every run with this label, also those that are over
    --last                    # The run that was started last; with --label, of those with that label
    --all                     # All runs, also those that are over (`cancel --all` means those that live)
    --from: string            # Begin at the start, with what is written from now on, or with the event of this seq (of one run)
    --no-follow               # Print what there is, and end
    --new                     # Follow runs that are started later, too, and do not end; with --label or --all
    --help(-h)                # Print help (see more with '--help')
    ...streams: string        # Streams of the runs, or their labels [default: the only run that lives, else the last started one]
  ]

  # Print what background runs have emitted so far: `spile attach --no-follow`
  export extern "spile logs" [
    --label: string           # Every run with this label, also those that are over
    --last                    # The run that was started last; with --label, of those with that label
    --all                     # All runs, also those that are over (`cancel --all` means those that live)
    --from: string            # Begin at the start, with what is written from now on, or with the event of this seq (of one run)
    --help(-h)                # Print help (see more with '--help')
    ...streams: string        # Streams of the runs, or their labels [default: the only run that lives, else the last started one]
  ]

  def "nu-complete spile serve on_exit" [] {
    [ "keep" "cancel" ]
  }

  # Serve background runs by HTTP: start, watch and steer agents
  export extern "spile serve" [
    --listen: string          # Address to listen at: ADDRESS:PORT or unix:PATH; several are allowed. Beyond this machine it wants --token-file
    --agent: string           # Agent that may be started; the first one is the default
    --command: string         # Command of `POST /direct`. Further words of a request stand at {args}, or at {args:any} with options among them
    --wrap: string            # Option of `spile start` for every agent, as --wrap=--redact or --wrap=--on-permission=fail
    --root: directory         # Directory in which runs start; `cwd` of a request leads below it
    --token-file: path        # File with the token, one word of at least 16 characters, that only you can read
    --host: string            # Further name by which clients reach the server, as that of a proxy
    --cors: string            # Origin whose pages may ask, as https://example.org
    --webhook: string         # Address that gets a POST at the end of each turn and of each run, or for #only=TYPES; several are allowed
    --webhook-secret-file: path # File with the secret of the signatures (Standard Webhooks: whsec_ and base64), that only you can read
    --webhook-private         # Let webhooks lead to private addresses and to this machine
    --max-runs: string        # Runs that may live at a time; more are refused with 429
    --max-clients: string     # Connections at a time; more are refused with 429
    --linger: string          # Time for answers to go out after a signal that ends the server; a second signal ends it at once
    --on-exit: string@"nu-complete spile serve on_exit" # Fate of the runs that a server has started, at its end
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete spile tee output_error" [] {
    [ "warn" "warn-nopipe" "exit" "exit-nopipe" ]
  }

  def "nu-complete spile tee in_doubt" [] {
    [ "resend" "hold" "skip" ]
  }

  # Deliver events to sinks, and pass them on
  export extern "spile tee" [
    --append(-a)              # Append to files instead of truncating them
    --ignore-interrupts(-i)   # Ignore SIGINT
    --output-error: string@"nu-complete spile tee output_error" # Effect of an output error: a warning (warn) or the end of tee (exit); with -nopipe a broken pipe is no error
    --queue: string           # Queue of a sink in memory
    --spool-max: string       # Queue of a sink in an anonymous file after that; a sink that exceeds it is dropped
    --linger: string          # Wait for the sinks at the end of the input
    --exit-from-stream        # Let the ends of the streams' last turns decide the exit status
    --ledger: path            # Store each delivery in this file until it is settled; implies --append
    --in-doubt: string@"nu-complete spile tee in_doubt" # Treatment of a delivery in doubt at a sink that cannot be queried
    --reconcile: string       # Command that prints sent, not_sent or unknown for a delivery of a cmd:, a pipe: or a webhook; the id is its last argument and SPILE_DELIVERY_ID
    --max-age: string         # Do not send events that are older by their own time; 0 is no limit
    --pace: string            # Least time between two deliveries to a sink
    --batch: string           # Most deliveries in flight at a file or HTTP sink; each is settled after a crash
    --tries: string           # Failed attempts before a delivery waits for the next run, with exponential backoff from a second; an unreachable sink does not count
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...sinks: string          # Destinations besides stdout
  ]

  # Play recorded sessions again, at their own pace or faster
  export extern "spile replay" [
    --speed: string           # Speed as a multiple of the recorded one
    --instant                 # Do not wait
    --step                    # Wait for keys: space or right for the next event, down to skip running text, p to play and pause, + and - for the speed, q to quit
    --max-gap: string         # Longest wait for an event [default: as recorded]
    --from-seq: string        # Begin with the turn of the event with this number, in --stream or the first stream
    --since: string           # Begin with the first event at or after T: a time (RFC 3339), or a duration after the first event
    --until: string           # End before the first event after T
    --stream: string          # Only this stream
    --turn: string            # Only the turn of this number, of each stream
    --only: string            # Only these types: names or patterns like turn_*, separated by commas
    --restamp                 # Set `ts` to the time of the replay
    --follow(-F)              # At the end of the last file, wait for more; reconnect to a server whose stream has ended
    --idle: string            # End a source after this time without data [default: never]
    --header: string          # Header sent to every address; its value is read from a variable or a file, never from the command line
    --bearer: string          # Bearer token sent to every address
    --ca: path                # File of CA certificates (PEM) to trust instead of those of CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and the system
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...sources: path          # Recordings [default: -]
  ]

  def "nu-complete spile view format" [] {
    [ "auto" "tty" "plain" "text" "github" "gitlab" ]
  }

  def "nu-complete spile view color" [] {
    [ "auto" "always" "never" ]
  }

  def "nu-complete spile view tools" [] {
    [ "line" "input" "output" "full" ]
  }

  def "nu-complete spile view only" [] {
    [ "text" "tools" "turns" "status" ]
  }

  # Show events to people
  export extern "spile view" [
    --format: string@"nu-complete spile view format" # Format of the output
    --color: string@"nu-complete spile view color" # Use of colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected
    --tools: string@"nu-complete spile view tools" # Amount of a tool call that is shown [default: output with the formats github and gitlab, else line]
    --only: string@"nu-complete spile view only" # Show these kinds of lines alone, parted by commas
    --timestamps              # Put the time of the event (UTC) before each line
    --width: string           # Columns at which lines break [default: the terminal's; elsewhere lines do not break]
    --reasoning               # Show the agent's reasoning too
    --exit-from-stream        # Let the ends of the streams' last turns decide the exit status
    --exact                   # With the format text: print the answer byte for byte, for a file or a program
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  # Check events against the contract, and print a line for each violation
  export extern "spile check" [
    --partial                 # Accept missing numbers, a late start and an open end, as chunk, --only and seeking leave them
    --pass                    # Pass the events on unchanged, and report on stderr
    --exit-from-stream        # Let the ends of the streams' last turns decide the exit status
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile export to" [] {
    [ "text" "sse" "stream-chunk" "csv" "cast" "markdown" "html" ]
  }

  def "nu-complete spile export rows" [] {
    [ "turns" "tools" ]
  }

  # Turn events into another format
  export extern "spile export" [
    --to: string@"nu-complete spile export to" # Format of the output
    --rows: string@"nu-complete spile export rows" # Rows of the table, with --to csv [default: turns]
    --fold                    # With --to markdown: fold inputs and outputs into `<details>`, and add reasoning and notices in the same way
    --exact                   # With the format text: print the answer byte for byte, for a file or a program
    --max-line: string        # Longest line that is parsed; a longer one passes unchanged
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile ledger action" [] {
    [ "stat" "list" "retry" "forget" ]
  }

  # Show a delivery ledger, and resolve deliveries that failed or are in doubt
  export extern "spile ledger" [
    --all                     # All deliveries that failed or are in doubt, for retry and forget
    --pending                 # Only deliveries that are not settled
    --json                    # One JSON object a line
    --help(-h)                # Print help (see more with '--help')
    action: string@"nu-complete spile ledger action" # Action
    path: path                # Ledger of tee --ledger
    ...ids: string            # Delivery ids for retry and forget
  ]

  # List the runtimes that wrap reads, with the command line to use
  export extern "spile adapters" [
    --help(-h)                # Print help (see more with '--help')
  ]

  # Show a bundled agent session running through a real pipeline
  export extern "spile demo" [
    --agent                   # Print the bundled session, as Claude Code would
    --serve                   # Show the session on the page of `spile serve`: open the address that is printed
    --times: string           # Number of times that --agent prints the session
    --speed: string           # Speed of the agent as a multiple of the original; 0 does not wait
    --help(-h)                # Print help (see more with '--help')
  ]

  # Print the JSON Schema of an event
  export extern "spile schema" [
    --help(-h)                # Print help (see more with '--help')
  ]

  # Write manual pages and completions
  export extern "spile generate" [
    --out: directory          # The folder to write into
    --help(-h)                # Print help (see more with '--help')
  ]

  # Show every setting with its value and source
  export extern "spile config" [
    --help(-h)                # Print help (see more with '--help')
    ...line: string           # Command line without `spile`, whose flags are shown as the source
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "spile help" [
  ]

  # Turn an agent's output into canonical events: start the agent, or read its output on stdin
  export extern "spile help wrap" [
  ]

  # Start an agent in the background, under its own `spile wrap`, and print its stream
  export extern "spile help start" [
  ]

  # Merge small text deltas into fewer
  export extern "spile help coalesce" [
  ]

  # Cut text into parts that fit a channel's limit
  export extern "spile help chunk" [
  ]

  # Report that an agent is alive and silent
  export extern "spile help heartbeat" [
  ]

  # Merge several streams into one, in the order in which their lines arrive
  export extern "spile help merge" [
  ]

  # Replace secrets in events
  export extern "spile help redact" [
  ]

  # Cancel a turn: by the name of its run, or as a filter when a condition holds
  export extern "spile help cancel" [
  ]

  # Give a message to an agent that runs under `spile wrap --drive`
  export extern "spile help send" [
  ]

  # Answer an agent's question for permission
  export extern "spile help permit" [
  ]

  # List the agents that run under `spile wrap`
  export extern "spile help ps" [
  ]

  # List the operations on runs, oldest first
  export extern "spile help history" [
  ]

  # Remove the files of finished background runs
  export extern "spile help prune" [
  ]

  # Follow background runs: print their events from the start, then those that come
  export extern "spile help attach" [
  ]

  # Print what background runs have emitted so far: `spile attach --no-follow`
  export extern "spile help logs" [
  ]

  # Serve background runs by HTTP: start, watch and steer agents
  export extern "spile help serve" [
  ]

  # Deliver events to sinks, and pass them on
  export extern "spile help tee" [
  ]

  # Play recorded sessions again, at their own pace or faster
  export extern "spile help replay" [
  ]

  # Show events to people
  export extern "spile help view" [
  ]

  # Check events against the contract, and print a line for each violation
  export extern "spile help check" [
  ]

  # Turn events into another format
  export extern "spile help export" [
  ]

  # Show a delivery ledger, and resolve deliveries that failed or are in doubt
  export extern "spile help ledger" [
  ]

  # List the runtimes that wrap reads, with the command line to use
  export extern "spile help adapters" [
  ]

  # Show a bundled agent session running through a real pipeline
  export extern "spile help demo" [
  ]

  # Print the JSON Schema of an event
  export extern "spile help schema" [
  ]

  # Write manual pages and completions
  export extern "spile help generate" [
  ]

  # Show every setting with its value and source
  export extern "spile help config" [
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "spile help help" [
  ]

}

export use completions *
