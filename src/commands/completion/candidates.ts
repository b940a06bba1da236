import type { Command } from 'commander';
import { addsToPrevious } from '../../cli/arguments.ts';
import { type GlobalFlags, resolveConfig } from '../../config/config.ts';
import { withContext } from '../../config/contexts.ts';
import type { Context } from '../../core/context.ts';
import { localUsernames } from '../../store/local-usernames.ts';
import { type Place, type Read, readWords } from './place.ts';

const USERNAMES_MAX = 1000;

/** A line that is no candidate, for none begins with a colon: the shell completes paths, behind what `before` holds. */
const directive = (what: 'files' | 'directories', before: string): string => `:${what}\t${before}`;

// `<file>`, `<before.json>`, and what pages call a file otherwise.
const FILE = /^(file|path|script|zip)$|\.[a-z]+$/;

/** Builds the program, or the part of it that the words name. */
export type Build = (words: readonly string[]) => Promise<Command>;

/**
 * Prints what the last word may become, one candidate per line, some with a tab and a description, or a directive. A shell
 * asks while somebody types: whatever goes wrong, nothing is printed, for there is nobody to tell.
 */
export async function printCandidates(words: readonly string[], context: Context, build: Build): Promise<void> {
  try {
    const lines = await candidatesFor(words, context, build);
    if (lines.length > 0) context.stdout.write(`${lines.join('\n')}\n`);
  } catch {
    // No candidates.
  }
}

async function candidatesFor(words: readonly string[], { env }: Context, build: Build): Promise<string[]> {
  const word = words.at(-1) ?? '';
  const read = readWords(await build(words.slice(0, -1)), words);
  const { place } = read;
  if (place.kind === 'nowhere') return [];
  if (place.kind === 'value') return valuesFor(place, word, read, env);
  const found = place.kind === 'command' ? commandsAt(place) : optionsAt(place, read);
  return found.filter(([name]) => name.startsWith(word)).map(([name, description]) => `${name}\t${description}`);
}

type Described = readonly [name: string, description: string];

function commandsAt({ command, afterHelp }: Place & { kind: 'command' }): Described[] {
  const commands = command.createHelp().visibleCommands(command);
  return commands
    .filter((each) => !afterHelp || each.name() !== 'help')
    .map((each) => [each.name(), each.description()]);
}

function optionsAt({ options }: Place & { kind: 'option' }, { given }: Read): Described[] {
  return options
    .filter((option) => !given.has(option.attributeName()) || option.variadic || addsToPrevious(option.parseArg))
    .flatMap(({ long, short, description }) =>
      [long, short].flatMap((name): Described[] => (name ? [[name, description]] : [])),
    );
}

function valuesFor(
  { name, choices, before }: Place & { kind: 'value' },
  word: string,
  { given }: Read,
  env: Context['env'],
): string[] {
  const start = word.slice(before.length);
  if (FILE.test(name)) return [directive('files', before)];
  if (name === 'dir') return [directive('directories', before)];
  if (name === 'format=file') {
    const format = /^[a-z]+=/.exec(start)?.[0];
    return format === undefined ? [] : [directive('files', before + format)];
  }
  const values = name === 'username' ? usernames(given, env, start) : choices.filter((each) => each.startsWith(start));
  return values.map((value) => before + value);
}

/** Terraform, AWS and the network are not asked: only the local deployment tells its users. */
function usernames(given: Read['given'], env: Context['env'], start: string): string[] {
  const flags = Object.fromEntries(given) as GlobalFlags;
  if (flags.terraform !== undefined) return [];
  const { deployment, home } = resolveConfig(flags, withContext(flags, env).env);
  return deployment.value === 'local' ? localUsernames(home.value, start, USERNAMES_MAX) : [];
}
