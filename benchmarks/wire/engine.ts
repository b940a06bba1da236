import { fileURLToPath } from 'node:url';
import { cephRgwVersion, type EngineEnvironment, startEngine, stopEngine } from '../../src/testing/engines/engine.ts';
import type { Credentials } from './remote-server.ts';

/** A real S3 engine that runs. */
export interface Engine {
  readonly title: string;
  /** `http`, for a link cannot stand before a certificate. */
  readonly endpoint: string;
  readonly credentials: Credentials;
}

// From the sources: the compiler copies no scripts.
const CEPH_RGW = fileURLToPath(new URL('../../../src/testing/engines/ceph-rgw.sh', import.meta.url));
// Not the port of the engine tests, which may run meanwhile.
const PORT = '7495';
const CEPH_DIRECTORY = `/tmp/javumbo-ceph-rgw-${PORT}`;

/** The engine of a run: the one that was named, else a Ceph RGW that is started when a scenario first wants it. */
export class RunEngine {
  readonly #named: Engine | undefined;
  #ceph: Promise<Engine> | undefined;

  constructor(named: Engine | undefined) {
    this.#named = named;
  }

  /** The engine, or why there is none. Rejects where Ceph RGW is installed and does not start. */
  async get(): Promise<Engine | { readonly absent: string }> {
    if (this.#named !== undefined) return this.#named;
    const version = cephRgwVersion();
    if (version === undefined) {
      return { absent: 'radosgw is not installed (Debian: apt-get install radosgw ceph-mon ceph-osd)' };
    }
    this.#ceph ??= startCephRgw(version);
    return this.#ceph;
  }

  /** Stops what was started. */
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
