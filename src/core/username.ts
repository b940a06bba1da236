import { JavumboError } from './failure.ts';

const PATTERN = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/;
const KEY_PREFIX = 'user_dbs/';
const KEY_SUFFIX = '.anki2';

/** True for a valid username: it cannot escape its folder, its key or its line on a terminal. */
export function isUsername(text: string): boolean {
  return PATTERN.test(text);
}

/** Returns the username unchanged, or throws `usage`. */
export function parseUsername(text: string): string {
  if (isUsername(text)) return text;
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
  throw new JavumboError('usage', `${shown} is not a username`, {
    try: 'a letter or digit, then at most 127 letters, digits or . _ @ + -',
  });
}

/** Returns the object key of a user's database, which the deployed function uses too. */
export function keyOf(username: string): string {
  return `${KEY_PREFIX}${username}${KEY_SUFFIX}`;
}

/** Returns the user whose database has this object key, or undefined. */
export function usernameOf(key: string): string | undefined {
  if (!key.startsWith(KEY_PREFIX) || !key.endsWith(KEY_SUFFIX)) return undefined;
  const username = key.slice(KEY_PREFIX.length, -KEY_SUFFIX.length);
  return isUsername(username) ? username : undefined;
}

/** The key prefix of all user databases in a bucket. */
export const USER_DATABASES_PREFIX = KEY_PREFIX;
