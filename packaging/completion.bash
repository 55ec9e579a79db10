# Completion of the command rowhouse in bash, from what the command says of itself.
_rowhouse() {
  local word=${COMP_WORDS[COMP_CWORD]} commands=() help part
  for part in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $part =~ ^[a-z]+$ ]] || break
    commands+=("$part")
    [[ $part == tenant ]] || break
  done
  help=$("${COMP_WORDS[0]}" "${commands[@]}" --help 2>/dev/null) || help=$("${COMP_WORDS[0]}" --help 2>/dev/null)
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(grep -oE '^ +(-[a-z],)?--[a-z0-9-]+' <<<"$help" | grep -oE -- '--[a-z0-9-]+')" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -W "$(sed -n '/ommands:/,/^$/s/^  \([a-z]\{1,\}\) .*/\1/p' <<<"$help")" -- "$word")
  fi
}
complete -o default -F _rowhouse rowhouse
