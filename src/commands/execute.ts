import type { Command } from 'commander';
import { EXIT_CODE, type ExitCode } from '../cli/exit-code.ts';
import type { OutputFlags } from '../cli/paint.ts';
import { printResult, type View } from '../cli/print.ts';
import { message } from '../cli/prose.ts';
import { refuseLocalWithPartsOfAws } from '../config/bucket.ts';
import { asksProfile, type Config, type GlobalFlags } from '../config/config.ts';
import { withContext } from '../config/contexts.ts';
import { LOCAL_FUNCTION } from '../config/function.ts';
import { loadConfig } from '../config/load.ts';
import type { Setting } from '../config/setting.ts';
import type { TerraformOutputs } from '../config/terraform.ts';
import type { Context } from '../core/context.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { formatMs, noCommand, visible } from '../core/format.ts';
import { interruptionOf, stoppable } from '../core/interruptible.ts';
import type { EndedRequest, Transfer } from '../core/requests.ts';
import type { Retry } from '../core/retry.ts';
import { leftWarning, newRunId, type TestRun } from '../core/test-data.ts';
import { keyOf } from '../core/username.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { UserTable } from '../users/user-table.ts';

/** What a command's run receives. The first call of `deployment` opens it, so that nothing is loaded before. */
export interface Invocation {
  /** Throws if it is invalid and --report is given; without --report the command does not get this far. */
  readonly config: Config;
  readonly context: Context;
  readonly flags: OutputFlags;
  deployment(options?: DeploymentOptions): Promise<Deployment>;
  /** The kind of deployment that is meant, even if the rest of the configuration is invalid. */
  readonly deploymentKind: 'local' | 'aws';
  /** Opens the accounts alone: neither the store nor the cache is loaded. */
  users(): Promise<UserTable>;
  /** The run that names test data, and whether that data stays (--keep). */
  run(): TestRun;
  /** Refuses options that belong to another deployment, and notes the default one. `deployment` calls it first. */
  requireMeantDeployment(): void;
  /** Writes a line to stderr, unless --quiet. */
  note(line: string): void;
  /** Writes a line to stderr, also with --quiet: somebody's work is at stake. */
  warn(line: string): void;
}

export interface DeploymentOptions {
  /** The round trip to simulate on the local deployment without --rtt: otherwise nothing takes time. */
  readonly rttDefaultMs?: number;
  /** Allows writes to a store that was found unsafe, regardless of the configuration. */
  readonly allowUnsafeStore?: boolean;
  /** Called when the bytes of a database begin to move. */
  readonly onTransfer?: (transfer: Transfer) => void;
}

export type Run<T> = (invocation: Invocation) => Promise<T>;

/**
 * Runs a parsed command: configuration, run, view. `main` reports what it throws. A command that is `unconfigured` reads
 * no setting, so that a bad one does not stop it.
 */
export type Execute = <T>(
  command: Command,
  run: Run<T>,
  view: View<T>,
  options?: { readonly unconfigured?: boolean },
) => Promise<void>;

/** Returns an `Execute` that works in `context` and passes the exit code to `finished`. */
export function executeIn(given: Context, finished: (code: ExitCode) => void): Execute {
  return async (command, run, view, { unconfigured = false } = {}) => {
    const flags = outputFlags(command);
    const context = flags.verbose ? tellingRequests(given) : given;
    const { cleanUps } = context;
    const opened: Deployment[] = [];
    const { keep = false, report } = command.opts<{ keep?: boolean; report?: unknown }>();
    const closing: { close(): void }[] = [];
    let testRun: TestRun | undefined;
    const warn = (line: string): void => {
      context.stderr.write(`${message(noCommand(visible(line)), context.stderr)}\n`);
    };
    const note = (line: string): void => {
      if (!flags.quiet) warn(line);
    };
    try {
      const withoutConfig = (error: unknown) => (): Config => {
        throw error;
      };
      const configured = unconfigured
        ? withoutConfig(new JavumboError('internal', `javumbo ${command.name()} reads no setting`))
        : await configOf(command, context).then(
            (config) => () => config,
            (error: unknown) => {
              // The report must say why nothing ran: the file of an earlier run would mislead.
              if (report === undefined) throw error;
              return withoutConfig(error);
            },
          );
      let isMeant = false;
      const requireMeantDeployment = (): void => {
        const config = configured();
        const { value: name, source, overrides = [] } = config.context;
        if (!isMeant && name !== undefined) {
          isMeant = true;
          if (source === 'context') note(`note: context ${name}: bucket ${config.bucket.value}`);
          for (const override of overrides) note(`note: ${override}`);
        }
        if (isMeant || config.deployment.source !== 'default') return;
        refuseEngineWithoutBucket(config);
        isMeant = true;
        note(`note: no bucket is configured: working on the local deployment in ${config.home.value}`);
      };
      const invocation: Invocation = {
        get config() {
          return configured();
        },
        context,
        flags,
        note,
        warn,
        run: () => {
          const id = newRunId(context.random);
          testRun ??= {
            id,
            keep,
            cleanUps,
            onKept: (...kept) => note(keptNote(...kept)),
            onLeft: (error) => warn(leftWarning({ id }, error)),
          };
          return testRun;
        },
        requireMeantDeployment,
        deploymentKind: meantDeployment(command.optsWithGlobals<GlobalFlags>(), context.env),
        deployment: async ({ rttDefaultMs, allowUnsafeStore = false, onTransfer } = {}) => {
          if (opened[0] !== undefined) return opened[0];
          requireMeantDeployment();
          const config = configured();
          const simulated = withDefaultRoundTrip(config, rttDefaultMs);
          const meant: Config = allowUnsafeStore
            ? { ...simulated, allowUnsafeStore: { value: true, source: 'default' } }
            : simulated;
          const { openDeployment } = await import('../deployment/open.ts');
          if (simulated !== config) note(`note: simulating a round trip of ${rttDefaultMs} ms (--rtt 0 for none)`);
          const deployment = await openDeployment(
            meant,
            onTransfer === undefined ? context : hooked(context, { onTransfer }),
          );
          opened.push(deployment);
          closing.push(deployment);
          return deployment;
        },
        users: async () => {
          requireMeantDeployment();
          const { openAccounts } = await import('../deployment/open.ts');
          const accounts = await openAccounts(configured(), context);
          closing.push(accounts);
          return accounts.users();
        },
      };
      const interruption = interruptionOf(context);
      const work = run(invocation);
      const result = await (interruption === undefined ? work : stoppable(work, interruption));
      await printResult(result, view, flags, context);
      finished(view.exitCode?.(result) ?? EXIT_CODE.ok);
    } finally {
      // Empty unless the run was interrupted.
      for (const failure of await cleanUps.run()) testRun?.onLeft?.(failure);
      for (const each of closing) each.close();
    }
  };
}

