import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { startEngine, stopEngine } from './engine.ts';

const SCRIPT = fileURLToPath(new URL('./nginx.sh', import.meta.url));
// As for Ceph: another PORT is another engine.
const PORT = String(Number(process.env.PORT ?? 7490) + 2000);
const DIRECTORY = `/tmp/javumbo-nginx-${PORT}`;

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether nginx is installed. Each test starts its own, for only it knows the upstreams. */
    nginx: boolean;
  }
}

/** Vitest's global setup: looks for nginx, and ends what a test that was killed has left. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const installed = spawnSync('nginx', ['-v'], { env: { PATH: `${process.env.PATH}:/usr/sbin` } }).error === undefined;
  if (!installed)
    process.stderr.write('engine tests skipped: nginx is not installed (Debian: apt-get install nginx-light)\n');
  project.provide('nginx', installed);
  return stopNginx;
}

/** nginx before these upstreams, in turn. Returns its endpoint. One at a time; `stopNginx` ends it. */
export async function startNginx(upstreams: readonly string[]): Promise<string> {
  const hosts = upstreams.map((upstream) => new URL(upstream).host);
  const { NGINX_URL } = await startEngine<{ NGINX_URL: string }>(SCRIPT, [DIRECTORY, ...hosts], PORT);
  return NGINX_URL;
}

export async function stopNginx(): Promise<void> {
  await stopEngine(SCRIPT, [DIRECTORY], PORT);
}
