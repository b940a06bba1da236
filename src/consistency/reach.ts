import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { DeletionProbe } from '../probes/deletion-probe.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
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
export function faultsOf({ deployment, endpointUrl }: Config): readonly string[] {
  if (deployment.value === 'local') return PORT_FAULTS;
  return isPlain(endpointUrl.value) ? HTTP_FAULTS : PORT_FAULTS;
}

function isPlain(endpoint: string | undefined): endpoint is string {
  return endpoint?.startsWith('http:') === true;
}

/**
 * Makes the way to a deployment: over a proxy where its endpoint is plain HTTP; else the clients make the faults
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
  const endpoint = config.endpointUrl.value;
  if (config.deployment.value !== 'local' && isPlain(endpoint)) return overProxies(options, endpoint, faults);
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

async function overProxies(
  { config, random, clock, home, deletion = UNCLEAR }: ReachOptions,
  endpoint: string,
  names: readonly string[],
): Promise<Reach> {
  const faults = HTTP_FAULTS.filter((name) => names.includes(name));
  const s3 = await startFaultProxy({ upstream: endpoint, faults, random, clock });
  const tables = config.dynamodbEndpointUrl.value;
  const dynamo = isPlain(tables) ? await startFaultProxy({ upstream: tables, faults, random, clock }) : undefined;
  const proxies: readonly FaultProxy[] = dynamo === undefined ? [s3] : [s3, dynamo];
  const { DeletionRecords } = await import('../probes/deletion.ts');
  const store = `s3 ${s3.endpoint} ${config.bucket.value}`;
  new DeletionRecords(home).record({ store, foundAt: new Date(clock.now()).toISOString(), ...deletion }, random);
  return {
    faults,
    clientFaults: [],
    configOf: (cacheDir) => ({
      ...clientConfig(config, cacheDir),
      home: { value: home, source: 'default' },
      endpointUrl: { value: s3.endpoint, source: 'default' },
      ...(dynamo === undefined ? {} : { dynamodbEndpointUrl: { value: dynamo.endpoint, source: 'default' } as const }),
    }),
    counts: () => proxies.map((proxy) => proxy.counts()).reduce(addCounts),
    settle: async () => {
      await Promise.all(proxies.map((proxy) => proxy.settle()));
    },
    close: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
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
