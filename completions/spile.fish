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
complete -c spile -n "__fish_spile_needs_command" -f -a "wrap" -d 'Turn an agent\'s output into canonical events: start the agent, or read its output on stdin'
complete -c spile -n "__fish_spile_needs_command" -f -a "start" -d 'Start an agent in the background, under its own `spile wrap`, and print its stream'
complete -c spile -n "__fish_spile_needs_command" -f -a "coalesce" -d 'Merge small text deltas into fewer'
complete -c spile -n "__fish_spile_needs_command" -f -a "chunk" -d 'Cut text into parts that fit a channel\'s limit'
complete -c spile -n "__fish_spile_needs_command" -f -a "heartbeat" -d 'Report that an agent is alive and silent'
complete -c spile -n "__fish_spile_needs_command" -f -a "merge" -d 'Merge several streams into one, in the order in which their lines arrive'
complete -c spile -n "__fish_spile_needs_command" -f -a "redact" -d 'Replace secrets in events'
complete -c spile -n "__fish_spile_needs_command" -f -a "cancel" -d 'Cancel a turn: by the name of its run, or as a filter when a condition holds'
complete -c spile -n "__fish_spile_needs_command" -f -a "send" -d 'Give a message to an agent that runs under `spile wrap --drive`'
complete -c spile -n "__fish_spile_needs_command" -f -a "permit" -d 'Answer an agent\'s question for permission'
complete -c spile -n "__fish_spile_needs_command" -f -a "ps" -d 'List the agents that run under `spile wrap`'
complete -c spile -n "__fish_spile_needs_command" -f -a "history" -d 'List the operations on runs, oldest first'
complete -c spile -n "__fish_spile_needs_command" -f -a "prune" -d 'Remove the files of finished background runs'
complete -c spile -n "__fish_spile_needs_command" -f -a "attach" -d 'Follow background runs: print their events from the start, then those that come'
complete -c spile -n "__fish_spile_needs_command" -f -a "logs" -d 'Print what background runs have emitted so far: `spile attach --no-follow`'
complete -c spile -n "__fish_spile_needs_command" -f -a "serve" -d 'Serve background runs by HTTP: start, watch and steer agents'
complete -c spile -n "__fish_spile_needs_command" -f -a "tee" -d 'Deliver events to sinks, and pass them on'
complete -c spile -n "__fish_spile_needs_command" -f -a "replay" -d 'Play recorded sessions again, at their own pace or faster'
complete -c spile -n "__fish_spile_needs_command" -f -a "view" -d 'Show events to people'
complete -c spile -n "__fish_spile_needs_command" -f -a "check" -d 'Check events against the contract, and print a line for each violation'
complete -c spile -n "__fish_spile_needs_command" -f -a "export" -d 'Turn events into another format'
complete -c spile -n "__fish_spile_needs_command" -f -a "ledger" -d 'Show a delivery ledger, and resolve deliveries that failed or are in doubt'
complete -c spile -n "__fish_spile_needs_command" -f -a "adapters" -d 'List the runtimes that wrap reads, with the command line to use'
complete -c spile -n "__fish_spile_needs_command" -f -a "demo" -d 'Show a bundled agent session running through a real pipeline'
complete -c spile -n "__fish_spile_needs_command" -f -a "schema" -d 'Print the JSON Schema of an event'
complete -c spile -n "__fish_spile_needs_command" -f -a "generate" -d 'Write manual pages and completions'
complete -c spile -n "__fish_spile_needs_command" -f -a "config" -d 'Show every setting with its value and source'
complete -c spile -n "__fish_spile_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l from -d 'Runtime of the agent: a name from `spile adapters`, or auto' -r -f -a "auto\t'whatever the command\'s name and its first lines say'
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
complete -c spile -n "__fish_spile_using_subcommand wrap" -l stdin -d 'Stdin of the agent [default: null; with --pty at a terminal inherit]' -r -f -a "null\t'Nothing: /dev/null. An inherited stdin makes some agents wait for ever'
inherit\t'Ours, as it is'
pipe\t'A pipe into which what comes on ours is copied'"
complete -c spile -n "__fish_spile_using_subcommand wrap" -l stream -d 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l label -d 'Name for people' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l max-line -d 'Longest line that is parsed; a longer one is carried in pieces' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l max-block -d 'Longest block of text; a longer one continues in a new block' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l fail-on-stop -d 'Stop reasons that make a turn failed although the runtime calls it complete' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l prompt -d 'First prompt, by the protocol or stdin, or at {prompt} in the command: behind -- or at the end of a word' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l prompt-file -d 'File with the first prompt; - is stdin' -r -F
complete -c spile -n "__fish_spile_using_subcommand wrap" -l context -d 'File that belongs to the prompt: its content follows it, or its path stands at {context} in the command' -r -F
complete -c spile -n "__fish_spile_using_subcommand wrap" -l on-permission -d 'Policy for the agent\'s questions for permission: fail, wait, allow:LIST or cmd:COMMAND [default: fail]' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l permission-timeout -d 'Denial of a question that has no answer by then; 0 is no limit [default: 60s for cmd:COMMAND]' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l keep-open -d 'Time for another message after a turn, before the agent\'s input is closed' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l session -d 'Session of the agent to continue, by the Agent Client Protocol or codex app-server' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l cancel-when -d 'Cancel a turn when one of these conditions holds: NAME=VALUE, separated by commas' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l prices -d 'Prices of models, for a cost that the runtime does not report before the turn\'s end' -r -F
complete -c spile -n "__fish_spile_using_subcommand wrap" -l value-file -d 'Also replace the text of this file, each of its lines, and the values of its assignments' -r -F
complete -c spile -n "__fish_spile_using_subcommand wrap" -l rules -d 'Also replace what the rules of this file match: TOML in the format of gitleaks' -r -F
complete -c spile -n "__fish_spile_using_subcommand wrap" -l pattern -d 'Also replace what this regular expression matches, or only its group `secret`: \'(?<secret>...)\'' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l only -d 'Of the built-in rules use only this one; may be given several times' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l skip -d 'Do not use this built-in rule; may be given several times' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l within -d 'Longest time that text waits because it may be the beginning of a secret [default: 1s]' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l grace -d 'Time between SIGINT, SIGTERM and SIGKILL' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l timeout -d 'Fail the turn and end the agent if the run takes longer; for all limits, 0 is none' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l idle-timeout -d 'The same if stdout and stderr are silent for this time' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l first-output-timeout -d 'The same if there is no output by then' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l tool-timeout -d 'The same if a call of a tool takes longer' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l after-result -d 'End an agent that has not exited this long after its result; that is a success' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l drain -d 'Silence of the output after the exit that ends reading, 5s at most' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l spool-mem -d 'Output that is queued in memory for a slow reader' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l spool-max -d 'Output that is queued in a temporary file after that; then the agent is blocked' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l record -d 'Record the agent\'s raw output with times, as NDJSON that only you can read' -r -F
complete -c spile -n "__fish_spile_using_subcommand wrap" -l once -d 'Do not start if another run with this key exists or waits, and exit with status 79' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l queue-timeout -d 'Longest wait of --queue, then exit with status 79; 0 is no limit' -r
complete -c spile -n "__fish_spile_using_subcommand wrap" -l pty -d 'Run the agent in a terminal; at a terminal, you use it'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l keep-escapes -d 'Keep escape sequences and carriage returns in plain output, stderr and results of tools'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l strict -d 'Exit with status 65 if any output of the agent could not be parsed'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l drive -d 'Own the agent\'s stdin: give it the prompt, take messages, and answer its questions'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l estimate -d 'Estimate tokens by characters / 3.5 where the runtime does not report them before the turn\'s end'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l redact -d 'Replace secrets before an event leaves, as `spile redact` does; the other options of Secrets need it'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l env -d 'Also replace the values of environment variables whose names say key, token, secret, password or the like'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l keyed -d 'Add a hash to each replacement: equal secrets have equal hashes, within this run only'
complete -c spile -n "__fish_spile_using_subcommand wrap" -l queue -d 'With --once: wait until the run with the key has ended, behind those that wait already'
complete -c spile -n "__fish_spile_using_subcommand wrap" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand start" -l cwd -d 'Start in this directory; the paths of other options are relative to it' -r -f -a "(__fish_complete_directories)"
complete -c spile -n "__fish_spile_using_subcommand start" -l each -d 'Start the command N times, with SPILE_INDEX=1 to N, and print N streams; if one cannot start, all are cancelled' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l max-run -d 'Largest event file; past that the turn fails with the code `budget` and the agent is ended' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l notify -d 'Shell command that is started when the run has ended, as cmd:COMMAND' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l linger -d 'Longest wait for a full disk after the agent\'s end; then its last events are lost' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l by -d 'Interface that starts it' -r -f -a "cli\t'a command in a shell'
chat\t'POST /chat of the server'
direct\t'POST /direct of the server'
runs\t'the server\'s other addresses'
mcp\t'the MCP server'
acp\t'an editor, by the Agent Client Protocol'
rpc\t'JSON-RPC'
openai\t'the OpenAI-compatible addresses'"
complete -c spile -n "__fish_spile_using_subcommand start" -l agent-name -d 'Name of the agent\'s definition' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l conversation -d 'Conversation that it belongs to' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l resumes -d 'Stream of the run whose session it resumes' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l request -d 'SHA-256 of the request' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l context-ref -d 'Reference of a context text' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l from -d 'Runtime of the agent: a name from `spile adapters`, or auto' -r -f -a "auto\t'whatever the command\'s name and its first lines say'
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
complete -c spile -n "__fish_spile_using_subcommand start" -l stdin -d 'Stdin of the agent [default: null; with --pty at a terminal inherit]' -r -f -a "null\t'Nothing: /dev/null. An inherited stdin makes some agents wait for ever'
inherit\t'Ours, as it is'
pipe\t'A pipe into which what comes on ours is copied'"
complete -c spile -n "__fish_spile_using_subcommand start" -l stream -d 'Id of this run: 1 to 64 of A-Z a-z 0-9 . _ : - [default: a new one]' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l label -d 'Name for people' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l max-line -d 'Longest line that is parsed; a longer one is carried in pieces' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l max-block -d 'Longest block of text; a longer one continues in a new block' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l fail-on-stop -d 'Stop reasons that make a turn failed although the runtime calls it complete' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l prompt -d 'First prompt, by the protocol or stdin, or at {prompt} in the command: behind -- or at the end of a word' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l prompt-file -d 'File with the first prompt; - is stdin' -r -F
complete -c spile -n "__fish_spile_using_subcommand start" -l context -d 'File that belongs to the prompt: its content follows it, or its path stands at {context} in the command' -r -F
complete -c spile -n "__fish_spile_using_subcommand start" -l on-permission -d 'Policy for the agent\'s questions for permission: fail, wait, allow:LIST or cmd:COMMAND [default: fail]' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l permission-timeout -d 'Denial of a question that has no answer by then; 0 is no limit [default: 60s for cmd:COMMAND]' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l keep-open -d 'Time for another message after a turn, before the agent\'s input is closed' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l session -d 'Session of the agent to continue, by the Agent Client Protocol or codex app-server' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l cancel-when -d 'Cancel a turn when one of these conditions holds: NAME=VALUE, separated by commas' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l prices -d 'Prices of models, for a cost that the runtime does not report before the turn\'s end' -r -F
complete -c spile -n "__fish_spile_using_subcommand start" -l value-file -d 'Also replace the text of this file, each of its lines, and the values of its assignments' -r -F
complete -c spile -n "__fish_spile_using_subcommand start" -l rules -d 'Also replace what the rules of this file match: TOML in the format of gitleaks' -r -F
complete -c spile -n "__fish_spile_using_subcommand start" -l pattern -d 'Also replace what this regular expression matches, or only its group `secret`: \'(?<secret>...)\'' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l only -d 'Of the built-in rules use only this one; may be given several times' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l skip -d 'Do not use this built-in rule; may be given several times' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l within -d 'Longest time that text waits because it may be the beginning of a secret [default: 1s]' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l grace -d 'Time between SIGINT, SIGTERM and SIGKILL' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l timeout -d 'Fail the turn and end the agent if the run takes longer; for all limits, 0 is none' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l idle-timeout -d 'The same if stdout and stderr are silent for this time' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l first-output-timeout -d 'The same if there is no output by then' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l tool-timeout -d 'The same if a call of a tool takes longer' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l after-result -d 'End an agent that has not exited this long after its result; that is a success' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l drain -d 'Silence of the output after the exit that ends reading, 5s at most' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l spool-mem -d 'Output that is queued in memory for a slow reader' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l spool-max -d 'Output that is queued in a temporary file after that; then the agent is blocked' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l record -d 'Record the agent\'s raw output with times, as NDJSON that only you can read' -r -F
complete -c spile -n "__fish_spile_using_subcommand start" -l once -d 'Do not start if another run with this key exists or waits, and exit with status 79' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l queue-timeout -d 'Longest wait of --queue, then exit with status 79; 0 is no limit' -r
complete -c spile -n "__fish_spile_using_subcommand start" -l wait -d 'Wait for the end of the runs, and exit as `spile attach` would; Ctrl-C ends the wait only'
complete -c spile -n "__fish_spile_using_subcommand start" -l log-prompt -d 'Write the prompt into the run\'s description, not only its SHA-256'
complete -c spile -n "__fish_spile_using_subcommand start" -l pty -d 'Run the agent in a terminal; at a terminal, you use it'
complete -c spile -n "__fish_spile_using_subcommand start" -l keep-escapes -d 'Keep escape sequences and carriage returns in plain output, stderr and results of tools'
complete -c spile -n "__fish_spile_using_subcommand start" -l strict -d 'Exit with status 65 if any output of the agent could not be parsed'
complete -c spile -n "__fish_spile_using_subcommand start" -l drive -d 'Own the agent\'s stdin: give it the prompt, take messages, and answer its questions'
complete -c spile -n "__fish_spile_using_subcommand start" -l estimate -d 'Estimate tokens by characters / 3.5 where the runtime does not report them before the turn\'s end'
complete -c spile -n "__fish_spile_using_subcommand start" -l redact -d 'Replace secrets before an event leaves, as `spile redact` does; the other options of Secrets need it'
complete -c spile -n "__fish_spile_using_subcommand start" -l env -d 'Also replace the values of environment variables whose names say key, token, secret, password or the like'
complete -c spile -n "__fish_spile_using_subcommand start" -l keyed -d 'Add a hash to each replacement: equal secrets have equal hashes, within this run only'
complete -c spile -n "__fish_spile_using_subcommand start" -l queue -d 'With --once: wait until the run with the key has ended, behind those that wait already'
complete -c spile -n "__fish_spile_using_subcommand start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l max -d 'Most code points in a merged delta; a longer delta passes whole' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l min -d 'Code points to hold before a silence alone emits them' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l idle -d 'Silence after which held text is emitted' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l within -d 'Longest time that text is held' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l by -d 'Preferred place to cut' -r -f -a "word\t'After white space'
line\t'After a line end'
sentence\t'After the end of a sentence'
paragraph\t'After an empty line'"
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l first -d 'Deltas at the start of a block that pass at once' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l clock -d 'Source of times: `event` makes the output depend on the input alone' -r -f -a "wall\t'From the clock on the wall'
event\t'From the events\' own `ts`: the output is a pure function of the input'"
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand coalesce" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand coalesce" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand chunk" -l for -d 'Limits of this channel, built in or a table [presets.CHANNEL] of spile.toml' -r -f -a "discord\t''
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
complete -c spile -n "__fish_spile_using_subcommand chunk" -l max -d 'Longest part, with fences and repeated headers; at least 16. With --for both limits hold' -r
complete -c spile -n "__fish_spile_using_subcommand chunk" -l unit -d 'Unit of --max and --min' -r -f -a "codepoints\t'Unicode code points'
utf16\t'UTF-16 code units: an emoji counts two'
bytes\t'Bytes of UTF-8'
graphemes\t'Extended grapheme clusters (UAX #29): what a reader takes for one character'"
complete -c spile -n "__fish_spile_using_subcommand chunk" -l max-lines -d 'Most lines in a part' -r
complete -c spile -n "__fish_spile_using_subcommand chunk" -l min -d 'Length from which a better place to cut is preferred to a fuller part [default: a third]' -r
complete -c spile -n "__fish_spile_using_subcommand chunk" -l kind -d 'Texts to cut' -r -f -a "answer\t'What is for the user'
reasoning\t'The model\'s thinking'
all\t'Both'"
complete -c spile -n "__fish_spile_using_subcommand chunk" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand chunk" -l eager -d 'Emit a finished paragraph although more would fit; with --min from that length on'
complete -c spile -n "__fish_spile_using_subcommand chunk" -l parents -d 'Cut texts of sub-agents too'
complete -c spile -n "__fish_spile_using_subcommand chunk" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand chunk" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l every -d 'Interval of heartbeats in a silence; 0 is never' -r
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l stall-after -d 'Silence after which `stalled` is reported, once; 0 is never' -r
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l clock -d 'Source of times: `event` makes the output depend on the input alone (at most 1000 heartbeats a silence)' -r -f -a "wall\t'From the clock on the wall'
event\t'From the events\' own `ts`: the output is a pure function of the input'"
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand heartbeat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand merge" -l each -d 'Start the command N times, each under `spile wrap` and with SPILE_INDEX=1 to N' -r
complete -c spile -n "__fish_spile_using_subcommand merge" -l labels -d 'Names of the agents that --each starts [default: 1 to N]' -r
complete -c spile -n "__fish_spile_using_subcommand merge" -l from -d 'Runtime of the agents, as for wrap' -r -f -a "auto\t'whatever the command\'s name and its first lines say'
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
complete -c spile -n "__fish_spile_using_subcommand merge" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand merge" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand redact" -l value-file -d 'Also replace the text of this file, each of its lines, and the values of its assignments' -r -F
complete -c spile -n "__fish_spile_using_subcommand redact" -l rules -d 'Also replace what the rules of this file match: TOML in the format of gitleaks' -r -F
complete -c spile -n "__fish_spile_using_subcommand redact" -l pattern -d 'Also replace what this regular expression matches, or only its group `secret`: \'(?<secret>...)\'' -r
complete -c spile -n "__fish_spile_using_subcommand redact" -l only -d 'Of the built-in rules use only this one; may be given several times' -r
complete -c spile -n "__fish_spile_using_subcommand redact" -l skip -d 'Do not use this built-in rule; may be given several times' -r
complete -c spile -n "__fish_spile_using_subcommand redact" -l within -d 'Longest time that text waits because it may be the beginning of a secret [default: 1s]' -r
complete -c spile -n "__fish_spile_using_subcommand redact" -l max-line -d 'Longest line that is parsed; a longer one is searched as it is' -r
complete -c spile -n "__fish_spile_using_subcommand redact" -l list -d 'List the built-in rules with their sources, and exit'
complete -c spile -n "__fish_spile_using_subcommand redact" -l env -d 'Also replace the values of environment variables whose names say key, token, secret, password or the like'
complete -c spile -n "__fish_spile_using_subcommand redact" -l keyed -d 'Add a hash to each replacement: equal secrets have equal hashes, within this run only'
complete -c spile -n "__fish_spile_using_subcommand redact" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand redact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand cancel" -l label -d 'Every run with this label' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l then -d 'Then send the agent this prompt as its next turn; if it takes no prompts, nothing is cancelled' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l reason -d 'Reason in the turn\'s terminal event' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l grace -d 'Kill an agent that has not stopped after this time, with all its descendants' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l after -d 'The turn takes longer; 0 is no limit' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l when-idle -d 'No event has come for this time; 0 is no limit' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l match -d 'The answer matches, also across deltas; of a long block the last 4 KiB are searched' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l on-tool -d 'A tool with one of these names is called' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l on-repeat -d 'A tool has the same input and the same result this many times in a row; numbers and times in results count as the same' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l max-text -d 'The answers have more characters: 5000, 20k' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l max-tokens -d 'More tokens are used, if the runtime reports them before the end: 5000, 200k, 2M' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l max-cost -d 'The turn costs more, if the runtime reports it before the end' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l prices -d 'Prices of models, for a cost that the runtime does not report before the turn\'s end' -r -F
complete -c spile -n "__fish_spile_using_subcommand cancel" -l clock -d 'Source of times: `event` makes the output depend on the input alone' -r -f -a "wall\t'From the clock on the wall'
event\t'From the events\' own `ts`: the output is a pure function of the input'"
complete -c spile -n "__fish_spile_using_subcommand cancel" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand cancel" -l all -d 'All your runs that live (`spile ps --all` also lists finished ones)'
complete -c spile -n "__fish_spile_using_subcommand cancel" -l last -d 'The run that was started last; with --label, of those with that label'
complete -c spile -n "__fish_spile_using_subcommand cancel" -l estimate -d 'Estimate tokens by characters / 3.5 where the runtime does not report them before the turn\'s end'
complete -c spile -n "__fish_spile_using_subcommand cancel" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand send" -l by -d 'Name of the sender, in the stream' -r
complete -c spile -n "__fish_spile_using_subcommand send" -l last -d 'Run that was started last, in place of STREAM'
complete -c spile -n "__fish_spile_using_subcommand send" -l force -d 'Type the message at a terminal although a turn is open, and could answer a dialog'
complete -c spile -n "__fish_spile_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand permit" -l deny -d 'Deny it, with a reason for the agent' -r
complete -c spile -n "__fish_spile_using_subcommand permit" -l by -d 'Name of the person, in the stream' -r
complete -c spile -n "__fish_spile_using_subcommand permit" -l last -d 'Run that was started last, in place of STREAM'
complete -c spile -n "__fish_spile_using_subcommand permit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand ps" -l json -d 'Write one JSON object a line instead of the table'
complete -c spile -n "__fish_spile_using_subcommand ps" -l all -d 'List finished background runs too, until `spile prune` removes them (`spile cancel --all` is for runs that live)'
complete -c spile -n "__fish_spile_using_subcommand ps" -l names -d 'Print streams and labels for the completion of a shell'
complete -c spile -n "__fish_spile_using_subcommand ps" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand history" -l limit -d 'Show the last N operations; 0 is all' -r
complete -c spile -n "__fish_spile_using_subcommand history" -l mode -d 'Only operations of this interface' -r -f -a "cli\t'a command in a shell'
chat\t'POST /chat of the server'
direct\t'POST /direct of the server'
runs\t'the server\'s other addresses'
mcp\t'the MCP server'
acp\t'an editor, by the Agent Client Protocol'
rpc\t'JSON-RPC'
openai\t'the OpenAI-compatible addresses'"
complete -c spile -n "__fish_spile_using_subcommand history" -l follow -d 'Then wait for further ones and show them'
complete -c spile -n "__fish_spile_using_subcommand history" -l json -d 'Write the lines as they are in the file, one JSON object each, instead of the table'
complete -c spile -n "__fish_spile_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand prune" -l older -d 'Remove runs that ended longer ago than this: 90m, 12h, 14d; 0 is all' -r
complete -c spile -n "__fish_spile_using_subcommand prune" -l keep -d 'Keep this many finished runs, those that ended last' -r
complete -c spile -n "__fish_spile_using_subcommand prune" -l size -d 'Keep as many finished runs, those that ended last, as have this size together: 500M, 2G' -r
complete -c spile -n "__fish_spile_using_subcommand prune" -l dry-run -d 'Only print what would be removed'
complete -c spile -n "__fish_spile_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand attach" -l label -d 'Every run with this label, also those that are over' -r
complete -c spile -n "__fish_spile_using_subcommand attach" -l from -d 'Begin at the start, with what is written from now on, or with the event of this seq (of one run)' -r
complete -c spile -n "__fish_spile_using_subcommand attach" -l last -d 'The run that was started last; with --label, of those with that label'
complete -c spile -n "__fish_spile_using_subcommand attach" -l all -d 'All runs, also those that are over (`cancel --all` means those that live)'
complete -c spile -n "__fish_spile_using_subcommand attach" -l no-follow -d 'Print what there is, and end'
complete -c spile -n "__fish_spile_using_subcommand attach" -l new -d 'Follow runs that are started later, too, and do not end; with --label or --all'
complete -c spile -n "__fish_spile_using_subcommand attach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand logs" -l label -d 'Every run with this label, also those that are over' -r
complete -c spile -n "__fish_spile_using_subcommand logs" -l from -d 'Begin at the start, with what is written from now on, or with the event of this seq (of one run)' -r
complete -c spile -n "__fish_spile_using_subcommand logs" -l last -d 'The run that was started last; with --label, of those with that label'
complete -c spile -n "__fish_spile_using_subcommand logs" -l all -d 'All runs, also those that are over (`cancel --all` means those that live)'
complete -c spile -n "__fish_spile_using_subcommand logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand serve" -l listen -d 'Address to listen at: ADDRESS:PORT or unix:PATH; several are allowed. Beyond this machine it wants --token-file' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l agent -d 'Agent that may be started; the first one is the default' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l command -d 'Command of `POST /direct`. Further words of a request stand at {args}, or at {args:any} with options among them' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l wrap -d 'Option of `spile start` for every agent, as --wrap=--redact or --wrap=--on-permission=fail' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l root -d 'Directory in which runs start; `cwd` of a request leads below it' -r -f -a "(__fish_complete_directories)"
complete -c spile -n "__fish_spile_using_subcommand serve" -l token-file -d 'File with the token, one word of at least 16 characters, that only you can read' -r -F
complete -c spile -n "__fish_spile_using_subcommand serve" -l host -d 'Further name by which clients reach the server, as that of a proxy' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l cors -d 'Origin whose pages may ask, as https://example.org' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l webhook -d 'Address that gets a POST at the end of each turn and of each run, or for #only=TYPES; several are allowed' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l webhook-secret-file -d 'File with the secret of the signatures (Standard Webhooks: whsec_ and base64), that only you can read' -r -F
complete -c spile -n "__fish_spile_using_subcommand serve" -l max-runs -d 'Runs that may live at a time; more are refused with 429' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l max-clients -d 'Connections at a time; more are refused with 429' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l linger -d 'Time for answers to go out after a signal that ends the server; a second signal ends it at once' -r
complete -c spile -n "__fish_spile_using_subcommand serve" -l on-exit -d 'Fate of the runs that a server has started, at its end' -r -f -a "keep\t'They go on'
cancel\t'They are ended, with all their processes'"
complete -c spile -n "__fish_spile_using_subcommand serve" -l webhook-private -d 'Let webhooks lead to private addresses and to this machine'
complete -c spile -n "__fish_spile_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand tee" -l output-error -d 'Effect of an output error: a warning (warn) or the end of tee (exit); with -nopipe a broken pipe is no error' -r -f -a "warn\t''
warn-nopipe\t''
exit\t''
exit-nopipe\t''"
complete -c spile -n "__fish_spile_using_subcommand tee" -l queue -d 'Queue of a sink in memory' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l spool-max -d 'Queue of a sink in an anonymous file after that; a sink that exceeds it is dropped' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l linger -d 'Wait for the sinks at the end of the input' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l ledger -d 'Store each delivery in this file until it is settled; implies --append' -r -F
complete -c spile -n "__fish_spile_using_subcommand tee" -l in-doubt -d 'Treatment of a delivery in doubt at a sink that cannot be queried' -r -f -a "resend\t'Send again, and mark: the event may arrive twice'
hold\t'Stop this stream at this sink until `spile ledger retry` or `forget`'
skip\t'Do not send, and mark: the event may be missing'"
complete -c spile -n "__fish_spile_using_subcommand tee" -l reconcile -d 'Command that prints sent, not_sent or unknown for a delivery of a cmd:, a pipe: or a webhook; the id is its last argument and SPILE_DELIVERY_ID' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l max-age -d 'Do not send events that are older by their own time; 0 is no limit' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l pace -d 'Least time between two deliveries to a sink' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l batch -d 'Most deliveries in flight at a file or HTTP sink; each is settled after a crash' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l tries -d 'Failed attempts before a delivery waits for the next run, with exponential backoff from a second; an unreachable sink does not count' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand tee" -s a -l append -d 'Append to files instead of truncating them'
complete -c spile -n "__fish_spile_using_subcommand tee" -s i -l ignore-interrupts -d 'Ignore SIGINT'
complete -c spile -n "__fish_spile_using_subcommand tee" -l exit-from-stream -d 'Let the ends of the streams\' last turns decide the exit status'
complete -c spile -n "__fish_spile_using_subcommand tee" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand tee" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand replay" -l speed -d 'Speed as a multiple of the recorded one' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l max-gap -d 'Longest wait for an event [default: as recorded]' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l from-seq -d 'Begin with the turn of the event with this number, in --stream or the first stream' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l since -d 'Begin with the first event at or after T: a time (RFC 3339), or a duration after the first event' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l until -d 'End before the first event after T' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l stream -d 'Only this stream' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l turn -d 'Only the turn of this number, of each stream' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l only -d 'Only these types: names or patterns like turn_*, separated by commas' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l idle -d 'End a source after this time without data [default: never]' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l header -d 'Header sent to every address; its value is read from a variable or a file, never from the command line' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l bearer -d 'Bearer token sent to every address' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l ca -d 'File of CA certificates (PEM) to trust instead of those of CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and the system' -r -F
complete -c spile -n "__fish_spile_using_subcommand replay" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand replay" -l instant -d 'Do not wait'
complete -c spile -n "__fish_spile_using_subcommand replay" -l step -d 'Wait for keys: space or right for the next event, down to skip running text, p to play and pause, + and - for the speed, q to quit'
complete -c spile -n "__fish_spile_using_subcommand replay" -l restamp -d 'Set `ts` to the time of the replay'
complete -c spile -n "__fish_spile_using_subcommand replay" -s F -l follow -d 'At the end of the last file, wait for more; reconnect to a server whose stream has ended'
complete -c spile -n "__fish_spile_using_subcommand replay" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand view" -l format -d 'Format of the output' -r -f -a "auto\t'The format of the CI system, else tty in a terminal, else plain'
tty\t'A terminal: colours, titles cut to its width'
plain\t'A log: the same words, one thing a line'
text\t'A program, or a file: the main agent\'s answer and nothing else'
github\t'GitHub Actions: a group for each tool with output, annotations of failures, a summary of the job'
gitlab\t'GitLab CI: a section for each tool with output'"
complete -c spile -n "__fish_spile_using_subcommand view" -l color -d 'Use of colour; NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb are respected' -r -f -a "auto\t'If the output is a terminal and the environment does not object'
always\t'Always'
never\t'Never'"
complete -c spile -n "__fish_spile_using_subcommand view" -l tools -d 'Amount of a tool call that is shown [default: output with the formats github and gitlab, else line]' -r -f -a "line\t'A line, and the first lines of a failure'
input\t'Also the input: edits as differences, plans as lists'
output\t'Also the output, at most 1,000 lines'
full\t'Also the input, and the output up to 256 KiB'"
complete -c spile -n "__fish_spile_using_subcommand view" -l only -d 'Show these kinds of lines alone, parted by commas' -r -f -a "text\t'The agent\'s text'
tools\t'Calls of tools'
turns\t'Starts and results of turns'
status\t'Everything else'"
complete -c spile -n "__fish_spile_using_subcommand view" -l width -d 'Columns at which lines break [default: the terminal\'s; elsewhere lines do not break]' -r
complete -c spile -n "__fish_spile_using_subcommand view" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand view" -l timestamps -d 'Put the time of the event (UTC) before each line'
complete -c spile -n "__fish_spile_using_subcommand view" -l reasoning -d 'Show the agent\'s reasoning too'
complete -c spile -n "__fish_spile_using_subcommand view" -l exit-from-stream -d 'Let the ends of the streams\' last turns decide the exit status'
complete -c spile -n "__fish_spile_using_subcommand view" -l exact -d 'With the format text: print the answer byte for byte, for a file or a program'
complete -c spile -n "__fish_spile_using_subcommand view" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand view" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand check" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand check" -l partial -d 'Accept missing numbers, a late start and an open end, as chunk, --only and seeking leave them'
complete -c spile -n "__fish_spile_using_subcommand check" -l pass -d 'Pass the events on unchanged, and report on stderr'
complete -c spile -n "__fish_spile_using_subcommand check" -l exit-from-stream -d 'Let the ends of the streams\' last turns decide the exit status'
complete -c spile -n "__fish_spile_using_subcommand check" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand export" -l to -d 'Format of the output' -r -f -a "text\t'The main agent\'s answer and nothing else'
sse\t'Server-sent events: `event` is the type, `id` the delivery id, `data` the line'
stream-chunk\t'JSON-RPC `scaffold/streamChunk` lines: a stream id and numbers from 1 for each turn'
csv\t'A table: a row for each turn, with --rows tools for each call of a tool'
cast\t'asciicast v3, for asciinema: what view shows at a terminal, at the times of the events'
markdown\t'A transcript for a pull request or a chat'
html\t'A transcript as one page for a browser, without scripts'"
complete -c spile -n "__fish_spile_using_subcommand export" -l rows -d 'Rows of the table, with --to csv [default: turns]' -r -f -a "turns\t'A row for each turn'
tools\t'A row for each call of a tool'"
complete -c spile -n "__fish_spile_using_subcommand export" -l max-line -d 'Longest line that is parsed; a longer one passes unchanged' -r
complete -c spile -n "__fish_spile_using_subcommand export" -l fold -d 'With --to markdown: fold inputs and outputs into `<details>`, and add reasoning and notices in the same way'
complete -c spile -n "__fish_spile_using_subcommand export" -l exact -d 'With the format text: print the answer byte for byte, for a file or a program'
complete -c spile -n "__fish_spile_using_subcommand export" -l strict -d 'Exit with status 65 if any line of the input is no event'
complete -c spile -n "__fish_spile_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand ledger" -l all -d 'All deliveries that failed or are in doubt, for retry and forget'
complete -c spile -n "__fish_spile_using_subcommand ledger" -l pending -d 'Only deliveries that are not settled'
complete -c spile -n "__fish_spile_using_subcommand ledger" -l json -d 'One JSON object a line'
complete -c spile -n "__fish_spile_using_subcommand ledger" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand adapters" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand demo" -l times -d 'Number of times that --agent prints the session' -r
complete -c spile -n "__fish_spile_using_subcommand demo" -l speed -d 'Speed of the agent as a multiple of the original; 0 does not wait' -r
complete -c spile -n "__fish_spile_using_subcommand demo" -l agent -d 'Print the bundled session, as Claude Code would'
complete -c spile -n "__fish_spile_using_subcommand demo" -l serve -d 'Show the session on the page of `spile serve`: open the address that is printed'
complete -c spile -n "__fish_spile_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand generate" -l out -d 'The folder to write into' -r -f -a "(__fish_complete_directories)"
complete -c spile -n "__fish_spile_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "wrap" -d 'Turn an agent\'s output into canonical events: start the agent, or read its output on stdin'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "start" -d 'Start an agent in the background, under its own `spile wrap`, and print its stream'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "coalesce" -d 'Merge small text deltas into fewer'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "chunk" -d 'Cut text into parts that fit a channel\'s limit'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "heartbeat" -d 'Report that an agent is alive and silent'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "merge" -d 'Merge several streams into one, in the order in which their lines arrive'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "redact" -d 'Replace secrets in events'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "cancel" -d 'Cancel a turn: by the name of its run, or as a filter when a condition holds'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "send" -d 'Give a message to an agent that runs under `spile wrap --drive`'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "permit" -d 'Answer an agent\'s question for permission'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "ps" -d 'List the agents that run under `spile wrap`'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "history" -d 'List the operations on runs, oldest first'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "prune" -d 'Remove the files of finished background runs'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "attach" -d 'Follow background runs: print their events from the start, then those that come'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "logs" -d 'Print what background runs have emitted so far: `spile attach --no-follow`'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "serve" -d 'Serve background runs by HTTP: start, watch and steer agents'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "tee" -d 'Deliver events to sinks, and pass them on'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "replay" -d 'Play recorded sessions again, at their own pace or faster'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "view" -d 'Show events to people'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "check" -d 'Check events against the contract, and print a line for each violation'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "export" -d 'Turn events into another format'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "ledger" -d 'Show a delivery ledger, and resolve deliveries that failed or are in doubt'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "adapters" -d 'List the runtimes that wrap reads, with the command line to use'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "demo" -d 'Show a bundled agent session running through a real pipeline'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "schema" -d 'Print the JSON Schema of an event'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "generate" -d 'Write manual pages and completions'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "config" -d 'Show every setting with its value and source'
complete -c spile -n "__fish_spile_using_subcommand help; and not __fish_seen_subcommand_from wrap start coalesce chunk heartbeat merge redact cancel send permit ps history prune attach logs serve tee replay view check export ledger adapters demo schema generate config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'

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
