# What coalesce does, as a person would write it for `jq -nc`: deltas of one block of one stream become one.
foreach (inputs, null) as $e ({held: {}, out: []};
  .out = []
  | if $e == null then .out = [.held[]] | .held = {}
    else ($e.stream) as $s | (.held[$s]) as $h
    | if $e.type == "text_delta" and $h != null and $h.block == $e.block and ($h.text | length) + ($e.text | length) <= 1200
      then .held[$s] = ($h + {seq: $e.seq, ts: $e.ts, first_seq: ($h.first_seq // $h.seq), text: ($h.text + $e.text)})
      else (if $h != null then .out += [$h] else . end)
      | if $e.type == "text_delta" then .held[$s] = $e else .out += [$e] | del(.held[$s]) end
      end
    end;
  .out[])