/** Returns a copy of the context that reports each request and each retry on stderr. */
function tellingRequests(context: Context): Context {
  const onRetry = ({ attempt, attemptsMax, waitMs, cause }: Retry): void => {
    const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
    tell(`attempt ${attempt} of ${attemptsMax} in ${formatMs(waitMs)}${why}`);
  };
  const onRequest = ({ operation, key, attempt, milliseconds, status }: EndedRequest): void => {
    tell(`${operation} ${key}  ${formatMs(milliseconds)}  ${status}${attempt > 1 ? `  attempt ${attempt}` : ''}`);
  };
  const tell = (line: string): void => {
    // A progress line may be on the terminal.
    const start = context.stderr.isTTY === true ? '\r\u001b[2K' : '';
    context.stderr.write(`${start}${visible(line)}\n`);
  };
  return hooked(context, { onRetry, onRequest });
}

/** Returns a copy with hooks that the context does not have. Copies descriptors: reading `stdin` would open it. */
function hooked(context: Context, hooks: Partial<Context>): Context {
  return Object.defineProperties({ ...hooks }, Object.getOwnPropertyDescriptors(context)) as unknown as Context;
}

/** Returns the deployment that is meant if the choice itself is invalid: a bad or missing bucket name still means AWS. */
function meantDeployment(flags: GlobalFlags, env: NodeJS.ProcessEnv): 'local' | 'aws' {
  try {
    return flags.terraform !== undefined || asksProfile(flags, withContext(flags, env).env) ? 'aws' : 'local';
  } catch {
    return flags.deployment === 'local' ? 'local' : 'aws';
  }
}

/** Refuses options that name a part of an AWS deployment if the local one would be used. */
function refuseEngineWithoutBucket(config: Config): void {
  const { endpointUrl, dynamodbEndpointUrl, lambdaEndpointUrl, usersTable, locksTable, apiUrl, profile } = config;
  const ofAws: Setting<string | undefined>[] = [
    profile,
    endpointUrl,
    dynamodbEndpointUrl,
    lambdaEndpointUrl,
    usersTable,
    locksTable,
    apiUrl,
  ];
  if (config.function.value !== LOCAL_FUNCTION) ofAws.push(config.function);
  const named = ofAws.find(({ source }) => source === 'flag');
  if (named === undefined) return;
  throw new JavumboError('usage', `${named.name} names a part of a deployment on AWS, and no bucket is named`, {
    try: '--bucket <name>, or export S3_BUCKET',
  });
}

function keptNote(subject: 'database' | 'account', username: string): string {
  return subject === 'database'
    ? `note: kept ${keyOf(username)}; javumbo clean s3 removes it`
    : `note: kept account ${username}; javumbo clean users removes it`;
}

function withDefaultRoundTrip(config: Config, rttDefaultMs: number | undefined): Config {
  if (rttDefaultMs === undefined || config.deployment.value !== 'local' || config.rtt.value !== undefined)
    return config;
  return { ...config, rtt: { value: rttDefaultMs, source: 'default' } };
}

/**
 * Returns the configuration. Asks Terraform only with --terraform, and reads the AWS profile only if a request to AWS or
 * an engine will follow.
 */
export async function configOf(command: Command, { env, signal }: Context): Promise<Config> {
  const flags = command.optsWithGlobals<GlobalFlags>();
  const terraform = await terraformOutputs(flags, env, signal);
  return loadConfig(flags, env, terraform);
}

async function terraformOutputs(
  flags: GlobalFlags,
  env: Context['env'],
  signal: AbortSignal | undefined,
): Promise<TerraformOutputs> {
  // An empty value is refused with the other flags.
  if (!flags.terraform) return {};
  refuseLocalWithPartsOfAws(flags);
  const { readTerraformOutputs } = await import('../config/terraform-outputs.ts');
  return readTerraformOutputs(flags.terraform, { env, signal });
}

export function outputFlags(command: Command): OutputFlags {
  const {
    json = false,
    quiet = false,
    verbose = false,
    color = true,
    progress,
  } = command.optsWithGlobals<Partial<OutputFlags> & { readonly progress?: 'json' }>();
  return { json, quiet, verbose, color, progressJson: progress === 'json' };
}
