import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import * as z from 'zod';
import { JavumboError } from '../core/failure.ts';
import { isUsername } from '../core/username.ts';
import { wholeLines } from '../core/whole-lines.ts';

/**
 * The manifest of a run: JSON Lines. The first line says what was backed up, each other line is one user, and the last
 * one closes the run with its counts and the digest of all lines before it. A manifest without that line belongs to a
 * run that was stopped. docs/backup.md describes every field; fields are added and never get another meaning.
 */
export const SCHEMA_VERSION = 1;

const count = z.int().min(0);
const time = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const header = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  kind: z.literal('backup'),
  startedAt: time,
  deployment: z.object({
    kind: z.enum(['local', 'aws']),
    bucket: z.string().optional(),
    region: z.string().optional(),
    endpoint: z.string().optional(),
    /** What tells this deployment from any other. */
    id: z.string(),
  }),
  /** False with --without-accounts. */
  accounts: z.boolean(),
});

const database = z.object({
  /** The name of the file in `databases/`. */
  file: z.string().regex(/^[0-9a-f]{64}\.anki2$/),
  version: z.string().min(1),
  /** The content digest, which the file is named by. */
  digest: sha256,
  /** Of the file, byte for byte. */
  sha256,
  sizeBytes: count,
  lastModified: time,
  /** Why it could not be restored; absent if it could. */
  damage: z.string().optional(),
  /** What else was found when it came. */
  findings: z.array(z.string()).optional(),
});

const account = z.object({
  name: z.string().optional(),
  passwordHash: z.string().optional(),
  createdAt: z.string().optional(),
  updatedAt: z.string().optional(),
});

// What may be the name of a file in other commands is checked here too; accounts of other programs are called anything.
const user = z
  .object({ username: z.string().min(1), database: database.optional(), account: account.optional() })
  .refine((line) => line.database === undefined || isUsername(line.username), 'a username that none can be');

const end = z.object({
  kind: z.literal('end'),
  endedAt: time,
  users: count,
  databases: count,
  accounts: count,
  /** Of all databases, each as often as users have it. */
  bytes: count,
  damaged: count,
  /** Of all lines before this one. */
  sha256,
});

export type ManifestHeader = z.infer<typeof header>;
export type BackedUpDatabase = z.infer<typeof database>;
export type BackedUpAccount = z.infer<typeof account>;
export type UserLine = z.infer<typeof user>;
export type ManifestEnd = z.infer<typeof end>;

/** A line of a manifest, by what it is. */
export type ManifestLine =
  | { readonly kind: 'header'; readonly header: ManifestHeader }
  | { readonly kind: 'user'; readonly user: UserLine }
  | { readonly kind: 'end'; readonly end: ManifestEnd };

/** What the users of a manifest come to. */
export type Counts = Pick<ManifestEnd, 'users' | 'databases' | 'accounts' | 'bytes' | 'damaged'>;

export function noCounts(): Counts {
  return { users: 0, databases: 0, accounts: 0, bytes: 0, damaged: 0 };
}

/** Adds a user to the counts. */
export function addUser(counts: Counts, line: UserLine): void {
  counts.users++;
  if (line.account !== undefined) counts.accounts++;
  if (line.database === undefined) return;
  counts.databases++;
  counts.bytes += line.database.sizeBytes;
  if (line.database.damage !== undefined) counts.damaged++;
}

/** Writes a manifest line by line. Without `end`, it stays that of a run that was stopped. */
export class ManifestWriter {
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  readonly #counts = noCounts();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async begin(path: string, first: ManifestHeader): Promise<ManifestWriter> {
    const writer = new ManifestWriter(await open(path, 'wx', 0o600));
    await writer.#line(first);
    return writer;
  }

  async add(line: UserLine): Promise<void> {
    addUser(this.#counts, line);
    await this.#line(line);
  }

  /** Closes the run, and waits until the disk has all of it. */
  async end(endedAt: string): Promise<ManifestEnd> {
    // What the last line promises must be there before it.
    await this.#file.sync();
    const last: ManifestEnd = { kind: 'end', endedAt, ...this.#counts, sha256: this.#hash.copy().digest('hex') };
    await this.#line(last);
    await this.#file.sync();
    return last;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #line(value: unknown): Promise<void> {
    const text = `${JSON.stringify(value)}\n`;
    this.#hash.update(text);
    await this.#file.appendFile(text);
  }
}

/**
 * Yields the lines of a manifest. The last one is `end` unless the run was stopped. Throws `corrupt` for a line that is
 * none, and where the last line contradicts those before it.
 */
export async function* readManifest(path: string): AsyncGenerator<ManifestLine> {
  const hash = createHash('sha256');
  const counts = noCounts();
  let number = 0;
  let ended = false;
  for await (const text of linesOf(path)) {
    number++;
    const refuse = (what: string): JavumboError => damagedManifest(path, `line ${number} ${what}`);
    if (ended) throw refuse('stands behind the last one');
    const line = lineOf(text, number, refuse);
    if (line.kind === 'end') {
      ended = true;
      if (line.end.sha256 !== hash.digest('hex'))
        throw damagedManifest(path, 'its lines are not those that were written');
      const wrong = (Object.keys(counts) as (keyof Counts)[]).find((name) => line.end[name] !== counts[name]);
      if (wrong !== undefined)
        throw damagedManifest(path, `it says ${line.end[wrong]} ${wrong}, and has ${counts[wrong]}`);
    } else {
      hash.update(`${text}\n`);
      if (line.kind === 'user') addUser(counts, line.user);
    }
    yield line;
  }
}

const TAIL_BYTES = 4_096;

/**
 * True for the manifest of a run that was stopped, by its last bytes alone. One that is only damaged has at least one of
 * two words, and is never taken for it.
 */
export async function looksStopped(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const tail = buffer.toString('latin1');
    return !tail.includes('"kind":"end"') && !tail.includes('"endedAt"');
  } finally {
    await file.close();
  }
}

function lineOf(text: string, number: number, refuse: (what: string) => JavumboError): ManifestLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('is not JSON');
  }
  const accept = <T>(schema: z.ZodType<T>): T => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw refuse(`is not as it must be: ${[...(issue?.path ?? [])].join('.')} ${issue?.message ?? ''}`.trim());
  };
  if (number === 1) {
    const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
    if (typeof version === 'number' && version > SCHEMA_VERSION) {
      throw new JavumboError('usage', `a newer javumbo made this backup: its manifest has version ${version}`, {
        try: 'that version of javumbo',
      });
    }
    return { kind: 'header', header: accept(header) };
  }
  if ((value as { kind?: unknown } | null)?.kind === 'end') return { kind: 'end', end: accept(end) };
  return { kind: 'user', user: accept(user) };
}

/** Yields the lines that have an end: what a stopped run left behind the last one counts for nothing. */
async function* linesOf(path: string): AsyncGenerator<string> {
  const rest = yield* wholeLines(path, () => damagedManifest(path, 'a line of it never ends'));
  // A run that is stopped cuts its last line off; this one is whole, but for what ends it.
  if (rest.startsWith('{"kind":"end"') && rest.includes('}')) throw damagedManifest(path, 'its last line has no end');
}

function damagedManifest(path: string, what: string): JavumboError {
  return new JavumboError('corrupt', `the manifest ${basename(path)} is damaged: ${what}`, {
    try: 'another run: javumbo backup list <dir>',
  });
}
