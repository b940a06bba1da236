import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { runScript, SCRIPTS } from '../../testing/child-process.ts';
import { asReport } from '../../testing/report-schema.ts';
import { freshMachine, temporaryDirectory } from '../../testing/run-command.ts';

let directory: string;

let _env: NodeJS.ProcessEnv;

beforeEach(() => {
  directory = temporaryDirectory();
  _env = freshMachine();
});

const fileOf = (name: string): string => join(directory, name);

test('verify --json in a pipe is one document and nothing else, without colour, with the right exit code', async () => {
  mkdirSync(fileOf('home'));
  const places = { HOME: fileOf('home'), JAVUMBO_HOME: fileOf('d'), JAVUMBO_CACHE_DIR: fileOf('c'), FORCE_COLOR: '1' };
  const script = `set -o pipefail; node "$JAVUMBO" verify day4 --only 4.1 --rtt 20ms --json | node -e 'process.exitCode = JSON.parse(require("fs").readFileSync(0)).passed ? 0 : 1'`;
  const quiet = await runScript(SCRIPTS.javumbo, ['verify', 'day2', '--json'], places);
  expect(quiet).toMatchObject({ code: 0, stdout: expect.not.stringContaining('\u001b') });
  expect(asReport(JSON.parse(quiet.stdout)).passed).toBe(true);
  execFileSync('bash', ['-c', script], {
    env: { ...places, PATH: process.env.PATH, JAVUMBO: SCRIPTS.javumbo },
    stdio: 'pipe',
  });
});
