import { describeShell } from './shell-contract.ts';

// As Readline does it: words break at = : @ too, unless they are quoted, and $2 is the part that will be replaced.
const COMPLETE = String.raw`
source "$1"
COMP_LINE=$2 COMP_POINT=\${#2} COMP_WORDS=() quote='' word='' last=''
end() { [[ -z $word ]] || COMP_WORDS+=("$word"); word=''; }
for ((at = 0; at < COMP_POINT; at++)); do
  letter=\${COMP_LINE:at:1} last=word
  if [[ -n $quote ]]; then
    word+=$letter
    [[ $letter != "$quote" ]] || quote=''
  elif [[ $letter == [\"\'] ]]; then quote=$letter word+=$letter
  elif [[ $letter == ' ' ]]; then end; last=space
  elif [[ $letter == [=:@] ]]; then end; COMP_WORDS+=("$letter"); last=break
  else word+=$letter
  fi
done
end
[[ $last != space ]] || COMP_WORDS+=('')
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
replaced=\${COMP_WORDS[COMP_CWORD]#[\"\']}
[[ $last != break ]] || replaced=''
_javumbo "\${COMP_WORDS[0]}" "$replaced" "\${COMP_WORDS[COMP_CWORD - 1]}"
typed=\${COMP_LINE##* }
typed=\${typed#[\"\']}
for reply in "\${COMPREPLY[@]}"; do printf '%s\n' "\${typed%"$replaced"}$reply"; done
`.replaceAll('\\${', '${');

describeShell({ shell: 'bash', argv: (script, line) => ['-c', COMPLETE, 'bash', script, line] });
