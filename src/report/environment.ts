import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';
import { promisify } from 'node:util';
import { packageVersion } from '../core/package-information.ts';
import type { Environment, Report } from './document.ts';

/** Set in the bundle, which has the SDK inside. */
declare const JAVUMBO_SDK_VERSION: string | undefined;

/** Describes what figures depend on besides the program. `engine` is what implements the store. */
export async function environmentOf(env: NodeJS.ProcessEnv, engine: string): Promise<Environment> {
  const processors = cpus();
  const commit = await commitOf(env);
  return {
    node: process.versions.node,
    platform: platform(),
    arch: arch(),
    cpuCount: processors.length,
    cpuModel: processors[0]?.model.trim() ?? 'unknown',
    sdk: typeof JAVUMBO_SDK_VERSION === 'undefined' ? installedSdkVersion() : JAVUMBO_SDK_VERSION,
    engine,
    ...(commit === undefined ? {} : { commit }),
  };
}

// Read, not imported: loading the SDK takes time, and the local deployment does not need it.
function installedSdkVersion(): string {
  return (createRequire(import.meta.url)('@aws-sdk/client-s3/package.json') as { version: string }).version;
}

// The variables of GitHub, GitLab, CircleCI, Jenkins and Buildkite for a job's commit.
const COMMIT_VARIABLES = ['GITHUB_SHA', 'CI_COMMIT_SHA', 'CIRCLE_SHA1', 'GIT_COMMIT', 'BUILDKITE_COMMIT'];

/** Returns the commit under test: the CI's, else that of the current working tree, if any. */
async function commitOf(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = COMMIT_VARIABLES.map((name) => env[name]).find((value) => value !== undefined && value !== '');
  if (named !== undefined) return named;
  try {
    // A broken repository or slow disk must not delay a benchmark.
    const { stdout } = await promisify(execFile)('git', ['rev-parse', '--verify', 'HEAD'], { timeout: 2_000 });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

export function toolOf(): Report['tool'] {
  return { name: 'javumbo', version: packageVersion() };
}
