import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { startEngine, stopEngine } from './engine.ts';

const SCRIPT = fileURLToPath(new URL('./nginx.sh', import.meta.url));
// Like Ceph: another PORT is another engine.
const PORT = String(Number(process.env.PORT ?? 7490) + 2000);
const DIRECTORY = `/tmp/javumbo-nginx-${PORT}`;

declare module 'vitest' {
  interface ProvidedContext {
    /** True if nginx is installed. Each test starts its own, with its upstreams. */
    nginx: boolean;
  }
}

/** Vitest's global setup: looks for nginx, and stops one left by a killed test. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const installed = spawnSync('nginx', ['-v'], { env: { PATH: `${process.env.PATH}:/usr/sbin` } }).error === undefined;
  if (!installed)
    process.stderr.write('engine tests skipped: nginx is not installed (Debian: apt-get install nginx-light)\n');
  project.provide('nginx', installed);
  return stopNginx;
}

/** Starts nginx in front of these upstreams, in turn. Returns its endpoint. Only one at a time; see `stopNginx`. */
export async function startNginx(upstreams: readonly string[]): Promise<string> {
  const hosts = upstreams.map((upstream) => new URL(upstream).host);
  const { NGINX_URL } = await startEngine<{ NGINX_URL: string }>(SCRIPT, [DIRECTORY, ...hosts], PORT);
  return NGINX_URL;
}

export async function stopNginx(): Promise<void> {
  await stopEngine(SCRIPT, [DIRECTORY], PORT);
}
