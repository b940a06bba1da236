import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { promisify } from 'node:util';
import { z } from 'zod';
import { codeOf, JavumboError } from '../core/failure.ts';
import type { TerraformOutputs } from './terraform.ts';

export interface TerraformOptions {
  /** The environment of the child process; its PATH is where Terraform is looked for. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends the child process; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** For how many milliseconds it may run. A state may be far away, so the default is half a minute. */
  readonly timeoutMs?: number | undefined;
}

// OpenTofu answers as Terraform does, and is what some machines have in its place.
const PROGRAMS = ['terraform', 'tofu'];
const ARGUMENTS = ['output', '-json', '-no-color'];
const TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 10 * 1024 * 1024;

// `aws_region` is the one output of infra/ that week 1's configuration lacks; where it is missing, others say the region.
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
 * What `terraform output -json` says in a directory, run as a child process. No value of it is ever part of an error.
 *
 * Throws `usage` where the path is no directory, neither Terraform nor OpenTofu is installed, or the outputs are not those
 * of `infra/`; `not-found` where nothing has been applied; `unavailable` where Terraform fails, takes too long or does
 * not answer in its JSON.
 */
export async function readTerraformOutputs(directory: string, options: TerraformOptions): Promise<TerraformOutputs> {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
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

/** The value of an output, which will be shown: so it is no secret. */
function shown(name: string, { sensitive, value }: { readonly sensitive: boolean; readonly value?: unknown }): string {
  if (sensitive) {
    throw new JavumboError('usage', `Terraform's output ${name} is sensitive, and javumbo would show it`, {
      try: `without sensitive = true in output "${name}"`,
    });
  }
  if (typeof value !== 'string' || value === '') {
    throw new JavumboError('usage', `Terraform's output ${name} is not a text`, { try: `a name in output "${name}"` });
  }
  return value;
}

function parsedOutputs(program: string, stdout: string): z.infer<typeof outputsSchema> {
  try {
    return outputsSchema.parse(JSON.parse(stdout));
  } catch {
    // Without its cause, which would quote what may be secret.
    throw new JavumboError('unavailable', `${program} output -json did not answer with the JSON of its outputs`, {
      try: `${program} version`,
    });
  }
}

/** Runs the first of the programs that is installed. */
async function runFirst(
  programs: readonly string[],
  cwd: string,
  { env, signal, timeoutMs = TIMEOUT_MS }: TerraformOptions,
): Promise<{ program: string; stdout: string }> {
  for (const program of programs) {
    try {
      const { stdout } = await promisify(execFile)(program, ARGUMENTS, {
        cwd,
        env: { ...env, TF_IN_AUTOMATION: '1', TF_INPUT: '0' },
        signal,
        timeout: timeoutMs,
        // Terraform waits for its plugins at SIGTERM; there is nothing here that it could leave half done.
        killSignal: 'SIGKILL',
        maxBuffer: OUTPUT_BYTES_MAX,
      });
      return { program, stdout };
    } catch (error) {
      signal?.throwIfAborted();
      if (codeOf(error) === 'ENOENT') continue;
      throw programFailure(program, cwd, timeoutMs, error);
    }
  }
  throw new JavumboError('usage', 'neither terraform nor tofu is on the PATH, and --terraform asks one of them', {
    try: 'install Terraform or OpenTofu, or name --bucket, --users-table, --locks-table, --function and --api-url',
  });
}

function programFailure(program: string, cwd: string, timeoutMs: number, error: unknown): JavumboError {
  const { killed = false, stderr = '' } = error as { killed?: boolean; stderr?: string };
  if (killed && codeOf(error) === undefined) {
    return new JavumboError('unavailable', `${program} output took longer than ${timeoutMs / 1000} s in ${cwd}`, {
      try: `${program} -chdir=${cwd} output`,
    });
  }
  // Its own account, as far as one line holds it: it draws a box of several around that.
  const reason = /Error: (.+)/.exec(stderr)?.[1]?.trim() ?? 'it ended without saying why';
  return new JavumboError('unavailable', `${program} output failed in ${cwd}: ${reason}`, {
    try: `${program} -chdir=${cwd} output`,
  });
}
