/** Machines without a home, and homes and caches that cannot be used: what does not need them works. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { expectFailure } from '../testing/expect-failure.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';

let server: S3Server;
let directory: string;

beforeAll(async () => {
  server = await startS3Server({ buckets: ['b'] });
});

afterAll(() => server.close());

beforeEach(() => {
  directory = temporaryDirectory();
});

const onBucket = () => ({
  S3_BUCKET: 'b',
  AWS_ENDPOINT_URL_S3: server.endpoint,
  AWS_ACCESS_KEY_ID: 'key',
  AWS_SECRET_ACCESS_KEY: 'secret',
});

/** A number that no account has. */
const NOBODY = 61_234;

// Only root may become somebody else.
describe.runIf(process.getuid?.() === 0)('a user without an entry and without HOME', () => {
  const asNobody = (argv: readonly string[], env: Record<string, string>) => {
    const {
      status: code,
      stdout,
      stderr,
    } = spawnSync(process.execPath, [SCRIPTS.javumbo, ...argv], {
      uid: NOBODY,
      gid: NOBODY,
      cwd: '/',
      encoding: 'utf8',
      env: { PATH: process.env.PATH, JAVUMBO_CACHE_DIR: join(directory, 'cache'), ...env },
    });
    return { code, stdout, stderr };
  };

  beforeEach(() => {
    chownSync(directory, NOBODY, NOBODY);
    chmodSync(directory, 0o700);
  });

  test('has the local deployment that JAVUMBO_HOME names', () => {
    const env = { JAVUMBO_HOME: join(directory, 'home') };
    expect(asNobody(['db', 'create', 'alice', '--quiet'], env)).toMatchObject({ code: 0, stderr: '' });
  });

  test('is told of JAVUMBO_HOME where nothing names one', () => {
    expectFailure(asNobody(['db', 'create', 'alice', '--quiet'], {}), {
      code: 2,
      error: /\/nonexistent/,
      hint: /JAVUMBO_HOME/,
    });
  });

  test('reads the version and the help', () => {
    for (const argv of [['--version'], ['--help']]) expect(asNobody(argv, {}).code).toBe(0);
  });

  test.each([
    { name: 'and no home at all', env: {} },
    { name: 'and the home of somebody else', env: { HOME: '/root' } },
  ])('$name works with a bucket', async ({ env }) => {
    // Not in one call that waits: the server answers from this process.
    const ended = (argv: readonly string[]) =>
      new Promise<number | null>((resolve) => {
        const child = spawn(process.execPath, [SCRIPTS.javumbo, ...argv, '--quiet'], {
          uid: NOBODY,
          gid: NOBODY,
          cwd: '/',
          stdio: 'ignore',
          env: { PATH: process.env.PATH, JAVUMBO_CACHE_DIR: join(directory, 'cache'), ...onBucket(), ...env },
        });
        child.on('close', resolve);
      });
    const user = `user${Object.keys(env).length}`;
    expect(await ended(['db', 'create', user])).toBe(0);
    expect(await ended(['db', 'add-note', user, '--field', 'a'])).toBe(0);
    expect(await ended(['db', 'delete', '--yes', user])).toBe(0);
  });
});

describe('a place that cannot be used', () => {
  test.each(['JAVUMBO_HOME', 'JAVUMBO_CACHE_DIR'])(
    'in %s is usage, and a place in /proc ends at once',
    async (name) => {
      for (const place of ['/proc/nope', '/dev/null/below', `/${'x'.repeat(300)}`]) {
        const env = {
          HOME: directory,
          JAVUMBO_HOME: join(directory, 'home'),
          JAVUMBO_CACHE_DIR: join(directory, 'cache'),
        };
        const ended = await runScript(SCRIPTS.javumbo, ['db', 'create', 'alice', '--quiet'], { ...env, [name]: place });
        expectFailure(ended, { code: 2, error: /ENOENT|ENOTDIR|ENAMETOOLONG|EACCES/ });
      }
    },
  );
});

describe('a cache directory that is a link', () => {
  test("of one's own is followed", async () => {
    const link = join(directory, 'link');
    mkdirSync(join(directory, 'there'), { mode: 0o700 });
    symlinkSync(join(directory, 'there'), link);
    const env = { HOME: directory, JAVUMBO_HOME: join(directory, 'home'), JAVUMBO_CACHE_DIR: link };
    expect((await runScript(SCRIPTS.javumbo, ['db', 'create', 'alice', '--quiet'], env)).code).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  test('to a directory that others may write to is refused', async () => {
    const link = join(directory, 'link');
    mkdirSync(join(directory, 'open'));
    chmodSync(join(directory, 'open'), 0o777);
    symlinkSync(join(directory, 'open'), link);
    const env = { HOME: directory, JAVUMBO_HOME: join(directory, 'home'), JAVUMBO_CACHE_DIR: link };
    const ended = await runScript(SCRIPTS.javumbo, ['db', 'create', 'alice', '--quiet'], env);
    expectFailure(ended, { code: 2, error: /others may write to the cache directory/ });
  });
});
