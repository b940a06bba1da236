import { JavumboError } from '../core/failure.ts';

/** 2^12 rounds, like the Python repository: about 0.3 s of CPU. */
export const HASH_COST = 12;

/** 2^16 rounds take about five seconds, and each step doubles that: a dearer hash authenticates nobody. */
export const COST_MAX = 16;

/**
 * Up to here, all answers take as long as that of the dearest hash that was met, so that none names its account. A dearer
 * one (2^14 rounds take a second) would make every later login of everybody slow for good, and one account in a table
 * would be enough for that: it takes its own time alone, by which it can be told from the others.
 */
export const SHARED_COST_MAX = 14;

const CHARACTERS_MIN = 8;
// bcrypt ignores further bytes, so they would protect nothing.
const BYTES_MAX = 72;

/**
 * Returns a password as it is set: composed (NFC), for keyboards differ in how they send an accent. Throws `usage` for one
 * that must not be set. Older ones that are too short still authenticate.
 */
export function acceptedPassword(given: string): string {
  const password = given.normalize('NFC');
  const refuse = (what: string, hint: string): never => {
    throw new JavumboError('usage', `the password ${what}`, { try: hint });
  };
  // Counts code points; what a terminal shows as one character may be several.
  if ([...password].length < CHARACTERS_MIN) {
    refuse(`has fewer than ${CHARACTERS_MIN} characters`, `a password of at least ${CHARACTERS_MIN} characters`);
  }
  const bytes = Buffer.byteLength(password);
  if (bytes > BYTES_MAX) {
    refuse(
      `has ${bytes} bytes in UTF-8, and bcrypt reads ${BYTES_MAX}`,
      `a password of at most ${BYTES_MAX} bytes; letters with accents have two, emoji four`,
    );
  }
  // Other implementations of bcrypt stop there, or refuse it.
  if (password.includes('\0')) refuse('holds a NUL character', 'a password without it');
  return password;
}

/** Returns bcrypt's salted hash of a password, 60 characters, `$2b$12$…`. Yields to the event loop every 0.1 s. */
export async function hashPassword(password: string): Promise<string> {
  const { hash } = await import('bcryptjs');
  return hash(password, HASH_COST);
}

// A valid hash that no password has: salt and digest are all zero bits.
const NOBODY = '.'.repeat(53);

/** Returns the forms of a password that an account may have been made with: composed, decomposed, or as it comes. */
export function formsOf(password: string): string[] {
  return [...new Set([password.normalize('NFC'), password.normalize('NFD'), password])];
}

/**
 * True if the password has that hash. Without a hash it is false after the same work, 2^`cost` rounds for each form of the
 * password, so neither time nor answer distinguishes an unknown user from a wrong password. What bcrypt would not read to
 * its end, because of a NUL or its length, has no hash.
 */
export async function verifyPassword(
  password: string,
  passwordHash: string | undefined,
  cost = HASH_COST,
): Promise<boolean> {
  const { compare } = await import('bcryptjs');
  let valid = false;
  for (const form of formsOf(password)) {
    const bytes = Buffer.from(form);
    const isWhole = bytes.length <= BYTES_MAX && !form.includes('\0') && bytes.toString() === form;
    for (const hash of comparisons(passwordHash, cost)) {
      if ((await compare(form, hash)) && isWhole && hash === passwordHash) valid = true;
    }
  }
  return valid;
}

/**
 * Returns the hashes that a verification compares with, so that all take the same work: the account's own, plus what is
 * missing to 2^`most` rounds. After a hash of a lower cost c come 2^c + 2^(c+1) + … + 2^(most-1); one of a higher cost is
 * alone.
 */
export function comparisons(passwordHash: string | undefined, most = HASH_COST): string[] {
  const cost = passwordHash === undefined ? undefined : costOf(passwordHash);
  if (passwordHash === undefined || cost === undefined || cost > COST_MAX) return [nobodyAt(most)];
  const missing = Array.from({ length: Math.max(0, most - cost) }, (_, index) => nobodyAt(cost + index));
  return [passwordHash, ...missing];
}

/** Returns the cost of all later answers: that of the dearest hash so far, within its bound. */
export function sharedCost(before: number, passwordHash: string | undefined): number {
  const cost = passwordHash === undefined ? undefined : costOf(passwordHash);
  return cost === undefined || cost > SHARED_COST_MAX ? before : Math.max(before, cost);
}

function nobodyAt(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${NOBODY}`;
}

const HASH = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/;

/** Returns the cost of a hash that can be verified (`$2a$`, `$2b$`, `$2y$`), or undefined. */
export function costOf(passwordHash: string): number | undefined {
  const cost = HASH.exec(passwordHash)?.[1];
  return cost === undefined ? undefined : Number(cost);
}
