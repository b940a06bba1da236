import { join } from 'node:path';
import { compareMetrics } from '../../src/bench/compare.ts';
import { metricOf } from '../../src/bench/stats.ts';
import { systemRandom } from '../../src/core/random.ts';
import { DESIGN_NAMES, type Design, type DesignName, openDesign } from '../designs.ts';
import { floorMs } from '../wire/lane.ts';
import type { LinkName, NamedLink } from '../wire/links.ts';
import type { Counts, RemoteServer } from '../wire/remote-server.ts';

export interface Bench {
  readonly server: RemoteServer;
  /** The scenario's own empty directory. */
  readonly directory: string;
  /** Takes a fraction of the samples and sizes, to check that everything runs. */
  readonly quick: boolean;
  readonly links: readonly NamedLink[];
  /** Takes half of the samples, for a slow server in a run of ten minutes. */
  readonly half: boolean;
  readonly progress: (text: string) => void;
}

/** A question about the design, and the way to answer it. */
export interface Scenario {
  readonly name: string;
  readonly question: string;
  /** The method, and what to know before believing the result. */
  readonly method: string;
  /** True if it needs a real S3 engine, which may be missing. Default: the loopback server. */
  readonly engine?: boolean;
  run(bench: Bench): Promise<Findings>;
}

export interface Findings {
  readonly measurements?: readonly Measurement[];
  readonly figures?: readonly Figure[];
  readonly starts?: readonly Start[];
  readonly mustHolds?: readonly MustHold[];
}

/** One operation over one link, in both designs. */
export interface Measurement {
  readonly operation: string;
  readonly link: LinkName;
  readonly sizeBytes: number;
  readonly javumbo: Measured;
  readonly weekOne: Measured;
  /** Week 1's median divided by ours: how many times faster we are, with the bootstrap's 95 % interval. */
  readonly timesFaster: number;
  readonly timesFasterLow: number;
  readonly timesFasterHigh: number;
}

/** Requests, bytes and connections per operation, as counted by the server; on a real engine, by the client. */
export interface Measured {
  readonly samplesMs: readonly number[];
  readonly p50Ms: number;
  readonly requests: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly connections: number;
  /** Round trips × rtt + bytes ÷ bandwidth, for the counted traffic. */
  readonly floorMs: number;
}

/** Something counted once. */
export interface Figure {
  readonly name: string;
  readonly conditions: string;
  readonly unit: 'count' | 'ms' | 'bytes';
  readonly javumbo: number;
  /** Absent where week 1 has nothing like it. */
  readonly weekOne?: number;
}

/** The start of a command compared with Node's. */
export interface Start {
  readonly command: string;
  readonly samplesMs: readonly number[];
  readonly nodeSamplesMs: readonly number[];
  readonly p50Ms: number;
  readonly nodeP50Ms: number;
  readonly ratio: number;
  readonly ratioLow: number;
  readonly ratioHigh: number;
}

/** A promise of the design, and whether the measurement keeps it. */
export interface MustHold {
  readonly name: string;
  readonly expected: string;
  readonly actual: number;
  readonly passed: boolean;
}

export function atLeast(name: string, limit: number, actual: number): MustHold {
  return { name, expected: `at least ${limit}`, actual, passed: actual >= limit };
}

export function atMost(name: string, limit: number, actual: number): MustHold {
  return { name, expected: `at most ${limit}`, actual, passed: actual <= limit };
}

/** One timed run of an operation. */
export interface Sample extends Omit<Measured, 'samplesMs' | 'p50Ms' | 'floorMs'> {
  readonly ms: number;
}

/** Runs an operation, and asks the server what it counted. No one else may use the server meanwhile. */
export async function sample(server: RemoteServer, operation: () => Promise<unknown>): Promise<Sample> {
  const before = await server.counts();
  const startedAt = performance.now();
  await operation();
  const ms = performance.now() - startedAt;
  return { ms, ...trafficBetween(before, await server.counts()) };
}

