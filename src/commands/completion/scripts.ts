/** What a shell runs to complete commands. Each asks the program that was typed, so none has to change with a command. */
export type Shell = 'bash' | 'zsh' | 'fish';

/** The text as it stands, but for the backslash that keeps a `${` of the shell from being one of TypeScript. */
function shell({ raw }: TemplateStringsArray): string {
  return raw.join('').replaceAll('\\${', '${');
}

// Bash breaks words at = : @ too. They are put together again for the question, and what stands before the part that it
// replaces, $2, is taken off the answer. Bash 3.2, which macOS has, knows no compopt. No word is ever evaluated.
const BASH = shell`_javumbo() {
  local program=\${COMP_WORDS[0]/#\~\//$HOME/} rest=\${COMP_LINE:0:COMP_POINT} quotes=$'["\'\\\\]'
  local words=() word line before i IFS=$'\n'
  rest=\${rest#*"\${COMP_WORDS[0]}"}
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${rest#"\${rest%%[![:space:]]*}"}
    # The last one ends at the cursor.
    ((i == COMP_CWORD)) || word=\${COMP_WORDS[i]}
    if ((i == 1)) || [[ $rest == [[:space:]]* ]]; then words+=("$word"); else words[\${#words[@]}-1]+=$word; fi
    rest=\${rest#"\${rest%%[![:space:]]*}"}
    rest=\${rest#"$word"}
  done
  words=("\${words[@]//$quotes/}")
  word=\${words[\${#words[@]}-1]}
  before=\${word%"$2"}
  COMPREPLY=()
  while read -r line; do
    line=\${line%%$'\t'*}
    case $line in
      :files) compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$2")) ;;
      :directories) compopt -o dirnames 2>/dev/null || COMPREPLY=($(compgen -d -- "$2")) ;;
      *) COMPREPLY+=("\${line#"$before"}") ;;
    esac
  done < <("$program" completion candidates -- "\${words[@]}" 2>/dev/null </dev/null)
}
complete -F _javumbo javumbo
`;

const ZSH = shell`_javumbo() {
  local line name program=\${\${(Q)words[1]}/#\~\//$HOME/}
  local -a candidates
  for line in "\${(@f)$("$program" completion candidates -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}"; do
    name=\${line%%$'\t'*}
    case $name in
      :files) compset -P "\${line#*$'\t'}"; _files; return ;;
      :directories) compset -P "\${line#*$'\t'}"; _files -/; return ;;
      ?*) candidates+=("\${name//:/\\:}\${\${line#$name}/$'\t'/:}") ;;
    esac
  done
  _describe javumbo candidates
}
compdef _javumbo javumbo
`;

const FISH = shell`function __javumbo_candidates
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -e words[1]
    set -l word (commandline -ct | string replace -ra '["\'\\\\]' '')
    for line in (command $program completion candidates -- $words "$word" 2>/dev/null </dev/null)
        set -l parts (string split \t -- $line)
        set -l path (string sub -s (math 1 + (string length -- "$parts[2]")) -- "$word")
        switch $line
            case ':files*'
                for found in (__fish_complete_path "$path")
                    echo "$parts[2]$found"
                end
            case ':directories*'
                for found in (__fish_complete_directories "$path")
                    echo "$parts[2]$found"
                end
            case '*'
                echo $line
        end
    end
end
complete -c javumbo -f -a '(__javumbo_candidates)'
`;

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
