import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { SCRIPTS } from '../../testing/child-process.ts';
import { freshMachine } from '../../testing/run-command.ts';
import type { Shell } from './scripts.ts';

const run = promisify(execFile);

export interface ShellUnderContract {
  readonly shell: Shell;
  /** The shell's arguments for completing `line` with what `script` holds, and printing whole words, one per line. */
  readonly argv: (script: string, line: string) => readonly string[];
}

/** What each shell makes of a line, up to the cursor. */
const LINES: readonly { readonly line: string; readonly found: readonly string[] }[] = [
  { line: 'javumbo d', found: ['db', 'deployment', 'doctor'] },
  { line: 'javumbo db p', found: ['pull', 'purge', 'push'] },
  { line: 'javumbo db query al', found: ['alice', 'alice@b.example'] },
  { line: 'javumbo db query alice@', found: ['alice@b.example'] },
  { line: 'javumbo db query -- bo', found: ['bob'] },
  { line: 'javumbo db query "bo', found: ['bob'] },
  { line: "javumbo db query 'bo", found: ['bob'] },
  { line: 'javumbo --bucket "a b" db query ', found: [] },
  { line: 'javumbo --deployment "local" db query bo', found: ['bob'] },
  { line: 'javumbo db push --for', found: ['--force'] },
  { line: 'javumbo db push --force --for', found: [] },
  { line: 'javumbo --deployment=l', found: ['--deployment=local'] },
  { line: 'javumbo --deployment=', found: ['--deployment=aws', '--deployment=local'] },
  { line: 'javumbo db push bob my', found: ['my file.anki2'] },
  { line: 'javumbo db pull bob --out=my', found: ['--out=my file.anki2'] },
  { line: 'javumbo --terraform pl', found: ['plans/'] },
  { line: 'javumbo nothing ', found: [] },
  { line: 'javumbo db query bob $(touch pwned) ', found: [] },
  { line: "javumbo --bucket '$(touch pwned)' db que", found: ['query'] },
  { line: 'bin/javumbo db que', found: ['query'] },
  { line: '~/bin/javumbo db que', found: ['query'] },
];

/** The script as it is printed, in its shell: a program on PATH, or by the path that was typed. */
export function describeShell({ shell, argv }: ShellUnderContract): void {
  describe(`the script in ${shell}`, () => {
    const { HOME, JAVUMBO_HOME, JAVUMBO_CACHE_DIR } = freshMachine();
    const env = { HOME, JAVUMBO_HOME, JAVUMBO_CACHE_DIR, PATH: `${join(HOME, 'bin')}:${process.env.PATH}` };
    const script = join(HOME, 'completion');

    beforeAll(async () => {
      for (const folder of ['bin', 'plans']) mkdirSync(join(HOME, folder));
      symlinkSync(SCRIPTS.javumbo, join(HOME, 'bin', 'javumbo'));
      writeFileSync(join(HOME, 'my file.anki2'), '');
      const { stdout } = await run('javumbo', ['completion', shell], { env });
      writeFileSync(script, stdout);
      for (const username of ['alice', 'alice@b.example', 'bob']) {
        await run('javumbo', ['db', 'create', username, '--quiet'], { env });
      }
    });

    test.each(LINES)('completes $line', async ({ line, found }) => {
      const { stdout, stderr } = await run(shell, argv(script, line), { env, cwd: HOME });
      // Zsh offers a directory more than once.
      const words = new Set(
        stdout
          .split('\n')
          .filter((word) => word !== '')
          .map(plain),
      );
      expect({ found: [...words].sort(), stderr }).toEqual({ found, stderr: '' });
      expect(readdirSync(HOME)).not.toContain('pwned');
    });
  });
}

/** The word as the program will get it; a directory with its slash, which only some shells add at once. */
function plain(word: string): string {
  const text = (word.split('\t')[0] ?? '').replaceAll(/["'\\]/g, '');
  return text === 'plans' ? 'plans/' : text;
}
