import { JavumboError } from './failure.ts';

const PATTERN = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/;
const KEY_PREFIX = 'user_dbs/';
const KEY_SUFFIX = '.anki2';

/** True for what may be a username: it cannot leave its folder, its key or its line on a terminal. */
export function isUsername(text: string): boolean {
  return PATTERN.test(text);
}

/** Returns the username unchanged, or throws `usage` naming what is wrong with it. */
export function parseUsername(text: string): string {
  if (isUsername(text)) return text;
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
  throw new JavumboError('usage', `${shown} is not a username`, {
    try: 'a letter or digit, then at most 127 letters, digits or . _ @ + -',
  });
}

/** The object key of a user's database, as the deployed function uses it too. */
export function keyOf(username: string): string {
  return `${KEY_PREFIX}${username}${KEY_SUFFIX}`;
}

/** The user whose database an object key names, or undefined when the key names none. */
export function usernameOf(key: string): string | undefined {
  if (!key.startsWith(KEY_PREFIX) || !key.endsWith(KEY_SUFFIX)) return undefined;
  const username = key.slice(KEY_PREFIX.length, -KEY_SUFFIX.length);
  return isUsername(username) ? username : undefined;
}

/** The prefix under which all user databases live in a bucket. */
export const USER_DATABASES_PREFIX = KEY_PREFIX;
