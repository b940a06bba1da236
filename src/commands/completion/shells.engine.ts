/** The scripts in real zsh and fish; bash is everywhere, and has its own test. */
import { describe, inject } from 'vitest';
import { describeShell } from './shell-contract.ts';

// A zsh that somebody types into: what it would insert is written to a file instead.
const ZSH = String.raw`
zmodload zsh/zpty
found=$HOME/found-$$
cat >$found.setup <<END
PS1=
autoload -U compinit && compinit -u -D
source $1
compadd() {
  # With these, a part of zsh's own only asks.
  if [[ \$@[1,(i)(-|--)] == *-(O|A|D)* ]]; then builtin compadd "\$@"; return; fi
  local -a hits
  builtin compadd -A hits "\$@"
  print -rl -- \$IPREFIX\$^hits >>$found
}
finish() { : >$found.finished }
zle-line-init() { : >$found.ready }
zle -N zle-line-init
comppostfuncs=(finish)
END
await() { repeat 3000; do [[ -e $1 ]] && return; sleep 0.02; done }
: >$found
zpty z "zsh -f -i 2>$found.stderr"
zpty -w z "source $found.setup"
await $found.ready
zpty -w -n z "$2"$'\t'
await $found.finished
zpty -d z
cat $found
cat $found.stderr >&2
rm $found*
`;

const FISH = 'source $argv[1]; complete -C $argv[2]';

describe.runIf(inject('zsh'))('zsh', () => {
  describeShell({ shell: 'zsh', argv: (script, line) => ['-f', '-c', ZSH, 'zsh', script, line] });
});

describe.runIf(inject('fish'))('fish', () => {
  describeShell({ shell: 'fish', argv: (script, line) => ['--no-config', '-c', FISH, script, line] });
});
