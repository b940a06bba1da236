import { realpathSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isWrongPlace } from '../core/cache-directory.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { syncToDisk } from '../core/file.ts';
import { LINE_LENGTH_MAX } from '../core/whole-lines.ts';
import type { SqliteEngine } from '../sqlite/engine.ts';
import { lockFile } from '../sqlite/lock-file.ts';
import type { JournalHeader, JournalLine } from './journal.ts';

/** Takes a journal for one process: two that resume it at once would migrate a user twice. Throws `conflict`. */
export function lockJournal(sqlite: SqliteEngine, path: string): { release(): void } {
  let lock: { release(): void } | undefined;
  try {
    // By its own path: a link to a journal is that journal.
    lock = lockFile(sqlite, `${realpathSync(path)}.lock`);
  } catch (error) {
    throw unusable(path, error);
  }
  if (lock !== undefined) return lock;
  throw new JavumboError('conflict', `another process works with the journal ${path}`, {
    try: 'the same command when that one has ended',
  });
}

/**
 * Appends to a journal. Lines that come while the disk is busy go to it together, so that many users wait for one sync.
 * After an error nothing more is written: every later call throws it.
 */
export class JournalWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  #lines: string[] = [];
  /** Resolves when the lines that wait now are on the disk. */
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Makes a journal, which must not exist, for this user alone. */
  static async begin(path: string, header: JournalHeader): Promise<JournalWriter> {
    const writer = await JournalWriter.#opened(path, 'ax');
    await writer.#synced(JSON.stringify(header));
    syncToDisk(dirname(path));
    return writer;
  }

  /** Goes on with a journal, without a last line that was cut off. */
  static async resume(path: string): Promise<JournalWriter> {
    const writer = await JournalWriter.#opened(path, 'a+');
    const { size } = await writer.#file.stat();
    const length = Math.min(size, LINE_LENGTH_MAX);
    const { buffer } = await writer.#file.read(Buffer.alloc(length), 0, length, size - length);
    await writer.#file.truncate(size - length + buffer.lastIndexOf('\n') + 1);
    return writer;
  }

  static async #opened(path: string, flags: 'ax' | 'a+'): Promise<JournalWriter> {
    try {
      return new JournalWriter(path, await open(path, flags, 0o600));
    } catch (error) {
      throw unusable(path, error);
    }
  }

  /** Resolves when the line is on the disk. */
  add(line: JournalLine): Promise<void> {
    return this.#synced(JSON.stringify(line));
  }

  #synced(line: string): Promise<void> {
    this.#lines.push(line);
    if (this.#next === undefined) {
      const before = this.#current;
      this.#next = before.then(() => {
        this.#current = this.#next as Promise<void>;
        this.#next = undefined;
        return this.#flush();
      });
      // Whoever waits is told; nobody may wait for an outcome.
      this.#next.catch(() => {});
    }
    return this.#next;
  }

  async #flush(): Promise<void> {
    const text = this.#lines.splice(0).map((line) => `${line}\n`);
    try {
      await this.#file.appendFile(text.join(''));
      await this.#file.datasync();
    } catch (error) {
      throw unusable(this.#path, error);
    }
  }

  /** Waits for all lines. Throws if one did not get to the disk. */
  async close(): Promise<void> {
    try {
      await (this.#next ?? this.#current);
    } finally {
      await this.#file.close();
    }
  }
}

function unusable(path: string, cause: unknown): JavumboError {
  const exists = codeOf(cause) === 'EEXIST';
  const kind = exists || isWrongPlace(cause) ? 'usage' : 'unavailable';
  return new JavumboError(kind, `the journal ${path} cannot be written: ${messageOf(cause)}`, {
    try: exists ? '--resume with it, or another --journal' : 'space on that disk, or another --journal',
    cause,
  });
}
