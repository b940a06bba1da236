/** Every command line of the README is run, in its order, in one shell each block, and must end with exit code 0. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SCRIPTS } from './testing/child-process.ts';
import { type DynamoServer, startDynamoServer } from './testing/dynamo-server.ts';
import { type S3Server, startS3Server } from './testing/s3-server.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const root = fileURLToPath(new URL('..', import.meta.url));
const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

let directory: string;
let server: S3Server;
let dynamo: DynamoServer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-readme-'));
  mkdirSync(join(directory, 'bin'));
  // What `npx javumbo` does in this folder, without npm's second of start-up on each line.
  writeFileSync(join(directory, 'bin', 'npx'), `#!/bin/sh\nshift\nexec ${process.execPath} ${SCRIPTS.javumbo} "$@"\n`, {
    mode: 0o755,
  });
  server = await startS3Server();
  dynamo = await startDynamoServer();
});

afterAll(async () => {
  await server.close();
  await dynamo.close();
  rmSync(directory, { recursive: true, force: true });
});

async function shell(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: directory,
    env: {
      PATH: `${join(directory, 'bin')}:${process.env.PATH}`,
      HOME: directory,
      JAVUMBO_CACHE_DIR: join(directory, 'cache'),
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  });
  return stdout;
}

const sessions = blocks.filter((block) => block.startsWith('$ '));

test('the README has sessions to run', () => {
  expect(sessions.length).toBeGreaterThanOrEqual(2);
});

test.each(sessions.map((block, index) => ({ index, block })))(
  'session $index of the README runs',
  async ({ block }) => {
    const script = block
      .replace(/^\$ /gm, '')
      .replaceAll('http://127.0.0.1:7480', server.endpoint)
      .replaceAll('http://127.0.0.1:8000', dynamo.endpoint)
      .replaceAll('=…', '=x');
    await shell(script);
  },
);

test('the two lines for a fresh clone install, and run the main job and the tests', async () => {
  const [main = '', tests = ''] = blocks.filter((block) => block.startsWith('npm ci'));
  expect(main).toMatch(/^npm ci && npx javumbo [^\n]+\n$/);
  await shell(main.replace('npm ci && ', ''));
  expect(tests).toBe('npm ci && npm test\n');
  expect(readFileSync(join(root, '.ci', 'run'), 'utf8')).toContain("\nbash -c 'npm ci && npm test'\n");
});

test('every command that there is stands in the table of commands, and no other', async () => {
  const named = [
    ...readme.matchAll(/`((?:user|db|bench|verify|deployment|report|cache|config) [a-z0-9-]+)[^`]*`/g),
  ].map((match) => match[1]);
  const listed = new Set<string>();
  for (const noun of ['user', 'db', 'bench', 'verify', 'deployment', 'report', 'cache', 'config']) {
    const help = await shell(`npx javumbo ${noun} --help`);
    for (const match of help.slice(help.indexOf('Commands:')).matchAll(/^ {2}([a-z0-9-]+) /gm)) {
      if (match[1] !== 'help') listed.add(`${noun} ${match[1]}`);
    }
  }
  expect([...new Set(named)].sort()).toEqual([...listed].sort());
});
