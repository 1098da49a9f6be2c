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
complete -c spile -n "__fish_spile_needs_command" -f -a "chunk" -d 'Cut text into parts that a channel takes'
complete -c spile -n "__fish_spile_needs_command" -f -a "heartbeat" -d 'Say that an agent is alive and silent: never a silent minute'
complete -c spile -n "__fish_spile_needs_command" -f -a "merge" -d 'Make several streams one, in the order in which their lines come'
complete -c spile -n "__fish_spile_needs_command" -f -a "cancel" -d 'Stop a turn: by the name of its run, or as a filter when a condition holds'
complete -c spile -n "__fish_spile_needs_command" -f -a "ps" -d 'List the agents that run under `spile wrap`'
complete -c spile -n "__fish_spile_needs_command" -f -a "tee" -d 'Hand events to every sink at once, and pass them on'
complete -c spile -n "__fish_spile_needs_command" -f -a "replay" -d 'Play recorded sessions again, as they were or faster'
complete -c spile -n "__fish_spile_needs_command" -f -a "view" -d 'Show events to people'
complete -c spile -n "__fish_spile_needs_command" -f -a "check" -d 'Hold a stream of events against the contract, one line a violation'
complete -c spile -n "__fish_spile_needs_command" -f -a "export" -d 'Turn events into another format'
complete -c spile -n "__fish_spile_needs_command" -f -a "ledger" -d 'Look into a delivery ledger, and decide what waits for a person'
complete -c spile -n "__fish_spile_needs_command" -f -a "adapters" -d 'List the runtimes that wrap understands, with the command line to use'
complete -c spile -n "__fish_spile_needs_command" -f -a "demo" -d 'Show a bundled agent session running through a real pipeline'
complete -c spile -n "__fish_spile_needs_command" -f -a "schema" -d 'Print the JSON Schema of an event'
complete -c spile -n "__fish_spile_needs_command" -f -a "generate" -d 'Write completions, manual pages, the reference and the event schema'
complete -c spile -n "__fish_spile_needs_command" -f -a "config" -d 'Show every setting, its value and where it comes from'
complete -c spile -n "__fish_spile_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l from -d 'The runtime whose output this is: a name from `spile adapters`, or auto' -r -f -a "auto\t'whatever the command\'s name and its first lines say'
claude\t'Claude Code, stream-json'
codex\t'Codex CLI, exec --json and app-server'
gemini\t'Gemini CLI, stream-json'
cursor\t'Cursor\'s agent, stream-json'
opencode\t'opencode, run --format json, and its server\'s events'
amp\t'Amp, stream-json'
qwen\t'Qwen Code, stream-json'
goose\t'Goose, stream-json'
kimi\t'Kimi Code, stream-json'
copilot\t'GitHub Copilot CLI, json'
pi\t'pi, mode json'
muse\t'Muse, its log of records'
grok\t'Grok CLI, streaming-json'
antigravity\t'Antigravity CLI, json'
openclaw\t'OpenClaw, json'
droid\t'Factory\'s Droid, stream-json'
cline\t'Cline, json'
openhands\t'OpenHands, headless json'
auggie\t'Augment\'s Auggie, json'
oz\t'Warp\'s oz, json'
vibe\t'Mistral Vibe, streaming'
aider\t'Aider, its plain output'
openai-chat\t'OpenAI Chat Completions, raw body'
openai-responses\t'OpenAI Responses API, raw body'
anthropic\t'Anthropic Messages API, raw body'
gemini-api\t'Gemini API, raw body'
bedrock\t'Amazon Bedrock, Converse and InvokeModel streams'
ollama\t'Ollama API, raw body'
cohere\t'Cohere API v2, raw body'
adk\t'Google ADK, events of its API server'
stream-chunk\t'numbered chunks over JSON-RPC, scaffold/streamChunk'
a2a\t'Agent2Agent protocol, a task\'s stream'
acp\t'Agent Client Protocol'
mcp\t'Model Context Protocol, a server\'s messages'
ag-ui\t'AG-UI events'
vercel\t'Vercel AI SDK, UI message stream'
langgraph\t'LangGraph and LangChain streams'
events\t'generic events: type, data, timestamp'
text\t'any command\'s plain output'"
complete -c spile -n "__fish_spile_using_subcommand wrap" -l stdin -d 'What the agent gets for its stdin [default: null; with --pty at a terminal inherit]' -r -f -a "null\t'Nothing: /dev/null. An inherited stdin makes some agents wait for ever'
inherit\t'Ours, as it is'
pipe\t'A pipe into which what comes on ours is copied'"
complete -c spile -n "__fish_spile_using_subcommand wrap" -l stream -d 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l label -d 'A name for people' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l max-line -d 'Longest line that is taken for a message; a longer one is carried in pieces' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l max-block -d 'Longest block of text; a longer one goes on in a new block' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l fail-on-stop -d 'Stop reasons, separated by commas, with which a turn has failed though the runtime calls it complete' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l grace -d 'Let each signal work for so long before the next of SIGINT, SIGTERM, SIGKILL' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l timeout -d 'Fail the turn and end the agent if the whole run takes longer; 0, here and below, is no limit' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l idle-timeout -d 'The same if nothing comes on stdout and stderr for so long' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l first-output-timeout -d 'The same if nothing at all has come by then' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l tool-timeout -d 'The same if one call of a tool takes longer' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l after-result -d 'End an agent that has given its result and does not exit for so long; that is a success' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l drain -d 'After the exit read on until the output was quiet for so long, 5s at most' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l spool-mem -d 'Output that may wait in memory for a slow reader' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l spool-max -d 'Output that may wait in a temporary file after that; then the agent is held back' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l record -d 'Record the agent\'s raw output with its times, as NDJSON that only you can read' -r -F
complete -c spile -n "__fish_spile_using_subcommand wrap" -l once -d 'Start nothing if another run with this key is still there, and exit with status 79' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l pty -d 'Give the agent a terminal; at a terminal it is yours: your keys, its screen'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l keep-escapes -d 'Keep escape sequences and carriage returns in plain output, stderr and what tools give'
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
complete -c spile -n "__fish_spile_using_subcommand chunk" -l for -d 'The channel whose limits hold, built in or a table [presets.CHANNEL] of spile.toml' -r -f -a "discord\t''
telegram\t''
telegram-rich\t''
slack\t''
slack-markdown\t''
whatsapp\t''
signal\t''
line\t''
teams\t''
teams-bot\t''
matrix\t''
bluesky\t''
irc\t''
plain\t''"
complete -c spile -n "__fish_spile_using_subcommand chunk" -l max -d 'Most of a part, fences and repeated headers counted; with --for it holds too. At least 16' -r
complete -c spile -n "__fish_spile_using_subcommand chunk" -l unit -d 'What --max and --min count' -r -f -a "codepoints\t'Unicode code points'
utf16\t'UTF-16 code units: an emoji counts two'
bytes\t'Bytes of UTF-8'
graphemes\t'Extended grapheme clusters (UAX #29): what a reader takes for one character'"
complete -c spile -n "__fish_spile_using_subcommand chunk" -l max-lines -d 'Most lines of a part' -r
complete -c spile -n "__fish_spile_using_subcommand chunk" -l min -d 'Prefer a better place to a fuller part once it has so much [default: a third]' -r
complete -c spile -n "__fish_spile_using_subcommand chunk" -l kind -d 'Which texts to cut' -r -f -a "answer\t'What is for the user'
reasoning\t'The model\'s thinking'
all\t'Both'"
complete -c spile -n "__fish_spile_using_subcommand chunk" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand chunk" -l eager -d 'Let a finished paragraph go although more would fit; with --min once it has so much'
complete -c spile -n "__fish_spile_using_subcommand chunk" -l parents -d 'Cut the texts of sub-agents too'
complete -c spile -n "__fish_spile_using_subcommand chunk" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand chunk" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l every -d 'Say a heartbeat after each such time without an event; 0 is never' -r
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l stall-after -d 'Say `stalled`, once in a silence, when it is this long; 0 is never' -r
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l clock -d 'Where times come from: `event` makes the output a pure function of the input (at most 1000 heartbeats a silence)' -r -f -a "wall\t'From the clock on the wall'
event\t'From the events\' own `ts`: the output is a pure function of the input'"
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand merge" -l each -d 'Start the command N times, each under `spile wrap` and with SPILE_INDEX=1 to N' -r
complete -c spile -n "__fish_spile_using_subcommand merge" -l labels -d 'Names of the agents that --each starts [default: 1 to N]' -r
complete -c spile -n "__fish_spile_using_subcommand merge" -l from -d 'Their runtime, as for wrap' -r -f -a "auto\t'whatever the command\'s name and its first lines say'
claude\t'Claude Code, stream-json'
codex\t'Codex CLI, exec --json and app-server'
gemini\t'Gemini CLI, stream-json'
cursor\t'Cursor\'s agent, stream-json'
opencode\t'opencode, run --format json, and its server\'s events'
amp\t'Amp, stream-json'
qwen\t'Qwen Code, stream-json'
goose\t'Goose, stream-json'
kimi\t'Kimi Code, stream-json'
copilot\t'GitHub Copilot CLI, json'
pi\t'pi, mode json'
muse\t'Muse, its log of records'
grok\t'Grok CLI, streaming-json'
antigravity\t'Antigravity CLI, json'
openclaw\t'OpenClaw, json'
droid\t'Factory\'s Droid, stream-json'
cline\t'Cline, json'
openhands\t'OpenHands, headless json'
auggie\t'Augment\'s Auggie, json'
oz\t'Warp\'s oz, json'
vibe\t'Mistral Vibe, streaming'
aider\t'Aider, its plain output'
openai-chat\t'OpenAI Chat Completions, raw body'
openai-responses\t'OpenAI Responses API, raw body'
anthropic\t'Anthropic Messages API, raw body'
gemini-api\t'Gemini API, raw body'
bedrock\t'Amazon Bedrock, Converse and InvokeModel streams'
ollama\t'Ollama API, raw body'
cohere\t'Cohere API v2, raw body'
adk\t'Google ADK, events of its API server'
stream-chunk\t'numbered chunks over JSON-RPC, scaffold/streamChunk'
a2a\t'Agent2Agent protocol, a task\'s stream'
acp\t'Agent Client Protocol'
mcp\t'Model Context Protocol, a server\'s messages'
ag-ui\t'AG-UI events'
vercel\t'Vercel AI SDK, UI message stream'
langgraph\t'LangGraph and LangChain streams'
events\t'generic events: type, data, timestamp'
text\t'any command\'s plain output'"
complete -c spile -n "__fish_spile_using_subcommand merge" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand merge" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand cancel" -l label -d 'Every run with this label' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l then -d 'Then give the agent this prompt as its next turn; refused, with nothing done, where it takes none' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l reason -d 'Why, in words, for the turn\'s terminal event' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l grace -d 'An agent that does not obey is killed, with all below it, after so long' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l after -d 'The turn has taken so long; 0 is no limit' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l when-idle -d 'Nothing has come for so long; 0 is no limit' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l match -d 'The answer has a match, also across deltas; of a long block the last 4 KiB are looked at' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l on-tool -d 'A tool of this name is called; several are separated by commas' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l max-text -d 'The answers have more characters than this' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l max-tokens -d 'More tokens are used, as far as the runtime says that before the end' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l max-cost -d 'It costs more, as far as the runtime says that before the end' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l clock -d 'Where times come from: `event` makes the output for a recording a pure function of it' -r -f -a "wall\t'From the clock on the wall'
event\t'From the events\' own `ts`: the output is a pure function of the input'"
complete -c spile -n "__fish_spile_using_subcommand cancel" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l all -d 'Every run of yours'
complete -c spile -n "__fish_spile_using_subcommand cancel" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand ps" -l json -d 'Write one JSON object a line instead of the table'
complete -c spile -n "__fish_spile_using_subcommand ps" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand tee" -l output-error -d 'What an error of an output does: it is said and the others go on (warn), or all ends (exit); with -nopipe a reader that has gone is no error' -r -f -a "warn\t''
warn-nopipe\t''
exit\t''
exit-nopipe\t''"
complete -c spile -n "__fish_spile_using_subcommand tee" -l queue -d 'Memory for what a sink has not taken yet' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l spool-max -d 'Then so much in a file without a name; past that the sink is given up' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l linger -d 'How long to wait for the sinks at the end of the input' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l ledger -d 'Keep every delivery in this file until it is settled; implies --append' -r -F
complete -c spile -n "__fish_spile_using_subcommand tee" -l in-doubt -d 'What is done with a delivery in doubt at a sink that cannot tell' -r -f -a "resend\t'Sent again, and marked: it may be there twice'
hold\t'It and what follows it in its stream wait until a person has said `spile ledger retry` or `forget`'
skip\t'Let be, and marked: it may be missing'"
complete -c spile -n "__fish_spile_using_subcommand tee" -l reconcile -d 'Command that tells of a delivery (its id is the last argument, and SPILE_DELIVERY_ID) whether cmd:, pipe: or a webhook has it: it prints sent, not_sent or unknown' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l max-age -d 'Do not send what is older than this by its own time; 0 is no limit' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l pace -d 'Least time between two deliveries to a sink' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l batch -d 'Most deliveries under way at a file or HTTP sink, each of which is settled after a crash' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l tries -d 'Failed answers before a delivery waits for the next run, the waits between them doubling from a second; a sink that cannot be reached does not count' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -s a -l append -d 'Append to files instead of truncating them'
complete -c spile -n "__fish_spile_using_subcommand tee" -s i -l ignore-interrupts -d 'Ignore SIGINT'
complete -c spile -n "__fish_spile_using_subcommand tee" -l exit-from-stream -d 'Exit by how the streams\' last turns ended'
complete -c spile -n "__fish_spile_using_subcommand tee" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand tee" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand replay" -l speed -d 'How many times as fast as recorded' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l max-gap -d 'Wait no longer than this for any event [default: as long as recorded]' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l from-seq -d 'Begin with the turn that holds the event of this number, in --stream or the first stream there is' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l since -d 'Begin with the first event at or after T: a time (RFC 3339), or a duration after the first event' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l until -d 'End in front of the first event after T' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l stream -d 'Only this stream' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l turn -d 'Only the turn of this number, of each stream' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l only -d 'Only these types: names or patterns like turn_*, separated by commas' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l idle -d 'End a source when nothing has come from it for this long [default: wait as long as it takes]' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l header -d 'Header sent to every address; its value is read from a variable or a file, never from the command line' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l bearer -d 'Bearer token sent to every address' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l ca -d 'File with the CA certificates (PEM) to trust instead of those of CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and the system' -r -F
complete -c spile -n "__fish_spile_using_subcommand replay" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l instant -d 'Do not wait at all'
complete -c spile -n "__fish_spile_using_subcommand replay" -l step -d 'Wait for keys: space or right for the next event, down to skip running text, p to play and halt, + and - for the speed, q to quit'
complete -c spile -n "__fish_spile_using_subcommand replay" -l restamp -d 'Let `ts` be the time at which an event leaves'
complete -c spile -n "__fish_spile_using_subcommand replay" -s F -l follow -d 'At the end of the last file, wait for more of it; connect to a server again when its stream has ended'
complete -c spile -n "__fish_spile_using_subcommand replay" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand view" -l format -d 'What the output is for [default: tty in a terminal, else plain]' -r -f -a "tty\t'A terminal: colours, titles cut to its width'
plain\t'A log: the same words, one thing a line'
text\t'A program, or a file: the main agent\'s answer and nothing else'"
complete -c spile -n "__fish_spile_using_subcommand view" -l color -d 'When to colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected' -r -f -a "auto\t'If the output is a terminal and the environment does not object'
always\t'Always'
never\t'Never'"
complete -c spile -n "__fish_spile_using_subcommand view" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand view" -l reasoning -d 'Show what the agent thinks, too'
complete -c spile -n "__fish_spile_using_subcommand view" -l exit-from-stream -d 'Exit by how the streams\' last turns ended'
complete -c spile -n "__fish_spile_using_subcommand view" -l exact -d 'With the format text: print the answer byte for byte, for a file or a program'
complete -c spile -n "__fish_spile_using_subcommand view" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand view" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand check" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand check" -l partial -d 'Accept left-out numbers, a late start and an open end, as chunk, --only and seeking leave them'
complete -c spile -n "__fish_spile_using_subcommand check" -l pass -d 'Pass the events on as they came and report on stderr'
complete -c spile -n "__fish_spile_using_subcommand check" -l exit-from-stream -d 'Exit by how the streams\' last turns ended'
complete -c spile -n "__fish_spile_using_subcommand check" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand export" -l to -d 'The format' -r -f -a "text\t'The main agent\'s answer and nothing else'
sse\t'Server-sent events: `event` is the type, `id` the delivery id, `data` the line'
stream-chunk\t'JSON-RPC `scaffold/streamChunk` lines: a stream id and numbers from 1 for each turn'"
complete -c spile -n "__fish_spile_using_subcommand export" -l max-line -d 'Longest line that is looked at; a longer one is handed on as it is' -r
complete -c spile -n "__fish_spile_using_subcommand export" -l exact -d 'With the format text: print the answer byte for byte, for a file or a program'
complete -c spile -n "__fish_spile_using_subcommand export" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand ledger" -l all -d 'Every delivery that failed or is in doubt, for retry and forget'
complete -c spile -n "__fish_spile_using_subcommand ledger" -l pending -d 'Only what is not settled'
complete -c spile -n "__fish_spile_using_subcommand ledger" -l json -d 'One JSON object a line'
complete -c spile -n "__fish_spile_using_subcommand ledger" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand adapters" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand demo" -l speed -d 'How many times faster than life the agent is; 0 does not wait at all' -r
complete -c spile -n "__fish_spile_using_subcommand demo" -l agent -d 'Be the agent: print the bundled session as Claude Code would'
complete -c spile -n "__fish_spile_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand generate" -l out -d 'The folder to write into' -r -f -a "(__fish_complete_directories)"
complete -c spile -n "__fish_spile_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "wrap" -d 'Drive a spile into an agent: start it, or read what it prints, and write canonical events'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "coalesce" -d 'Merge many small text deltas into few good ones'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "chunk" -d 'Cut text into parts that a channel takes'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "heartbeat" -d 'Say that an agent is alive and silent: never a silent minute'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "merge" -d 'Make several streams one, in the order in which their lines come'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "cancel" -d 'Stop a turn: by the name of its run, or as a filter when a condition holds'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "ps" -d 'List the agents that run under `spile wrap`'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "tee" -d 'Hand events to every sink at once, and pass them on'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "replay" -d 'Play recorded sessions again, as they were or faster'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "view" -d 'Show events to people'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "check" -d 'Hold a stream of events against the contract, one line a violation'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "export" -d 'Turn events into another format'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "ledger" -d 'Look into a delivery ledger, and decide what waits for a person'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "adapters" -d 'List the runtimes that wrap understands, with the command line to use'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "demo" -d 'Show a bundled agent session running through a real pipeline'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "schema" -d 'Print the JSON Schema of an event'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "generate" -d 'Write completions, manual pages, the reference and the event schema'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "config" -d 'Show every setting, its value and where it comes from'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap coalesce chunk heartbeat merge cancel ps tee replay view check export ledger adapters demo schema generate config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'

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
