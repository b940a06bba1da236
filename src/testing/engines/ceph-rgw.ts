import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { cephRgwVersion, type EngineEnvironment, startEngine, stopEngine } from './engine.ts';

const SCRIPT = fileURLToPath(new URL('./ceph-rgw.sh', import.meta.url));
// Another PORT is another engine, so that two checkouts can test at once.
const PORT = process.env.PORT ?? '7490';
const DIRECTORY = `/tmp/javumbo-ceph-rgw-${PORT}`;

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined if Ceph is not installed. */
    cephRgw: EngineEnvironment | undefined;
  }
}

/** Vitest's global setup: starts Ceph RGW for the engine tests and stops it after them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (cephRgwVersion() === undefined) {
    process.stderr.write(
      'engine tests skipped: radosgw is not installed (Debian: apt-get install radosgw ceph-mon ceph-osd)\n',
    );
    project.provide('cephRgw', undefined);
    return async () => {};
  }
  project.provide('cephRgw', await startEngine<EngineEnvironment>(SCRIPT, [DIRECTORY], PORT));
  return () => stopEngine(SCRIPT, [DIRECTORY], PORT);
}
