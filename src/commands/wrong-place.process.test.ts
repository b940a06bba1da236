/** Places that are not what the operator thinks they are. */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runScript, SCRIPTS } from '../testing/child-process.ts';

let directory: string;
let page: Server;
let endpoint: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-place-'));
  page = createServer((_, response) => response.end('<html>welcome</html>'));
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await new Promise((resolve) => page.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

function javumbo(...argv: string[]) {
  return runScript(SCRIPTS.javumbo, argv, {
    HOME: directory,
    JAVUMBO_HOME: join(directory, 'home'),
    JAVUMBO_CACHE_DIR: join(directory, 'cache'),
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
  });
}

test('a web page is no empty bucket', async () => {
  const { code, stdout, stderr } = await javumbo('db', 'list', '--bucket', 'bucket', '--endpoint-url', endpoint);
  expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
  expect(stderr).toMatch(/^error: .*does not answer as S3 does\ntry: {3}another --endpoint-url\n$/);
});

test('an endpoint without a bucket is not taken for the local deployment', async () => {
  const { code, stdout, stderr } = await javumbo('db', 'list', '--endpoint-url', endpoint);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(
    /^error: --endpoint-url names a part of a deployment on AWS, and no bucket is named\ntry: {3}--bucket/,
  );
});

describe('db pull --out', () => {
  beforeEach(async () => {
    expect((await javumbo('db', 'create', 'alice', '--quiet')).code).toBe(0);
  });

  test('leaves a pipe a pipe', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect((await javumbo('db', 'pull', 'alice', '--out', pipe, '--quiet')).code).toBe(2);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  });

  test('writes through a link, which stays one', async () => {
    const [file, link] = [join(directory, 'file'), join(directory, 'link')];
    writeFileSync(file, 'old');
    symlinkSync(file, link);
    expect((await javumbo('db', 'pull', 'alice', '--out', link, '--quiet')).code).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(lstatSync(file).size).toBeGreaterThan(4096);
  });
});

test('a result that cannot be printed is told, and is no success', async () => {
  const { code, stderr } = await runScript(SCRIPTS.javumbo, ['--version'], {});
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const full = ['-c', `exec ${process.execPath} ${SCRIPTS.javumbo} config show > /dev/full`];
  const told = (() => {
    try {
      execFileSync('sh', full, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
      return { status: 0, stderr: '' };
    } catch (error) {
      return error as { status: number; stderr: string };
    }
  })();
  expect(told.status).toBe(5);
  expect(told.stderr).toContain('error: the command ran, but its result cannot be printed to standard output: ENOSPC');
  expect(told.stderr).toContain('try:   another place');
});
