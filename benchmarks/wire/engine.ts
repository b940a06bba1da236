import { fileURLToPath } from 'node:url';
import { cephRgwVersion, type EngineEnvironment, startEngine, stopEngine } from '../../src/testing/engines/engine.ts';
import type { Credentials } from './remote-server.ts';

/** A running S3 engine. */
export interface Engine {
  readonly title: string;
  /** `http`, since a link cannot precede a certificate. */
  readonly endpoint: string;
  readonly credentials: Credentials;
}

// In the sources: the compiler copies no scripts.
const CEPH_RGW = fileURLToPath(new URL('../../../src/testing/engines/ceph-rgw.sh', import.meta.url));
// Not the port of the engine tests, which may be running.
const PORT = '7495';
const CEPH_DIRECTORY = `/tmp/javumbo-ceph-rgw-${PORT}`;

/** The engine of a run: the named one, else a Ceph RGW that starts when a scenario first needs it. */
export class RunEngine {
  readonly #named: Engine | undefined;
  #ceph: Promise<Engine> | undefined;

  constructor(named: Engine | undefined) {
    this.#named = named;
  }

  /** Returns the engine, or why there is none. Rejects if Ceph RGW is installed but does not start. */
  async get(): Promise<Engine | { readonly absent: string }> {
    if (this.#named !== undefined) return this.#named;
    const version = cephRgwVersion();
    if (version === undefined) {
      return { absent: 'radosgw is not installed (Debian: apt-get install radosgw ceph-mon ceph-osd)' };
    }
    this.#ceph ??= startCephRgw(version);
    return this.#ceph;
  }

  /** Stops the engine if it was started here. */
  async stop(): Promise<void> {
    if (this.#ceph !== undefined) await stopEngine(CEPH_RGW, [CEPH_DIRECTORY], PORT);
  }
}

async function startCephRgw(version: string): Promise<Engine> {
  const started = await startEngine<EngineEnvironment>(CEPH_RGW, [CEPH_DIRECTORY], PORT);
  return {
    title: `Ceph RGW ${version}`,
    endpoint: started.AWS_ENDPOINT_URL_S3,
    credentials: { accessKeyId: started.AWS_ACCESS_KEY_ID, secretAccessKey: started.AWS_SECRET_ACCESS_KEY },
  };
}
