import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a child ended. `signal` is null unless one ended it. */
export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** Compiled scripts, which `npm test` builds first. */
export const SCRIPTS = {
  javumbo: fileURLToPath(new URL('../../bin/javumbo.js', import.meta.url)),
  dyingCommand: fileURLToPath(new URL('../../dist/testing/dying-command.js', import.meta.url)),
  quickCommand: fileURLToPath(new URL('../../dist/testing/quick-command.js', import.meta.url)),
  crashAt: fileURLToPath(new URL('../../dist/testing/crash-at.js', import.meta.url)),
  crashBatch: fileURLToPath(new URL('../../dist/testing/crash-batch.js', import.meta.url)),
  measuredCommand: fileURLToPath(new URL('../../dist/testing/measured-command.js', import.meta.url)),
  scriptedFunction: fileURLToPath(new URL('../../dist/testing/scripted-function.js', import.meta.url)),
  container: fileURLToPath(new URL('../../dist/bundle/local-container.cjs', import.meta.url)),
  updateWorker: fileURLToPath(new URL('../../dist/testing/update-worker.js', import.meta.url)),
  commandServer: fileURLToPath(new URL('../../dist/testing/command-server.js', import.meta.url)),
  commandLoop: fileURLToPath(new URL('../../dist/testing/command-loop.js', import.meta.url)),
} as const;

/** A running script of this project, in its own process group. */
export interface RunningScript {
  readonly pid: number;
  /** Sends a signal to the script alone, unless it has ended. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves once it and its children have ended, or closed its output. */
  readonly ended: Promise<ChildResult>;
}

/** How a script is run. */
export interface ScriptOptions {
  /** Its stdin. */
  readonly input?: string;
  /** Another Node than the one that runs the tests. */
  readonly node?: string;
  readonly cwd?: string;
}

/** Starts a script of this project. */
export function startScript(
  script: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  { input = '', node = process.execPath, cwd }: ScriptOptions = {},
): RunningScript {
  const startedAt = performance.now();
  const child = spawn(node, [script, ...argv], {
    cwd,
    env: {
      PATH: process.env.PATH,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      ...env,
    },
    stdio: 'pipe',
    // Its own process group, to be killed as one.
    detached: true,
  });
  // A script may end without reading its input.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<ChildResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr, durationMs: performance.now() - startedAt });
    });
  });
  return { pid: child.pid ?? 0, signal: (signal) => void child.kill(signal), ended };
}

/** Runs a script of this project. `killAfterMs`: kill -9 to its process group after that time. */
export async function runScript(
  script: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  { killAfterMs, ...options }: ScriptOptions & { readonly killAfterMs?: number } = {},
): Promise<ChildResult> {
  const running = startScript(script, argv, env, options);
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => killGroup(running), killAfterMs);
  try {
    return await running.ended;
  } finally {
    clearTimeout(timer);
  }
}

/** Kills a process group (kill -9). */
export function killGroup({ pid }: Pick<RunningScript, 'pid'>): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All have ended.
  }
}
