/** Who may read what the local deployment keeps, and whose links are followed. */
import { execFileSync } from 'node:child_process';
import { chmodSync, lchownSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SCRIPTS } from '../testing/child-process.ts';
import { freshMachine, runCommand } from '../testing/run-command.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';

/** The modes of everything in a directory that others have some right to. */
function open(directory: string): string[] {
  return (readdirSync(directory, { recursive: true, encoding: 'utf8' }) as string[]).flatMap((name) => {
    const { mode } = lstatSync(join(directory, name));
    return (mode & 0o077) === 0 ? [] : [`${(mode & 0o777).toString(8)} ${name}`];
  });
}

describe('the local deployment is private to its user', () => {
  test.each([
    { name: 'under a umask that gives everything away', umask: '0', old: false },
    { name: 'under the usual one', umask: '022', old: false },
    { name: 'in directories of an earlier day that others may read', umask: '022', old: true },
  ])('$name', ({ umask, old }) => {
    const env = { ...freshMachine(), PATH: process.env.PATH };
    const home = env.JAVUMBO_HOME;
    if (old) {
      mkdirSync(join(home, 'databases'), { recursive: true });
      chmodSync(join(home, 'databases'), 0o755);
      writeFileSync(join(home, 'index.sqlite'), '', { mode: 0o644 });
    }
    const javumbo = `${process.execPath} ${SCRIPTS.javumbo}`;
    const commands = [
      `${javumbo} db create alice --quiet`,
      `${javumbo} db add-note alice --field a --quiet`,
      `echo correct horse battery | ${javumbo} user create alice --name A --password-stdin --quiet`,
      `${javumbo} db exec alice 'DELETE FROM revlog' --lease --quiet`,
    ];
    execFileSync('sh', ['-c', `umask ${umask}; ${commands.join(' && ')}`], { env, stdio: 'ignore' });
    expect(open(home)).toEqual([]);
  });
});

// Only root can plant a link in somebody else's name.
describe.runIf(process.getuid?.() === 0)('a link that another user put into a shared directory', () => {
  const shared = (): string => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o1777);
    return directory;
  };

  test.each([
    { name: 'to a file', target: (directory: string) => join(directory, 'victim') },
    { name: 'to nothing yet', target: (directory: string) => join(directory, 'nothing') },
  ])('$name is not followed by db pull', async ({ target }) => {
    const env = freshMachine();
    await runCommand(['db', 'create', 'alice', '--quiet'], { env });
    const [directory, own] = [shared(), temporaryDirectory()];
    writeFileSync(join(own, 'victim'), 'precious');
    const link = join(directory, 'out.anki2');
    symlinkSync(target(own), link);
    lchownSync(link, 61_234, 61_234);
    const ended = await runCommand(['db', 'pull', 'alice', '--out', link, '--json'], { env });
    expect(ended.failure()).toMatchObject({ kind: 'usage', message: expect.stringMatching(/link of another user/) });
    expect(readdirSync(own)).toEqual(['victim']);
  });
});

describe('user and password in an endpoint', () => {
  test.each(['--endpoint-url', '--dynamodb-endpoint-url', '--lambda-endpoint-url', '--api-url'])(
    'of %s are refused, and not repeated',
    async (flag) => {
      const argv = ['db', 'list', '--bucket', 'b', flag, 'https://me:pass@h.example/x'];
      const { code, stdout, stderr } = await runCommand(argv, {});
      expect(code).toBe(2);
      expect(stderr).toContain(`${flag} holds a user or a password: https://…@h.example/x`);
      expect(stdout + stderr).not.toContain('pass@');
    },
  );
});
