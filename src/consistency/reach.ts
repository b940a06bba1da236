import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { PORT_FAULTS } from './port-faults.ts';
import type { Counts } from './protocol.ts';

/** How clients reach a deployment, and where the faults on the way are made. */
export interface Reach {
  /** The faults that can be made. */
  readonly faults: readonly string[];
  /** Those that the clients make themselves. */
  readonly clientFaults: readonly string[];
  /** Returns the configuration of a client. */
  configOf(cacheDir: string): Config;
  /** What was counted between the clients and the deployment. */
  counts(): Counts;
  /** Makes no more faults, delivers what is late, and waits for the replies to what was sent. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export interface ReachOptions {
  readonly config: Config;
  /** The faults that are wanted; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly random: Random;
  readonly clock: Clock;
  /** A home of the clients' own, where nothing was found unsafe. */
  readonly home: string;
}

/** One request may take no longer: the network is on loopback or near, and a run is to meet many. */
export const TIMEOUT_MS = 1_000;

/** Returns the faults that can be made on a deployment of this kind. */
export async function faultsOf(config: Config): Promise<readonly string[]> {
  return config.deployment.value === 'local' ? PORT_FAULTS : PORT_FAULTS;
}

/** Makes the way to a deployment. The caller closes it. */
export async function openReach({ config, only }: ReachOptions): Promise<Reach> {
  const faults = PORT_FAULTS.filter((name) => only?.includes(name) ?? true);
  return {
    faults,
    clientFaults: faults,
    configOf: (cacheDir) => clientConfig(config, cacheDir),
    counts: () => ({}),
    settle: async () => {},
    close: async () => {},
  };
}

function clientConfig(config: Config, cacheDir: string): Config {
  return {
    ...config,
    cacheDir: { value: cacheDir, source: 'default' },
    timeout: { value: TIMEOUT_MS, source: 'default' },
    // Finding out is the point.
    allowUnsafeStore: { value: true, source: 'default' },
  };
}
