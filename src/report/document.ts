import { readFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import type { Metric } from '../bench/stats.ts';
import type { RequestCounts } from '../databases/request-counts.ts';
import type { DeploymentDescription } from '../deployment/deployment.ts';

/** What every `bench` and `verify` command reports. Fields are added, and never given another meaning. */
export interface Report {
  readonly schemaVersion: 1;
  readonly kind: 'bench' | 'verify';
  readonly name: string;
  readonly tool: { readonly name: 'javumbo'; readonly version: string };
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly deployment: DeploymentDescription;
  /** The round trip is simulated: times hold for the design, not for a network. */
  readonly simulated: boolean;
  readonly environment: Environment;
  readonly parameters: Readonly<Record<string, number | string | boolean>>;
  readonly checks: readonly Check[];
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly derived: Readonly<Record<string, number>>;
  readonly grades: Readonly<Record<string, string>>;
  /** Whether each request was a hit, in their order and told before each, where that is what is measured. */
  readonly hits?: readonly boolean[];
  /** Each worker's outcome, where there were workers. */
  readonly workers?: readonly WorkerReport[];
  /** Of what was measured; setup and clean-up are not in it. */
  readonly requests: RequestCounts;
  /** Doubts about the figures, each with what to try. */
  readonly warnings: readonly string[];
  readonly passed: boolean;
  readonly failureReasons: readonly string[];
}

export interface Check {
  /** The number that week 1 gave the test. */
  readonly id: string;
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly durationMs: number;
  /** Why it failed or was skipped. */
  readonly reason?: string;
  readonly try?: string;
  readonly assertions: readonly Assertion[];
}

export interface Assertion {
  readonly name: string;
  readonly passed: boolean;
  readonly expected?: string | number | boolean;
  readonly actual?: string | number | boolean;
}

/** How one edit of one worker ended. */
export interface WorkerReport {
  readonly outcome: 'committed' | 'conflict' | 'unknown' | 'other';
  readonly noteId: number;
  /** How often the edit was run. */
  readonly attempts: number;
  readonly durationMs: number;
}

export interface Environment {
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly cpuCount: number;
  readonly cpuModel: string;
}

export function environmentOf(): Environment {
  const processors = cpus();
  return {
    node: process.versions.node,
    platform: platform(),
    arch: arch(),
    cpuCount: processors.length,
    cpuModel: processors[0]?.model.trim() ?? 'unknown',
  };
}

export function toolOf(): Report['tool'] {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return { name: 'javumbo', version };
}
