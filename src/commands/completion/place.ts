import type { Command, Option } from 'commander';

/** Where in a command line the word to complete stands. */
export type Place =
  /** Behind a word that is no command, or behind all that a command takes. */
  | { readonly kind: 'nowhere' }
  | { readonly kind: 'command'; readonly command: Command; readonly afterHelp: boolean }
  | { readonly kind: 'option'; readonly options: readonly Option[] }
  /** The value of an option or of an argument. `before`: the part of the word that stands before it, `--out=`. */
  | { readonly kind: 'value'; readonly name: string; readonly choices: readonly string[]; readonly before: string };

/** The words before the one to complete, as commander reads them. */
export interface Read {
  readonly place: Place;
  /** The values of the options that were given, by their names in the code; of one without a value, true. */
  readonly given: ReadonlyMap<string, string | true>;
}

// Choices that the configuration checks, not commander.
const CHOICES: Readonly<Record<string, readonly string[]>> = { deployment: ['local', 'aws'], function: ['local'] };

/** Finds the place of the last word. */
export function readWords(program: Command, words: readonly string[]): Read {
  const given = new Map<string, string | true>();
  const last = words.at(-1) ?? '';
  let command = program;
  let operands = 0;
  let awaiting: Option | undefined;
  let onlyOperands = false;
  let afterHelp = false;
  for (const word of words.slice(0, -1)) {
    if (awaiting !== undefined) {
      given.set(awaiting.attributeName(), word);
      awaiting = undefined;
    } else if (!onlyOperands && word === '--') onlyOperands = true;
    else if (!onlyOperands && isOption(word) && word !== '-') {
      const { name, value } = splitOption(word);
      const option = optionsOf(command).find(({ long, short }) => long === name || short === name);
      if (option === undefined) continue;
      given.set(option.attributeName(), value ?? true);
      if (option.required && value === undefined) awaiting = option;
    } else if (command.commands.length === 0 || afterHelp) operands += 1;
    else if (word === 'help') afterHelp = true;
    else {
      const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
      if (next === undefined) return { place: { kind: 'nowhere' }, given };
      command = next;
    }
  }
  if (awaiting !== undefined) return { place: valuePlace(awaiting, ''), given };
  if (!onlyOperands && isOption(last)) return { place: optionPlace(command, last), given };
  if (command.commands.length > 0 && operands === 0) return { place: { kind: 'command', command, afterHelp }, given };
  return { place: argumentPlace(command, operands), given };
}

function optionPlace(command: Command, word: string): Place {
  const options = optionsOf(command);
  const { name, value } = splitOption(word);
  if (value === undefined) return { kind: 'option', options };
  const option = options.find(({ long }) => long === name);
  return option?.required ? valuePlace(option, `${name}=`) : { kind: 'nowhere' };
}

function valuePlace(option: Option, before: string): Place {
  const name = /[<[]([^>\]]+)/.exec(option.flags)?.[1] ?? '';
  const choices = option.argChoices ?? CHOICES[option.attributeName()] ?? [];
  return { kind: 'value', name, choices, before };
}

function argumentPlace(command: Command, index: number): Place {
  const declared = command.registeredArguments;
  const rest = declared.at(-1)?.variadic ? declared.at(-1) : undefined;
  const argument = declared[index] ?? rest;
  if (argument === undefined) return { kind: 'nowhere' };
  return { kind: 'value', name: argument.name(), choices: argument.argChoices ?? [], before: '' };
}

/** What a command takes: its own options, those of every command, and help. Only the program itself has a version. */
function optionsOf(command: Command): Option[] {
  const options = [...command.createHelp().visibleOptions(command)];
  for (let above = command.parent; above !== null; above = above.parent) {
    options.push(...above.options.filter((option) => !option.hidden && option.attributeName() !== 'version'));
  }
  return options;
}

function isOption(word: string): boolean {
  return word.startsWith('-');
}

function splitOption(word: string): { readonly name: string; readonly value?: string } {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at === -1 ? { name: word } : { name: word.slice(0, at), value: word.slice(at + 1) };
}
