import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { DeletionProbe } from '../probes/deletion-probe.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { HTTP_FAULTS } from './http-faults.ts';
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
  /** As in Deployment. */
  readonly identity: string;
  /** The faults that are wanted; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly random: Random;
  readonly clock: Clock;
  /** A home of the clients' own, where nothing was found unsafe. */
  readonly home: string;
  /** How the engine deletes, so that no client asks it through faults. */
  readonly deletion: DeletionProbe | undefined;
}

/** One request may take no longer: the network is on loopback or near, and a run is to meet many. */
export const TIMEOUT_MS = 1_000;

/** Returns the faults that can be made on the way to a deployment. */
export function faultsOf({ deployment }: Config): readonly string[] {
  return deployment.value === 'local' ? PORT_FAULTS : HTTP_FAULTS;
}

/**
 * Makes the way to a deployment: over a proxy where there are requests; on the local deployment the clients make the faults
 * themselves, at the ports. The caller closes it.
 */
export async function openReach(options: ReachOptions): Promise<Reach> {
  const { config, only } = options;
  const possible = faultsOf(config);
  const stranger = only?.find((name) => !possible.includes(name));
  if (stranger !== undefined) {
    throw new JavumboError('usage', `there is no fault ${stranger} on this deployment`, {
      try: `--faults with some of ${possible.join(', ')}`,
    });
  }
  const faults = possible.filter((name) => only?.includes(name) ?? true);
  if (config.deployment.value === 'aws') return overProxy(options, faults);
  return {
    faults,
    clientFaults: faults,
    configOf: (cacheDir) => clientConfig(config, cacheDir),
    counts: () => ({}),
    settle: async () => {},
    close: async () => {},
  };
}

/** Deletes are made by tombstones where it is not known that they can be made otherwise. */
const UNCLEAR: DeletionProbe = { condition: 'refuses', races: 0, bothAccepted: 0 };

async function overProxy(
  { config, identity, random, clock, home, deletion = UNCLEAR }: ReachOptions,
  names: readonly string[],
): Promise<Reach> {
  const faults = HTTP_FAULTS.filter((name) => names.includes(name));
  const proxy = await startFaultProxy({ proxies: config, faults, random, clock });
  const { DeletionRecords } = await import('../probes/deletion.ts');
  const foundAt = new Date(clock.now()).toISOString();
  new DeletionRecords(home).record({ store: identity, foundAt, ...deletion }, random);
  return {
    faults,
    clientFaults: [],
    configOf: (cacheDir) => ({
      ...clientConfig(config, cacheDir),
      home: { value: home, source: 'default' },
      faultProxy: { value: proxy.endpoint, source: 'default' },
    }),
    counts: proxy.counts,
    settle: proxy.settle,
    close: proxy.close,
  };
}

/** Adds counts, name by name. */
export function addCounts(one: Counts, other: Counts): Counts {
  const all: Record<string, Counts[string]> = { ...one };
  for (const [name, { fired, landed }] of Object.entries(other)) {
    const before = all[name] ?? { fired: 0, landed: 0 };
    all[name] = { fired: before.fired + fired, landed: before.landed + landed };
  }
  return all;
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
