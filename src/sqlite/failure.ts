import { isDiskFull, isWrongPlace } from '../core/cache-directory.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';

/**
 * Whom an error of SQLite is about:
 *
 * - `damage`: bytes that are not what they must be.
 * - `locked`: another process, which keeps a file locked.
 * - `full`: a disk without space.
 * - `machine`: memory, the disk, permissions; nothing that SQL could change.
 * - `statement`: the SQL that ran, the values in it, or the schema that it met.
 */
export type Blame = 'damage' | 'locked' | 'full' | 'machine' | 'statement';

/** Returns whom an error is about, or undefined for what SQLite did not raise. Every failure below is made from this. */
export function blameOf(error: unknown): Blame | undefined {
  const code = codeOf(error) ?? '';
  if (isDiskFull(error)) return 'full';
  if (!code.startsWith('SQLITE_')) return undefined;
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return 'damage';
  if (code.startsWith('SQLITE_BUSY')) return 'locked';
  // Not LOCKED: no one else has a user's database open, so the statement itself cannot run inside a transaction.
  return /^SQLITE_(IOERR|NOMEM|CANTOPEN|PERM|PROTOCOL|NOLFS|INTERRUPT)/.test(code) ? 'machine' : 'statement';
}

/** True for SQLite's errors over a file that is damaged or not a database. */
export function isDamage(error: unknown): boolean {
  return blameOf(error) === 'damage';
}

/** Returns what `work` returns. Adds the statement to an error of SQLite, for the messages that are about it. */
export function namingStatement<T>(sql: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withStatement(error, sql);
  }
}

/** Returns the error, with the statement that raised it. */
export function withStatement(error: unknown, sql: string): unknown {
  if (error instanceof Error && !('statement' in error)) Object.assign(error, { statement: sql });
  return error;
}

const STATEMENT_LENGTH_MAX = 200;

/** Returns the end of a message: the statement that raised the error, on one line, if it is known. */
function at(error: unknown): string {
  const { statement } = error as { statement?: unknown };
  if (typeof statement !== 'string') return '';
  const line = statement.replace(/\s+/g, ' ').trim();
  return `, at: ${line.length > STATEMENT_LENGTH_MAX ? `${line.slice(0, STATEMENT_LENGTH_MAX)} …` : line}`;
}

/** Turns damage into `corrupt` for the user's database; returns undefined for other errors. */
export function asCorruption(error: unknown, username: string): JavumboError | undefined {
  const found = error instanceof JavumboError && error.kind === 'corrupt' && error.username === undefined;
  if (!isDamage(error) && !found) return undefined;
  const hint = error instanceof JavumboError ? error.try : undefined;
  return new JavumboError('corrupt', `database "${username}": ${messageOf(error)}`, {
    try: hint ?? `javumbo db history ${username}, and db restore of a sound one; or a backup, with db push --force`,
    username,
    cause: error,
  });
}

/**
 * Turns an error that SQLite raised while this program worked on a user's database. What the user's own schema or rows
 * caused (a trigger that raises, a missing module or function, a value of another type) is a `violation` with the
 * statement that met it: neither a defect of this program, nor in doubt. Returns any other error unchanged.
 */
export function asDatabaseFailure(error: unknown, username: string): unknown {
  if (error instanceof JavumboError) {
    // Only who opened the database knows whose it is.
    if (!error.try?.includes('<username>')) return error;
    return new JavumboError(error.kind, `database "${username}": ${error.message}`, {
      try: error.try.replaceAll('<username>', username),
      username,
      cause: error,
    });
  }
  const blame = blameOf(error);
  // A full disk is named by whoever knows which one it is.
  if (blame === undefined || blame === 'full') return error;
  if (blame === 'damage') return asCorruption(error, username);
  if (blame !== 'statement') {
    return new JavumboError('unavailable', `database "${username}": ${messageOf(error)}`, {
      try: 'the same command again, with space on the disk of --cache-dir and in memory',
      username,
      cause: error,
    });
  }
  return new JavumboError('violation', `database "${username}": ${messageOf(error)}${at(error)}`, {
    try: `javumbo db query ${username} 'SELECT type, name, sql FROM sqlite_master'`,
    username,
    cause: error,
  });
}

