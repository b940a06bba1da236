import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SCRIPTS } from './child-process.ts';
import { type PageCommand, parseSession } from './page-session.ts';

/** How one command of a session ended, and what a terminal showed of it. */
export interface ShownCommand extends PageCommand {
  readonly code: number;
  readonly actual: string;
}

/** A client of command-server.ts. */
const CLIENT = String.raw`#!/bin/bash
call=$(mktemp -d "$JAVUMBO_CALLS/XXXXXX")
printf '%s\0' "$@" >"$call/argv"
env -0 >"$call/env"
printf '%s' "$PWD" >"$call/cwd"
if [ -p /dev/stdin ] || [ -f /dev/stdin ]; then cat >"$call/stdin"; fi
if [ /dev/stdout -ef "$JAVUMBO_TERMINAL" ]; then : >"$call/terminal"; fi
exec 3<>"/dev/tcp/127.0.0.1/$JAVUMBO_PORT"
printf '%s\n' "$call" >&3
read -r code <&3
cat "$call/stdout"
cat "$call/stderr" >&2
exit "$code"
`;

/**
 * A shell in which the command lines of one page run, on a machine of its own. All that they call `javumbo` and
 * `npx javumbo` runs in one process, built as `npm test` builds it.
 */
export class PageShell {
  readonly directory: string;
  readonly #server: ChildProcess;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(directory: string, server: ChildProcess, port: string) {
    this.directory = directory;
    this.#server = server;
    this.#env = {
      PATH: `${join(directory, 'bin')}:${process.env.PATH}`,
      HOME: directory,
      JAVUMBO_CACHE_DIR: join(directory, 'cache'),
      JAVUMBO_CALLS: join(directory, 'calls'),
      JAVUMBO_TERMINAL: join(directory, 'terminal'),
      JAVUMBO_PORT: port,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      NO_COLOR: '1',
    };
  }

  static async open(): Promise<PageShell> {
    const directory = mkdtempSync(join(tmpdir(), 'javumbo-page-'));
    for (const name of ['bin', 'calls', 'work']) mkdirSync(join(directory, name));
    writeFileSync(join(directory, 'bin', 'javumbo'), CLIENT, { mode: 0o755 });
    writeFileSync(join(directory, 'bin', 'npx'), '#!/bin/bash\nshift\nexec javumbo "$@"\n', { mode: 0o755 });
    const server = spawn(process.execPath, [SCRIPTS.commandServer], { stdio: ['ignore', 'pipe', 'inherit'] });
    const port = await new Promise<string>((resolve, reject) => {
      server.once('error', reject);
      server.once('exit', () => reject(new Error('the command server ended')));
      server.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    });
    return new PageShell(directory, server, port);
  }

  /** Where the commands run. */
  get work(): string {
    return join(this.directory, 'work');
  }

  close(): void {
    this.#server.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Runs a script as CI runs a step; returns its exit code and what it printed. */
  async run(script: string, { cwd = this.work, env = {} }: RunOptions = {}): Promise<{ code: number; output: string }> {
    const terminal = join(this.directory, 'terminal');
    const output = openSync(terminal, 'w');
    try {
      const shell = spawn('bash', ['-uo', 'pipefail', '-c', script], {
        cwd,
        env: { ...this.#env, ...env },
        stdio: ['ignore', output, output],
      });
      const code = await new Promise<number>((resolve, reject) => {
        shell.once('error', reject);
        shell.once('close', (status) => resolve(status ?? 1));
      });
      return { code, output: readFileSync(terminal, 'utf8') };
    } finally {
      closeSync(output);
    }
  }

  /** Runs a session, a block of a page whose commands begin with `$ `, in one shell. `places`: what stands for what. */
  async runSession(block: string, places: Readonly<Record<string, string>> = {}): Promise<ShownCommand[]> {
    const commands = parseSession(block);
    const mark = '\u001e';
    const script = commands
      .map(({ command }) => `(exit $last)\n${replaced(command, places)}\nlast=$?\nprintf '${mark}%s${mark}' "$last"`)
      .join('\n');
    const { output } = await this.run(`last=0\n${script}\n`);
    const parts = output.split(mark);
    return commands.map((command, index) => ({
      ...command,
      code: Number(parts[2 * index + 1] ?? 1),
      actual: replaced(withoutNotes(parts[2 * index] ?? ''), inverse(places)),
    }));
  }
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

function replaced(text: string, places: Readonly<Record<string, string>>): string {
  return Object.entries(places).reduce((all, [from, to]) => all.replaceAll(from, to), text);
}

function inverse(places: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(places).map(([from, to]) => [to, from]));
}

/** Pages leave notes out: where a command works, and what it simulates. */
function withoutNotes(text: string): string {
  return text.replace(/^note: .*\n/gm, '');
}
