module completions {

  # Pipe an AI agent's output through a shell: `spile wrap` turns what it prints into NDJSON canonical events, the other commands are filters over them
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

  # Drive a spile into an agent: start it, or read what it prints, and write canonical events
  export extern "spile wrap" [
    --from: string@"nu-complete spile wrap from" # The runtime whose output this is: a name from `spile adapters`, or auto
    --stdin: string@"nu-complete spile wrap stdin" # What the agent gets for its stdin [default: null; with --pty at a terminal inherit]
    --pty                     # Give the agent a terminal; at a terminal it is yours: your keys, its screen
    --stream: string          # Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]
    --label: string           # A name for people
    --max-line: string        # Longest line that is taken for a message; a longer one is carried in pieces
    --max-block: string       # Longest block of text; a longer one goes on in a new block
    --keep-escapes            # Keep escape sequences and carriage returns in plain output, stderr and what tools give
    --strict                  # Exit with status 65 if any output of the agent could not be read
    --fail-on-stop: string    # Stop reasons, separated by commas, with which a turn has failed though the runtime calls it complete
    --grace: string           # Let each signal work for so long before the next of SIGINT, SIGTERM, SIGKILL
    --timeout: string         # Fail the turn and end the agent if the whole run takes longer; 0, here and below, is no limit
    --idle-timeout: string    # The same if nothing comes on stdout and stderr for so long
    --first-output-timeout: string # The same if nothing at all has come by then
    --tool-timeout: string    # The same if one call of a tool takes longer
    --after-result: string    # End an agent that has given its result and does not exit for so long; that is a success
    --drain: string           # After the exit read on until the output was quiet for so long, 5s at most
    --spool-mem: string       # Output that may wait in memory for a slow reader
    --spool-max: string       # Output that may wait in a temporary file after that; then the agent is held back
    --record: path            # Record the agent's raw output with its times, as NDJSON that only you can read
    --once: string            # Start nothing if another run with this key is still there, and exit with status 79
    --help(-h)                # Print help (see more with '--help')
    ...command: string        # The agent to start, with its arguments; a -- in front of it is allowed everywhere
  ]

  def "nu-complete spile coalesce by" [] {
    [ "word" "line" "sentence" "paragraph" ]
  }

  def "nu-complete spile coalesce clock" [] {
    [ "wall" "event" ]
  }

