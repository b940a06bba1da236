import { existsSync, opendirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { chmod, constants, copyFile, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDiskFull, isWrongPlace } from '../core/cache-directory.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { sha256Of, syncToDisk } from '../core/file.ts';
import { makePrivateDirectory } from '../core/private-files.ts';
import type { Random } from '../core/random.ts';
import type { SqliteEngine } from '../sqlite/engine.ts';
import { lockFile } from '../sqlite/lock-file.ts';
import { contentDigestOf } from '../store/content-digest.ts';

const README = `A backup of user databases, made by javumbo.

databases/   Anki collections, plain SQLite files. Each is named by the SHA-256 of its content, and stays as it is.
runs/        One manifest for each run, in JSON Lines: the first line says what was backed up and when, each other
             line is one user (which file, which account), and the last line closes the run. A manifest whose last
             line has no "kind":"end" belongs to a run that was stopped.

To get one database back by hand: find the user in the newest closed manifest, and copy the file that it names.
Accounts are in the manifests, with their password hashes (bcrypt): keep this folder to yourself.
`;

const RUN_NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z-[0-9a-f]{8}\.jsonl$/;

/** The folder that backups are kept in. Nothing in it is ever changed; files are added under a temporary name first. */
export class BackupFolder {
  readonly path: string;
  readonly #databases: string;
  readonly #runs: string;
  /** Files that are being added, by name: two users may have equal content. */
  readonly #adding = new Map<string, Promise<string>>();

  constructor(path: string) {
    this.path = path;
    this.#databases = join(path, 'databases');
    this.#runs = join(path, 'runs');
  }

  /** Opens a folder to read from. Throws `usage` if it holds no backup. */
  static existing(path: string): BackupFolder {
    const folder = new BackupFolder(path);
    if (!isDirectory(folder.#runs) || !isDirectory(folder.#databases)) {
      throw new JavumboError('usage', `${path} holds no backup`, {
        try: 'the folder that javumbo backup create wrote',
      });
    }
    return folder;
  }

  /** Makes the folder, for this user alone. Throws `usage` for one that holds something else. */
  static async prepared(path: string): Promise<BackupFolder> {
    const folder = new BackupFolder(path);
    try {
      const foreign = existsSync(path) ? readdirSync(path).find((name) => !OWN_NAMES.has(name)) : undefined;
      if (foreign !== undefined && !isDirectory(folder.#runs)) {
        throw new JavumboError('usage', `${path} is no backup, and not empty: it holds ${foreign}`, {
          try: 'a directory of its own, which need not exist',
        });
      }
      for (const directory of [path, folder.#databases, folder.#runs]) makePrivateDirectory(directory);
      const readme = join(path, 'README.txt');
      if (!existsSync(readme)) await writeFile(readme, README, { mode: 0o600 });
      return folder;
    } catch (error) {
      throw folder.failure(error);
    }
  }

  /**
   * Makes sure that no other process writes here, until it is released. A process that is killed holds nothing. Then
   * removes what killed ones left half done.
   */
  lock(sqlite: SqliteEngine): { release(): void } {
    try {
      const lock = lockFile(sqlite, join(this.path, 'lock'));
      if (lock === undefined) {
        throw new JavumboError('conflict', `another backup is being written into ${this.path}`, {
          try: 'the same command when that one has ended',
        });
      }
      for (const name of namesIn(this.#databases)) {
        if (name.endsWith('.part')) rmSync(join(this.#databases, name), { force: true });
      }
      return lock;
    } catch (error) {
      throw this.failure(error);
    }
  }

  pathOf(file: string): string {
    return join(this.#databases, file);
  }

  runPath(run: string): string {
    return join(this.#runs, run);
  }

  /** Returns the names of all manifests, oldest first. */
  runNames(): string[] {
    return readdirSync(this.#runs)
      .filter((name) => RUN_NAME.test(name))
      .sort();
  }

  newRunName(startedAt: string, random: Random): string {
    return `${startedAt.replace(/[:.]/g, '-')}-${random.hex(4)}.jsonl`;
  }

  /** Returns the time in the name of a manifest, in milliseconds since 1970. */
  timeOf(run: string): number {
    const [date = '', time = ''] = run.split('T');
    const [hours, minutes, seconds, milliseconds] = time.slice(0, 12).split('-');
    return Date.parse(`${date}T${hours}:${minutes}:${seconds}.${milliseconds}Z`);
  }

  removeRun(run: string): void {
    rmSync(this.runPath(run), { force: true });
  }

  /** Yields the names of all database files. */
  *files(): Generator<string> {
    for (const name of namesIn(this.#databases)) if (name.endsWith('.anki2')) yield name;
  }

  /** Returns a file's size; undefined if it is not there. */
  sizeOf(file: string): number | undefined {
    return statSync(this.pathOf(file), { throwIfNoEntry: false })?.size;
  }

  /** Adds a copy of a file whose content has this digest, unless it is there and sound. Returns the SHA-256 of its bytes. */
  async add(source: string, digest: string, random: Random): Promise<string> {
    for (;;) {
      const before = this.#adding.get(digest);
      if (before === undefined) break;
      await before.catch(() => {});
    }
    const adding = this.#add(source, digest, random).finally(() => this.#adding.delete(digest));
    this.#adding.set(digest, adding);
    return adding;
  }

  async #add(source: string, digest: string, random: Random): Promise<string> {
    const path = this.pathOf(fileNameOf(digest));
    // Damage on this disk is mended by the sound bytes that are at hand.
    if (existsSync(path) && (await contentDigestOf(path)) === digest) return sha256Of(path);
    const part = `${path}.${random.hex(8)}.part`;
    try {
      await copyFile(source, part, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      await chmod(part, 0o600);
      const handle = await open(part, 'r+');
      await handle.sync().finally(() => handle.close());
      await rename(part, path);
      return await sha256Of(path);
    } catch (error) {
      await rm(part, { force: true }).catch(() => {});
      throw this.failure(error);
    }
  }

  /** Waits until the disk has the names of all files and manifests. */
  sync(): void {
    for (const directory of [this.path, this.#databases, this.#runs]) syncToDisk(directory);
  }

  /** Turns an error of the folder's disk into a failure that names the folder. */
  failure(error: unknown): unknown {
    if (error instanceof JavumboError) return error;
    if (isDiskFull(error)) {
      return new JavumboError('unavailable', `no space is left on the disk of ${this.path}`, {
        try: 'the same command when there is: it goes on where it stopped',
        cause: error,
      });
    }
    if (codeOf(error) === undefined) return error;
    const kind = isWrongPlace(error) ? 'usage' : 'unavailable';
    return new JavumboError(kind, `${this.path} cannot be used: ${messageOf(error)}`, {
      try: 'another directory',
      cause: error,
    });
  }
}

const OWN_NAMES = new Set(['databases', 'runs', 'README.txt', 'lock', 'lock-journal']);

export function fileNameOf(digest: string): string {
  return `${digest}.anki2`;
}

/** Yields the names in a directory of any size, unlike readdir. */
function* namesIn(path: string): Generator<string> {
  const directory = opendirSync(path);
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) yield entry.name;
  } finally {
    directory.closeSync();
  }
}

/** False also where the path leads through a file, is too long, or may not be followed: existsSync tells. */
function isDirectory(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
