import { Argument, type Command } from 'commander';
import type { View } from '../../cli/print.ts';
import type { Execute } from '../execute.ts';
import { SCRIPTS, type Shell } from './scripts.ts';

const HELP = `
What completes commands, for good:
  bash, in ~/.bashrc:                 eval "$(javumbo completion bash)"
  zsh, in ~/.zshrc, after compinit:   eval "$(javumbo completion zsh)"
  fish, in ~/.config/fish/completions/javumbo.fish:
                                      javumbo completion fish | source

Example:
  $ javumbo completion bash`;

interface Completion {
  readonly shell: Shell;
  readonly script: string;
}

export function registerCompletion(parent: Command, execute: Execute): void {
  const command = parent
    .command('completion')
    .addArgument(new Argument('<shell>', 'whose script').choices(Object.keys(SCRIPTS)))
    .description('print the script that completes commands in bash, zsh or fish')
    .addHelpText('after', HELP);
  command.action((shell: Shell) =>
    execute(command, async () => ({ shell, script: SCRIPTS[shell] }), completionView, { unconfigured: true }),
  );
}

const completionView: View<Completion> = {
  text: ({ script }) => script.trimEnd(),
  verbatim: true,
};