  # Merge many small text deltas into few good ones
  export extern "spile coalesce" [
    --max: string             # Most code points of a merged delta; one longer delta passes whole
    --min: string             # Code points to have before a silence alone lets them go
    --idle: string            # Let held text go after this silence
    --within: string          # Let held text go at the latest this long after its first delta came
    --by: string@"nu-complete spile coalesce by" # Prefer to cut there
    --first: string           # Let so many deltas at the start of a block pass at once
    --clock: string@"nu-complete spile coalesce clock" # Where times come from: `event` makes the output a pure function of the input
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
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

  # Cut text into parts that a channel takes
  export extern "spile chunk" [
    --for: string@"nu-complete spile chunk channel" # The channel whose limits hold, built in or a table [presets.CHANNEL] of spile.toml
    --max: string             # Most of a part, fences and repeated headers counted; with --for it holds too. At least 16
    --unit: string@"nu-complete spile chunk unit" # What --max and --min count
    --max-lines: string       # Most lines of a part
    --min: string             # Prefer a better place to a fuller part once it has so much [default: a third]
    --eager                   # Let a finished paragraph go although more would fit; with --min once it has so much
    --kind: string@"nu-complete spile chunk kind" # Which texts to cut
    --parents                 # Cut the texts of sub-agents too
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile heartbeat clock" [] {
    [ "wall" "event" ]
  }

  # Say that an agent is alive and silent: never a silent minute
  export extern "spile heartbeat" [
    --every: string           # Say a heartbeat after each such time without an event; 0 is never
    --stall-after: string     # Say `stalled`, once in a silence, when it is this long; 0 is never
    --clock: string@"nu-complete spile heartbeat clock" # Where times come from: `event` makes the output a pure function of the input (at most 1000 heartbeats a silence)
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile merge from" [] {
    [ "auto" "claude" "codex" "gemini" "cursor" "opencode" "amp" "qwen" "goose" "kimi" "copilot" "pi" "muse" "grok" "antigravity" "openclaw" "droid" "cline" "openhands" "auggie" "oz" "vibe" "aider" "openai-chat" "openai-responses" "anthropic" "gemini-api" "bedrock" "ollama" "cohere" "adk" "stream-chunk" "a2a" "acp" "mcp" "ag-ui" "vercel" "langgraph" "events" "text" ]
  }

  # Make several streams one, in the order in which their lines come
  export extern "spile merge" [
    --each: string            # Start the command N times, each under `spile wrap` and with SPILE_INDEX=1 to N
    --labels: string          # Names of the agents that --each starts [default: 1 to N]
    --from: string@"nu-complete spile merge from" # Their runtime, as for wrap
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...sources: path          # What to merge; `./a=b` is a file with = in its name
  ]

  def "nu-complete spile cancel clock" [] {
    [ "wall" "event" ]
  }

  # Stop a turn: by the name of its run, or as a filter when a condition holds
  export extern "spile cancel" [
    --label: string           # Every run with this label
    --all                     # Every run of yours
    --then: string            # Then give the agent this prompt as its next turn; refused, with nothing done, where it takes none
    --reason: string          # Why, in words, for the turn's terminal event
    --grace: string           # An agent that does not obey is killed, with all below it, after so long
    --after: string           # The turn has taken so long; 0 is no limit
    --when-idle: string       # Nothing has come for so long; 0 is no limit
    --match: string           # The answer has a match, also across deltas; of a long block the last 4 KiB are looked at
    --on-tool: string         # A tool of this name is called; several are separated by commas
    --max-text: string        # The answers have more characters than this
    --max-tokens: string      # More tokens are used, as far as the runtime says that before the end
    --max-cost: string        # It costs more, as far as the runtime says that before the end
    --clock: string@"nu-complete spile cancel clock" # Where times come from: `event` makes the output for a recording a pure function of it
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...streams: path          # The streams whose turns are to end; see `spile ps`. As a filter: files to read, - is stdin
  ]

  # List the agents that run under `spile wrap`
  export extern "spile ps" [
    --json                    # Write one JSON object a line instead of the table
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete spile tee output_error" [] {
    [ "warn" "warn-nopipe" "exit" "exit-nopipe" ]
  }

  def "nu-complete spile tee in_doubt" [] {
    [ "resend" "hold" "skip" ]
  }

  # Hand events to every sink at once, and pass them on
  export extern "spile tee" [
    --append(-a)              # Append to files instead of truncating them
    --ignore-interrupts(-i)   # Ignore SIGINT
    --output-error: string@"nu-complete spile tee output_error" # What an error of an output does: it is said and the others go on (warn), or all ends (exit); with -nopipe a reader that has gone is no error
    --queue: string           # Memory for what a sink has not taken yet
    --spool-max: string       # Then so much in a file without a name; past that the sink is given up
    --linger: string          # How long to wait for the sinks at the end of the input
    --exit-from-stream        # Exit by how the streams' last turns ended
    --ledger: path            # Keep every delivery in this file until it is settled; implies --append
    --in-doubt: string@"nu-complete spile tee in_doubt" # What is done with a delivery in doubt at a sink that cannot tell
    --reconcile: string       # Command that tells of a delivery (its id is the last argument, and SPILE_DELIVERY_ID) whether cmd:, pipe: or a webhook has it: it prints sent, not_sent or unknown
    --max-age: string         # Do not send what is older than this by its own time; 0 is no limit
    --pace: string            # Least time between two deliveries to a sink
    --batch: string           # Most deliveries under way at a file or HTTP sink, each of which is settled after a crash
    --tries: string           # Failed answers before a delivery waits for the next run, the waits between them doubling from a second; a sink that cannot be reached does not count
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...sinks: string          # Where the events go besides stdout
  ]

  # Play recorded sessions again, as they were or faster
  export extern "spile replay" [
    --speed: string           # How many times as fast as recorded
    --instant                 # Do not wait at all
    --step                    # Wait for keys: space or right for the next event, down to skip running text, p to play and halt, + and - for the speed, q to quit
    --max-gap: string         # Wait no longer than this for any event [default: as long as recorded]
    --from-seq: string        # Begin with the turn that holds the event of this number, in --stream or the first stream there is
    --since: string           # Begin with the first event at or after T: a time (RFC 3339), or a duration after the first event
    --until: string           # End in front of the first event after T
    --stream: string          # Only this stream
    --turn: string            # Only the turn of this number, of each stream
    --only: string            # Only these types: names or patterns like turn_*, separated by commas
    --restamp                 # Let `ts` be the time at which an event leaves
    --follow(-F)              # At the end of the last file, wait for more of it; connect to a server again when its stream has ended
    --idle: string            # End a source when nothing has come from it for this long [default: wait as long as it takes]
    --header: string          # Header sent to every address; its value is read from a variable or a file, never from the command line
    --bearer: string          # Bearer token sent to every address
    --ca: path                # File with the CA certificates (PEM) to trust instead of those of CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and the system
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...sources: path          # What to play [default: -]
  ]

  def "nu-complete spile view format" [] {
    [ "tty" "plain" "text" ]
  }

  def "nu-complete spile view color" [] {
    [ "auto" "always" "never" ]
  }

  # Show events to people
  export extern "spile view" [
    --format: string@"nu-complete spile view format" # What the output is for [default: tty in a terminal, else plain]
    --color: string@"nu-complete spile view color" # When to colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected
    --reasoning               # Show what the agent thinks, too
    --exit-from-stream        # Exit by how the streams' last turns ended
    --exact                   # With the format text: print the answer byte for byte, for a file or a program
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  # Hold a stream of events against the contract, one line a violation
  export extern "spile check" [
    --partial                 # Accept left-out numbers, a late start and an open end, as chunk, --only and seeking leave them
    --pass                    # Pass the events on as they came and report on stderr
    --exit-from-stream        # Exit by how the streams' last turns ended
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile export to" [] {
    [ "text" "sse" "stream-chunk" ]
  }

  # Turn events into another format
  export extern "spile export" [
    --to: string@"nu-complete spile export to" # The format
    --exact                   # With the format text: print the answer byte for byte, for a file or a program
    --max-line: string        # Longest line that is looked at; a longer one is handed on as it is
    --strict                  # Exit with status 65 if any line of the input is no event
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Files to read, one after another; - is stdin [default: -]
  ]

  def "nu-complete spile ledger action" [] {
    [ "stat" "list" "retry" "forget" ]
  }

  # Look into a delivery ledger, and decide what waits for a person
  export extern "spile ledger" [
    --all                     # Every delivery that failed or is in doubt, for retry and forget
    --pending                 # Only what is not settled
    --json                    # One JSON object a line
    --help(-h)                # Print help (see more with '--help')
    action: string@"nu-complete spile ledger action" # What to do
    path: path                # The ledger, as tee --ledger made it
    ...ids: string            # Delivery ids, for retry and forget
  ]

  # List the runtimes that wrap understands, with the command line to use
  export extern "spile adapters" [
    --help(-h)                # Print help (see more with '--help')
  ]

  # Show a bundled agent session running through a real pipeline
  export extern "spile demo" [
    --agent                   # Be the agent: print the bundled session as Claude Code would
    --speed: string           # How many times faster than life the agent is; 0 does not wait at all
    --help(-h)                # Print help (see more with '--help')
  ]

  # Print the JSON Schema of an event
  export extern "spile schema" [
    --help(-h)                # Print help (see more with '--help')
  ]

  # Write completions, manual pages, the reference and the event schema
  export extern "spile generate" [
    --out: directory          # The folder to write into
    --help(-h)                # Print help (see more with '--help')
  ]

  # Show every setting, its value and where it comes from
  export extern "spile config" [
    --help(-h)                # Print help (see more with '--help')
    ...line: string           # A command line whose flags are to count, without `spile`
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "spile help" [
  ]

  # Drive a spile into an agent: start it, or read what it prints, and write canonical events
  export extern "spile help wrap" [
  ]

  # Merge many small text deltas into few good ones
  export extern "spile help coalesce" [
  ]

  # Cut text into parts that a channel takes
  export extern "spile help chunk" [
  ]

  # Say that an agent is alive and silent: never a silent minute
  export extern "spile help heartbeat" [
  ]

  # Make several streams one, in the order in which their lines come
  export extern "spile help merge" [
  ]

  # Stop a turn: by the name of its run, or as a filter when a condition holds
  export extern "spile help cancel" [
  ]

  # List the agents that run under `spile wrap`
  export extern "spile help ps" [
  ]

  # Hand events to every sink at once, and pass them on
  export extern "spile help tee" [
  ]

  # Play recorded sessions again, as they were or faster
  export extern "spile help replay" [
  ]

  # Show events to people
  export extern "spile help view" [
  ]

  # Hold a stream of events against the contract, one line a violation
  export extern "spile help check" [
  ]

  # Turn events into another format
  export extern "spile help export" [
  ]

  # Look into a delivery ledger, and decide what waits for a person
  export extern "spile help ledger" [
  ]

  # List the runtimes that wrap understands, with the command line to use
  export extern "spile help adapters" [
  ]

  # Show a bundled agent session running through a real pipeline
  export extern "spile help demo" [
  ]

  # Print the JSON Schema of an event
  export extern "spile help schema" [
  ]

  # Write completions, manual pages, the reference and the event schema
  export extern "spile help generate" [
  ]

  # Show every setting, its value and where it comes from
  export extern "spile help config" [
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "spile help help" [
  ]

}

export use completions *
