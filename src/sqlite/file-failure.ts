import { isDiskFull, isWrongPlace } from '../core/cache-directory.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { isDamage } from './engine.ts';

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
  const code = codeOf(error);
  const details = { username, cause: error };
  if (code?.startsWith('SQLITE_BUSY')) {
    return new JavumboError('unavailable', `${what}: another process kept ${file} locked`, {
      ...details,
      try: trouble.busyHint,
      retryable: true,
    });
  }
  if (isDiskFull(error)) {
    return new JavumboError('unavailable', `${what}: no space is left on ${trouble.disk ?? `the disk of ${file}`}`, {
      ...details,
      try: trouble.fullHint,
    });
  }
  if (isDamage(error)) {
    return new JavumboError('corrupt', `${what}: ${file} is damaged: ${messageOf(error)}`, {
      ...details,
      try: trouble.damagedHint,
    });
  }
  return new JavumboError(
    isWrongPlace(error) ? 'usage' : 'unavailable',
    `${trouble.otherwise ?? `${what} in ${file}`}: ${messageOf(error)}`,
    {
      ...details,
      try: 'name a directory that you can write to with JAVUMBO_HOME',
    },
  );
}
