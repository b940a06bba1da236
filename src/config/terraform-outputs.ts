import { spawn } from 'node:child_process';
import * as z from 'zod';
import { codeOf, JavumboError } from '../core/failure.ts';
import { isDirectory } from '../core/make-directory.ts';
import type { TerraformOutputs } from './terraform.ts';

export interface TerraformOptions {
  /** The child process's environment; Terraform is looked up in its PATH. */
  readonly env: NodeJS.ProcessEnv;
  /** Kills the child process; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** The time limit in milliseconds. The state may be remote, so the default is half a minute. */
  readonly timeoutMs?: number | undefined;
}

// OpenTofu is compatible, and some machines have only that.
const PROGRAMS = ['terraform', 'tofu'];
const ARGUMENTS = ['output', '-json', '-no-color'];
const TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 10 * 1024 * 1024;

// `aws_region` is optional: week 1's configuration lacks it, and other sources name the region.
const REQUIRED = [
  's3_bucket_name',
  'dynamodb_users_table_name',
  'dynamodb_locks_table_name',
  'lambda_function_name',
  'api_gateway_url',
] as const;
const NAMES = [...REQUIRED, 'aws_region'] as const;

const outputsSchema = z.record(z.string(), z.object({ sensitive: z.boolean().default(false), value: z.unknown() }));

/**
 * Runs `terraform output -json` in a directory and returns the outputs. Errors never contain their values.
 *
 * Throws `usage` if the path is not a directory, neither Terraform nor OpenTofu is installed, or the outputs are not
 * those of `infra/`; `not-found` if nothing was applied; `unavailable` if Terraform fails, times out or does not answer
 * in JSON.
 */
export async function readTerraformOutputs(directory: string, options: TerraformOptions): Promise<TerraformOutputs> {
  if (!isDirectory(directory)) {
    throw new JavumboError('usage', `--terraform is not a directory: ${JSON.stringify(directory)}`, {
      try: '--terraform infra',
    });
  }
  const { program, stdout } = await runFirst(PROGRAMS, directory, options);
  const outputs = parsedOutputs(program, stdout);
  if (Object.keys(outputs).length === 0) {
    throw new JavumboError('not-found', `Terraform has no outputs in ${directory}: it was never applied there`, {
      try: `${program} -chdir=${directory} apply`,
    });
  }
  const missing = REQUIRED.filter((name) => outputs[name] === undefined);
  if (missing.length > 0) {
    throw new JavumboError('usage', `Terraform in ${directory} lacks the outputs ${missing.join(', ')}`, {
      try: 'the directory of javumbo’s own configuration (infra), applied again',
    });
  }
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const output = outputs[name];
      return output === undefined ? [] : [[name, shown(name, output)]];
    }),
  );
}

/** Returns an output's value, which will be shown, so it must not be secret. */
function shown(name: string, { sensitive, value }: { readonly sensitive: boolean; readonly value?: unknown }): string {
  if (sensitive) {
    throw new JavumboError('usage', `Terraform's output ${name} is sensitive, and javumbo would show it`, {
      try: `without sensitive = true in output "${name}"`,
    });
  }
  if (typeof value !== 'string' || value === '') {
    throw new JavumboError('usage', `Terraform's output ${name} is not a string`, {
      try: `a name in output "${name}"`,
    });
  }
  return value;
}

function parsedOutputs(program: string, stdout: string): z.infer<typeof outputsSchema> {
  try {
    return outputsSchema.parse(JSON.parse(stdout));
  } catch {
    // No cause: it would quote what may be secret.
    throw new JavumboError('unavailable', `${program} output -json did not answer with the JSON of its outputs`, {
      try: `${program} version`,
    });
  }
}

/** Runs the first installed program. */
async function runFirst(
  programs: readonly string[],
  cwd: string,
  { env, signal, timeoutMs = TIMEOUT_MS }: TerraformOptions,
): Promise<{ program: string; stdout: string }> {
  for (const program of programs) {
    try {
      const stdout = await outputOf(program, { cwd, env, signal, timeoutMs });
      return { program, stdout };
    } catch (error) {
      signal?.throwIfAborted();
      if (codeOf(error) === 'ENOENT') continue;
      throw programFailure(program, cwd, timeoutMs, error);
    }
  }
  throw new JavumboError('usage', 'neither terraform nor tofu is on the PATH, and --terraform needs one of them', {
    try: 'install Terraform or OpenTofu, or name --bucket, --users-table, --locks-table, --function and --api-url',
  });
}

/**
 * Runs a program in a process group of its own, which ends with it: a wrapper such as tfenv starts another program, which
 * would outlive its parent and hold its output open.
 */
async function outputOf(
  program: string,
  {
    cwd,
    env,
    signal,
    timeoutMs,
  }: { cwd: string; env: NodeJS.ProcessEnv; signal?: AbortSignal | undefined; timeoutMs: number },
): Promise<string> {
  const child = spawn(program, ARGUMENTS, {
    cwd,
    env: { ...env, TF_IN_AUTOMATION: '1', TF_INPUT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let killed = false;
  const kill = (): void => {
    // At SIGTERM Terraform waits for its plugins; here it has nothing to leave half done.
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {}
  };
  const timer = setTimeout(() => {
    killed = true;
    kill();
  }, timeoutMs);
  if (signal?.aborted) kill();
  signal?.addEventListener('abort', kill);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      if (texts[name].length > OUTPUT_BYTES_MAX) kill();
    });
  }
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code === 0 && !killed) return texts.stdout;
    throw Object.assign(new Error(`${program} ended with ${code}`), { killed, stderr: texts.stderr });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  }
}

function programFailure(program: string, cwd: string, timeoutMs: number, error: unknown): JavumboError {
  const { killed = false, stderr = '' } = error as { killed?: boolean; stderr?: string };
  if (killed && codeOf(error) === undefined) {
    return new JavumboError('unavailable', `${program} output took longer than ${timeoutMs / 1000} s in ${cwd}`, {
      try: `${program} -chdir=${cwd} output`,
    });
  }
  // The first line of Terraform's message, which it frames with a box.
  const reason = /Error: (.+)/.exec(stderr)?.[1]?.trim() ?? 'it ended without saying why';
  return new JavumboError('unavailable', `${program} output failed in ${cwd}: ${reason}`, {
    try: `${program} -chdir=${cwd} output`,
  });
}
