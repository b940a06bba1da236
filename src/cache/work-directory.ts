import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { codeOf } from '../core/failure.ts';
import type { Random } from '../core/random.ts';

// Two containers may share a cache directory and not see each other's processes. Their leftovers are only removed when
// they are older than any command runs.
const FOREIGN_AGE_MAX_MS = 24 * 3_600_000;

/** A private directory of this process, named so that any later process can tell whether its maker still lives. */
export interface WorkDirectory {
  readonly path: string;
  /**
   * Removes the directory and what is left in it. Can be called twice, and never throws: it comes after an outcome that
   * stands, and what it cannot remove is an orphan that a later process removes.
   */
  release(): void;
}

/** Makes a new work directory under `parent`. */
export function makeWorkDirectory(parent: string, random: Random): WorkDirectory {
  const name = [processNamespace(), process.pid, startOf(process.pid) ?? '0', random.hex(8)].join('-');
  const path = join(parent, name);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return {
    path,
    release: () => {
      try {
        rmSync(path, { recursive: true, force: true });
      } catch {}
    },
  };
}

/** Whether a directory has such a name: `<namespace>-<pid>-<process start>-<random>`. */
export function isWorkDirectoryName(name: string): boolean {
  return /^[0-9a-f]{8}-\d+-\d+-[0-9a-f]+$/.test(name);
}

/** The work directories under `parent` whose process is gone. */
export function orphanedWorkDirectories(parent: string, clock: Clock): string[] {
  return namesIn(parent)
    .filter(isWorkDirectoryName)
    .map((name) => join(parent, name))
    .filter((path) => isOrphan(path, clock));
}

function isOrphan(path: string, clock: Clock): boolean {
  const [namespace, pid, start] = path.slice(path.lastIndexOf('/') + 1).split('-');
  if (namespace !== processNamespace()) {
    const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    return modified !== undefined && clock.now() - modified > FOREIGN_AGE_MAX_MS;
  }
  return !isAlive(Number(pid), start);
}

/** A process id is reused; together with the moment the process started it is not. */
function isAlive(pid: number, start: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false;
  }
  // One that has ended and that nobody has waited for has an entry in the process table and nothing else: in a container
  // without an init process orphans stay like this for ever.
  if (statusOf(pid)?.[0] === 'Z') return false;
  const now = startOf(pid);
  return now === undefined || start === '0' || now === start;
}

/** When a process started, in the kernel's ticks since boot; undefined where there is no /proc to ask. */
function startOf(pid: number): string | undefined {
  return statusOf(pid)?.[19];
}

/** What the kernel says of a process, from field 3 on: its state, and as field 22 when it started. (proc(5)) */
function statusOf(pid: number): string[] | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // From behind the command's name, which may hold spaces and parentheses itself.
    return line.slice(line.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

let namespace: string | undefined;

function processNamespace(): string {
  if (namespace === undefined) {
    let id = hostname();
    try {
      id += `${readlinkSync('/proc/self/ns/pid')} ${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')}`;
    } catch {}
    namespace = createHash('sha256').update(id).digest('hex').slice(0, 8);
  }
  return namespace;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