/** Turns an error that SQLite raised over a file of the operator's into a failure that names the file. */
export function asSourceFailure(error: unknown, source: string): unknown {
  const isCorrupt = error instanceof JavumboError && error.kind === 'corrupt';
  if (error instanceof JavumboError && !isCorrupt) return error;
  const blame = blameOf(error);
  if (isCorrupt || blame === 'damage') {
    return new JavumboError('corrupt', `${source}: ${messageOf(error)}`, {
      try: 'a sound copy of the file',
      cause: error,
    });
  }
  if (blame === 'statement' && !codeOf(error)?.startsWith('SQLITE_READONLY')) {
    return new JavumboError('violation', `${source}: ${messageOf(error)}${at(error)}`, {
      try: 'the same file without what its schema has and SQLite does not know',
      cause: error,
    });
  }
  return new JavumboError('usage', `${source} cannot be read: ${messageOf(error)}`, {
    try: 'close the program that uses the file, or check its permissions',
    cause: error,
  });
}

/** Turns an error over an operator's SQL into `usage`, unless the file or the machine is to blame. */
export function asSqlFailure(error: unknown, where = ''): unknown {
  if (error instanceof JavumboError) return error;
  const blame = blameOf(error);
  if (blame === 'damage') return error;
  // Engines throw RangeError and TypeError for SQL and values that they do not hand to SQLite.
  if (blame === 'statement' || error instanceof RangeError || error instanceof TypeError) {
    return new JavumboError('usage', `${where}${lowerFirst(messageOf(error))}`, {
      try: 'other SQL, or other values',
      cause: error,
    });
  }
  if (blame === undefined) return error;
  return new JavumboError('unavailable', `${where}${messageOf(error)}`, {
    try: 'the same command again, with space on the disk of --cache-dir and in memory',
    cause: error,
  });
}

function lowerFirst(text: string): string {
  // Not UNIQUE and NOT NULL, which are names.
  return /^[A-Z][a-z ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** What to say of trouble with a SQLite file of the local deployment. */
export interface FileTrouble {
  /** What was attempted, as `read user "alice"`. */
  readonly what: string;
  /** The file, as messages name it. */
  readonly file: string;
  /** What may be full. Default: the disk of the file. */
  readonly disk?: string;
  /** What went wrong otherwise. Default: what was attempted, in the file. */
  readonly otherwise?: string;
  readonly username?: string | undefined;
  readonly busyHint?: string;
  readonly damagedHint: string;
  readonly fullHint: string;
}

/** Turns an error of a SQLite file, or of the files around it, into `unavailable` or `corrupt`. */
export function asFileFailure(error: unknown, trouble: FileTrouble): Error {
  if (error instanceof JavumboError) return error;
  const { what, file, username } = trouble;
  const blame = blameOf(error);
  const details = { username, cause: error };
  if (blame === 'locked') {
    return new JavumboError('unavailable', `${what}: another process kept ${file} locked`, {
      ...details,
      try: trouble.busyHint,
      retryable: true,
    });
  }
  if (blame === 'full') {
    return new JavumboError('unavailable', `${what}: no space is left on ${trouble.disk ?? `the disk of ${file}`}`, {
      ...details,
      try: trouble.fullHint,
    });
  }
  if (blame === 'damage') {
    return new JavumboError('corrupt', `${what}: ${file} is damaged: ${messageOf(error)}`, {
      ...details,
      try: trouble.damagedHint,
    });
  }
  const message = `${trouble.otherwise ?? `${what} in ${file}`}: ${messageOf(error)}`;
  return new JavumboError(isWrongPlace(error) ? 'usage' : 'unavailable', message, {
    ...details,
    try: 'name a directory that you can write to with JAVUMBO_HOME',
  });
}
