import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { cacheFailure, namesIn } from '../core/cache-directory.ts';
import type { Clock } from '../core/clock.ts';
import { codeOf } from '../core/failure.ts';
import { makeDirectory } from '../core/make-directory.ts';
import type { Random } from '../core/random.ts';

// Containers that share a cache directory cannot see each other's processes. Their leftovers are removed only when
// older than any command runs.
const FOREIGN_AGE_MAX_MS = 24 * 3_600_000;

/** A private directory of this process, named so that later processes can tell whether this one is alive. */
export interface WorkDirectory {
  readonly path: string;
  /**
   * Removes the directory. Idempotent, and never throws: it follows an outcome that stands, and a later process removes
   * what it cannot.
   */
  release(): void;
}

export function makeWorkDirectory(parent: string, random: Random): WorkDirectory {
  ownStart ??= startOf(process.pid) ?? '0';
  const name = [processNamespace(), process.pid, ownStart, random.hex(8)].join('-');
  const path = join(parent, name);
  makeDirectory(path);
  return {
    path,
    release: () => {
      try {
        rmSync(path, { recursive: true, force: true });
      } catch {}
    },
  };
}

/** True for the name of a work directory: `<namespace>-<pid>-<process start>-<random>`. */
export function isWorkDirectoryName(name: string): boolean {
  return /^[0-9a-f]{8}-\d+-\d+-[0-9a-f]+$/.test(name);
}

const UNFINISHED = 'unfinished';

/**
 * Notes that a file elsewhere, named by `partialFile`, is not finished: whoever removes the work directory after the death
 * of its process removes that file too.
 */
export function noteUnfinished(work: WorkDirectory, file: string): void {
  try {
    writeFileSync(join(work.path, UNFINISHED), file, { mode: 0o600 });
  } catch (error) {
    work.release();
    throw cacheFailure(work.path, error);
  }
}

/** Returns the name that a file has until it is finished. */
export function partialFile(file: string, random: Random): string {
  return `${file}.${random.hex(8)}.part`;
}

/** Returns the file that the process of a work directory left unfinished elsewhere, if it is there. */
export function unfinishedFile(directory: string): string | undefined {
  try {
    const file = readFileSync(join(directory, UNFINISHED), 'utf8');
    return /^\/.*\.[0-9a-f]{16}\.part$/s.test(file) && lstatSync(file).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

/** Removes the work directory of a process that is gone, and what that left unfinished elsewhere. */
export function removeOrphan(directory: string): void {
  const file = unfinishedFile(directory);
  if (file !== undefined) rmSync(file, { force: true });
  rmSync(directory, { recursive: true, force: true });
}

/** Returns the work directories under `parent` whose process is gone. */
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

/** Process ids are reused, but not together with a start time. */
function isAlive(pid: number, start: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false;
  }
  // A zombie is only an entry in the process table; in a container without an init process orphans stay zombies for
  // ever.
  if (statusOf(pid)?.[0] === 'Z') return false;
  const now = startOf(pid);
  return now === undefined || start === '0' || now === start;
}

/** Returns a process's start in kernel ticks since boot, or undefined without /proc. */
function startOf(pid: number): string | undefined {
  return statusOf(pid)?.[19];
}

/** Returns fields 3 and up of a process's status: its state first, its start as field 22. (proc(5)) */
function statusOf(pid: number): string[] | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Skips the command's name, which may contain spaces and parentheses.
    return line.slice(line.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

let namespace: string | undefined;
let ownStart: string | undefined;

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
