import { basename } from 'node:path';
import * as z from 'zod';
import { codeOf, JavumboError } from '../core/failure.ts';
import { isUsername } from '../core/username.ts';
import { wholeLines } from '../core/whole-lines.ts';

/** The journal of `fleet exec` and `fleet import`: JSON Lines. docs/fleet.md describes every field. */
export const SCHEMA_VERSION = 1;

const username = z.string().refine(isUsername, 'no username');
const count = z.int().min(0);

const header = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  kind: z.enum(['fleet exec', 'fleet import']),
  startedAt: z.iso.datetime(),
  deployment: z.object({
    kind: z.enum(['local', 'aws']),
    bucket: z.string().optional(),
    region: z.string().optional(),
    endpoint: z.string().optional(),
    /** What tells this deployment from any other. */
    id: z.string(),
  }),
  /** Of the script or the package. */
  sourceSha256: z.string(),
  /** Where `fleet import` puts new cards. */
  deck: z.string().optional(),
  prefix: z.string().optional(),
  where: z.string().optional(),
  /** How many names are selected, by lines that follow. */
  users: count.optional(),
  /** Where the versions before are. */
  undo: z.enum(['versions', 'kept', 'none']),
  keep: z.string().optional(),
});

const write = z.object({
  kind: z.literal('write'),
  username,
  at: z.iso.datetime(),
  writeId: z.string().min(1),
  base: z.object({ version: z.string(), writeId: z.string().optional(), digest: z.string().optional() }),
  changes: count.optional(),
  /** Its base in the folder of --keep. */
  kept: z
    .string()
    .regex(/^[0-9a-f]{64}\.anki2$/)
    .optional(),
});

const line = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('selected'), username }),
  write,
  z.object({
    kind: z.literal('outcome'),
    username,
    outcome: z.string(),
    version: z.string().optional(),
    changes: count.optional(),
    error: z.string().optional(),
  }),
  z.object({ kind: z.literal('undo'), at: z.iso.datetime() }),
  z.object({ kind: z.literal('end'), endedAt: z.iso.datetime(), counts: z.record(z.string(), count) }),
]);

export type JournalHeader = z.infer<typeof header>;
/** What is done to each database, as a journal knows it. */
export type Work = Pick<JournalHeader, 'kind' | 'sourceSha256' | 'deck'>;
export type JournalWrite = z.infer<typeof write>;
export type JournalLine = z.infer<typeof line>;

/** Returns the first line of a journal; undefined for anything else. */
export function headerOf(text: string): JournalHeader | undefined {
  return header.safeParse(jsonOf(text)).data;
}

export function isSameWork(one: Work, other: Work): boolean {
  return one.kind === other.kind && one.sourceSha256 === other.sourceSha256 && one.deck === other.deck;
}

/**
 * Passes the whole lines of a journal to `each`, and returns its first one. Throws `usage` for a file that is no journal, and
 * `corrupt` for a line that is none.
 */
export async function readJournal(path: string, each: (line: JournalLine) => void = () => {}): Promise<JournalHeader> {
  let first: JournalHeader | undefined;
  let number = 0;
  try {
    for await (const text of wholeLines(path, () => damagedJournal(path, 'a line of it never ends'))) {
      number++;
      const parsed = (first === undefined ? header : line).safeParse(jsonOf(text));
      if (!parsed.success) {
        if (first === undefined) throw noJournal(path);
        throw damagedJournal(path, `line ${number} is not as it must be: ${parsed.error.issues[0]?.message}`);
      }
      if (first === undefined) first = parsed.data as JournalHeader;
      else each(parsed.data as JournalLine);
    }
  } catch (error) {
    if (error instanceof JavumboError) throw error;
    throw noJournal(path, error);
  }
  if (first === undefined) throw noJournal(path);
  return first;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function noJournal(path: string, cause?: unknown): JavumboError {
  const isAbsent = codeOf(cause) === 'ENOENT';
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  const what = isAbsent ? `there is no journal ${path}` : `${path} is no journal of this version of javumbo${reason}`;
  return new JavumboError('usage', what, {
    try: 'the file that fleet exec has named',
    cause,
  });
}

function damagedJournal(path: string, what: string): JavumboError {
  return new JavumboError('corrupt', `the journal ${basename(path)} is damaged: ${what}`, {
    try: 'javumbo fleet check, and a new run with --again and --users for those who need it',
  });
}

/** Throws `usage` for the journal of another deployment. */
export function refuseOtherDeployment({ deployment }: JournalHeader, id: string): void {
  if (deployment.id === id) return;
  throw new JavumboError('usage', `the journal belongs to another deployment: ${deployment.id}, not ${id}`, {
    try: 'the options, or the JAVUMBO_HOME, of that deployment',
  });
}
