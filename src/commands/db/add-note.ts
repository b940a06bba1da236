import type { Command } from 'commander';
import { parseTexts } from '../../cli/arguments.ts';
import { parseUsername } from '../../core/username.ts';
import type { Execute, Invocation } from '../execute.ts';
import { OPERATOR_RETRIES } from './exec.ts';
import { reportWrite, type WriteReport, writeView } from './outcome.ts';

interface AddNoteOptions {
  readonly field: readonly string[];
  readonly deck?: string;
  readonly tag?: readonly string[];
}

export function registerDbAddNote(parent: Command, execute: Execute): void {
  const command = parent
    .command('add-note <username>')
    .description('add a note and its cards, as Anki does')
    .requiredOption('--field <text>', 'the next field of the note (repeat)', parseTexts)
    .option('--deck <name>', "a deck, created if it does not exist (default: the user's current one)")
    .option('--tag <tag>', 'a tag (repeat)', parseTexts)
    .addHelpText(
      'after',
      "\nExample:\n  $ javumbo db add-note alice --field 'der Hund' --field 'the dog' --tag animals",
    );
  command.action((username: string, options: AddNoteOptions) =>
    execute(command, (invocation) => dbAddNote(invocation, parseUsername(username), options), writeView),
  );
}

export async function dbAddNote(
  invocation: Invocation,
  username: string,
  { field, deck, tag = [] }: AddNoteOptions,
): Promise<WriteReport> {
  const { addNote } = await import('../../anki/note.ts');
  return reportWrite(invocation, username, async (databases) => {
    const { value, ...result } = await databases.update(
      username,
      (database) => addNote(database, { fields: [...field], deck, tags: [...tag] }, invocation.context),
      { retries: OPERATOR_RETRIES },
    );
    return { ...result, noteId: value.noteId };
  });
}