export function trafficBetween(
  before: Counts,
  after: Counts,
): Omit<Sample, 'ms'> & { readonly puts: number; readonly gets: number } {
  return {
    requests: after.requests - before.requests,
    bytesUp: after.bytesUp - before.bytesUp,
    bytesDown: after.bytesDown - before.bytesDown,
    connections: after.connections - before.connections,
    puts: after.operations.PutObject - before.operations.PutObject,
    gets: after.operations.GetObject - before.operations.GetObject,
  };
}

export type BothSamples = Readonly<Record<DesignName, Sample[]>>;

export function noSamples(): BothSamples {
  return { javumbo: [], 'week-one': [] };
}

/** Samples both designs in turn, with alternating order, so that drift affects both. */
export async function inTurn(times: number, take: (design: DesignName, index: number) => Promise<void>): Promise<void> {
  for (let index = 0; index < times; index++) {
    const order = index % 2 === 0 ? DESIGN_NAMES : DESIGN_NAMES.toReversed();
    for (const design of order) await take(design, index);
  }
}

export function measurementOf(
  operation: string,
  link: NamedLink,
  sizeBytes: number,
  samples: BothSamples,
): Measurement {
  const javumbo = measured(samples.javumbo, link);
  const weekOne = measured(samples['week-one'], link);
  const { ratio, low, high } = ratioOf(javumbo.samplesMs, weekOne.samplesMs);
  const faster = { timesFaster: ratio, timesFasterLow: low, timesFasterHigh: high };
  return { operation, link: link.name, sizeBytes, javumbo, weekOne, ...faster };
}

/** Returns the ratio of the medians, `after` to `before`, with its interval. */
export function ratioOf(
  before: readonly number[],
  after: readonly number[],
): { ratio: number; low: number; high: number } {
  const { ms } = compareMetrics({ ms: metricOf(before) }, { ms: metricOf(after) }, systemRandom);
  return { ratio: ms?.ratio ?? Number.NaN, low: ms?.ratioLow ?? Number.NaN, high: ms?.ratioHigh ?? Number.NaN };
}

function measured(samples: readonly Sample[], link: NamedLink): Measured {
  const mean = (field: keyof Sample): number => samples.reduce((sum, each) => sum + each[field], 0) / samples.length;
  const [requests, bytesUp, bytesDown] = [mean('requests'), mean('bytesUp'), mean('bytesDown')];
  const samplesMs = samples.map(({ ms }) => ms);
  return {
    samplesMs,
    p50Ms: metricOf(samplesMs).p50,
    requests,
    bytesUp,
    bytesDown,
    connections: mean('connections'),
    floorMs: floorMs(link, { requests, bytes: bytesUp + bytesDown }),
  };
}

/** Opens a new link and returns its endpoint, so that each caller has the link's full bandwidth. */
export function endpointOver(bench: Bench, link: NamedLink): Promise<string> {
  return link.name === 'none' ? Promise.resolve(bench.server.endpoint) : bench.server.openLink(link);
}

/** Opens both designs, each over its own link; closes them when `work` ends. */
export async function withBothDesigns<T>(
  bench: Bench,
  link: NamedLink,
  work: (designs: Readonly<Record<DesignName, Design>>) => Promise<T>,
): Promise<T> {
  const open = async (name: DesignName): Promise<Design> =>
    openDesign(name, await endpointOver(bench, link), bench.directory, bench.server.bodyDigest);
  const designs = { javumbo: await open('javumbo'), 'week-one': await open('week-one') };
  try {
    return await work(designs);
  } finally {
    for (const name of DESIGN_NAMES) designs[name].close();
  }
}

/** Returns the path of the seed of a size, in the scenario's directory. */
export function seedPath(bench: Bench, sizeBytes: number): string {
  return join(bench.directory, `seed-${sizeBytes}.anki2`);
}

/** Formats a size: 24 KB, 1 MB. */
export function sizeTitle(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.round(bytes / 1024)} KB` : `${Math.round(bytes / 1_000_000)} MB`;
}
