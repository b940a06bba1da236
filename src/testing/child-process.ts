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

/** Compiled scripts, as `npm test` builds them before it runs. */
export const SCRIPTS = {
  javumbo: fileURLToPath(new URL('../../bin/javumbo.js', import.meta.url)),
  crashAt: fileURLToPath(new URL('../../dist/testing/crash-at.js', import.meta.url)),
  measuredCommand: fileURLToPath(new URL('../../dist/testing/measured-command.js', import.meta.url)),
  commandLoop: fileURLToPath(new URL('../../dist/testing/command-loop.js', import.meta.url)),
} as const;

/** Runs a script of this project as a process of its own. `killAfterMs`: kill -9 at that moment, if it still runs. `input`: its stdin. */
export function runScript(
  script: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  { killAfterMs, input }: { readonly killAfterMs?: number; readonly input?: string } = {},
): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(process.execPath, [script, ...argv], {
      env: {
        PATH: process.env.PATH,
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        ...env,
      },
      stdio: 'pipe',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    // Whoever does not read it ends before it is written.
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, durationMs: performance.now() - startedAt });
    });
  });
}
