#!/bin/bash
# The HTML page: one file that loads nothing, numbers that are those of the document, names of strangers as text.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
new_database "$topic"
page=$work/page.html
shop acme_freshdesk_data.db Acme 40
shop bolt_freshdesk_data.db Bolt 30
sqlite acme_freshdesk_data.db "CREATE TABLE \"<script>document.title = 'taken'</script>\" (a TEXT);
  INSERT INTO \"<script>document.title = 'taken'</script>\" VALUES ('x'), (CAST(x'ff' AS TEXT));
  CREATE TABLE \"\"\"onload=\"\"x' & <b>\" (a TEXT)"
: >"$data/<img src=x>_freshdesk_data.db"

for command in plan migrate verify status; do
  arguments=("$command")
  [[ $command == status ]] || arguments+=("$data")
  [[ $command == plan ]] || arguments+=(--to "$url")
  rowhouse "${arguments[@]}" --report "$page" --json
  is "$(grep -c '<html' "$page")" 1 "$command: a page"
  unlike "$(cat "$page")" '<script>document|& <b>|<img|<[a-z]+ [^>]*(src|href)=|url\(|@import' "$command: names are text, and nothing is loaded"
  like "$(cat "$page")" '&lt;script&gt;document.title = &#39;taken&#39;&lt;/script&gt;' "$command: the odd table is in it"
  rows=$(json '[.tables[].rows] | add')
  like "$(cat "$page")" "<b class=\"\">$rows</b>rows" "$command: it counts $rows rows"
done
refuses 'a page that cannot be written' 4 58030 'could not write the report' verify "$data/acme_freshdesk_data.db" --to "$url" --report "$work/none/x.html"

browser=$(command -v chromium || command -v chromium-browser || true)
if [[ -n $browser ]]; then
  rowhouse verify "$data" --to "$url" --report "$page"
  in_browser() { HOME=$work timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" "$@" "file://$page" 2>/dev/null; }
  dom=$(in_browser --dump-dom)
  like "$dom" '<title>rowhouse verify</title>' 'a browser shows it, and no table runs its script'
  is "$(grep -o '<rect' <<<"$dom" | wc -l)" "$(grep -o '<rect' "$page" | wc -l)" 'with its charts'
  in_browser --window-size=1100,1400 --screenshot="$work/page.png" >/dev/null
  ok 'and draws it' test -s "$work/page.png"
else
  skip 'no chromium'
fi
done_testing
