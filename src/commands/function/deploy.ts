import { readFileSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { progressOn } from '../../cli/progress.ts';
import { confirm } from '../../cli/prompt.ts';
import { LOCAL_FUNCTION } from '../../config/function.ts';
import { JavumboError, messageOf } from '../../core/failure.ts';
import { interruptionOf } from '../../core/interruptible.ts';
import type { DeployedFunction } from '../../function/deploy.ts';
import type { Execute, Invocation } from '../execute.ts';

interface DeployCommandOptions {
  readonly package?: string;
  readonly yes?: boolean;
}

// Lambda's quota for code in a request. More would have to come from a bucket.
const ZIP_BYTES_MAX = 50 * 1024 * 1024;

export function registerFunctionDeploy(parent: Command, execute: Execute): void {
  const command = parent
    .command('deploy')
    .description("replace the function's code in Lambda, then call it to see that it answers")
    .option('--package <zip>', 'the new code (default: what function package makes)')
    .option('-y, --yes', 'replace code that is not javumbo without asking')
    .addHelpText('after', '\nExample:\n  $ javumbo function deploy --function javumbo-api');
  command.action((options: DeployCommandOptions) =>
    execute(command, (invocation) => functionDeploy(invocation, options), deployView),
  );
}

/** Throws like `deployFunction`, and `usage` without a package or a function to deploy. */
export async function functionDeploy(
  invocation: Invocation,
  { package: file, yes = false }: DeployCommandOptions,
): Promise<DeployedFunction> {
  const { context, flags, config } = invocation;
  invocation.requireMeantDeployment();
  refuseWhatIsNotDeployed(config.function.value);
  const zip = file === undefined ? await ownPackage() : readPackage(file);
  const { deployFunction } = await import('../../function/deploy.ts');
  const client = await (await invocation.deployment()).function();
  const { name, code } = client.function;
  if (code === undefined) throw new JavumboError('internal', `function "${name}" is in Lambda, and has no code`);
  let progress = progressOn(context, flags.quiet, flags.progressJson);
  try {
    return await deployFunction(zip, {
      client,
      code,
      clock: context.clock,
      interruption: interruptionOf(context),
      onStep: (step) => progress.show(step),
      confirmForeign: async (reason) => {
        // Progress would overwrite the question and count the time to answer it.
        progress.done();
        await confirm(context, {
          what: `${reason}; this replaces its code`,
          word: name,
          yes,
          look: 'javumbo function describe, to see what is there',
          spared: 'nothing was deployed',
        });
        progress = progressOn(context, flags.quiet, flags.progressJson);
      },
    });
  } finally {
    progress.done();
  }
}

function refuseWhatIsNotDeployed(name: string): void {
  if (name === LOCAL_FUNCTION) {
    throw new JavumboError('usage', 'the function is local: it runs this very program, and needs no deployment', {
      try: '--bucket and --function, for a deployment on AWS',
    });
  }
  // An alias or a version: `name:live`, or as the eighth part of an ARN.
  const qualifier = name.startsWith('arn:') ? name.split(':')[7] : name.split(':')[1];
  if (qualifier === undefined || qualifier === '$LATEST') return;
  throw new JavumboError('usage', `"${name}" is a published version, whose code never changes`, {
    try: `the function's name without :${qualifier}`,
  });
}

async function ownPackage(): Promise<Uint8Array> {
  const { buildPackage } = await import('../../lambda/package.ts');
  return (await buildPackage()).bytes;
}

function readPackage(file: string): Uint8Array {
  const refused = (reason: string, cause?: unknown): JavumboError =>
    new JavumboError('usage', `${file} ${reason}`, { try: 'another file with --package', cause });
  let zip: Uint8Array;
  try {
    const found = statSync(file);
    if (!found.isFile()) throw refused('is not an ordinary file');
    const { size } = found;
    if (size > ZIP_BYTES_MAX) throw refused(`has ${size} bytes, and Lambda takes ${ZIP_BYTES_MAX}`);
    zip = readFileSync(file);
  } catch (error) {
    throw error instanceof JavumboError ? error : refused(`cannot be read: ${messageOf(error)}`, error);
  }
  // The signature of a zip's first file.
  if (Buffer.from(zip.subarray(0, 4)).toString('latin1') === 'PK\u0003\u0004') return zip;
  throw refused('is not a zip');
}

export const deployView: View<DeployedFunction> = {
  json: ({ outcome, name, codeSha256, codeSizeBytes, previous, answer: { version, container, result } }) => ({
    outcome,
    function: name,
    version,
    codeSha256,
    codeSizeBytes,
    previous,
    container,
    ...result,
  }),
  fields: ({ outcome, name, codeSha256, codeSizeBytes, previous, answer: { version, container, result } }) => ({
    function: name,
    outcome: outcome === 'unchanged' ? 'unchanged: that code was there already' : outcome,
    version,
    'version before': previous.version ?? 'not javumbo',
    'code SHA-256': codeSha256,
    size: { bytes: codeSizeBytes },
    container: `${container.id} (${container.warm ? 'warm' : 'cold'})`,
    'runs on': `Node ${result.node}, ${result.architecture}`,
  }),
};
