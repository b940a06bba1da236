import { homedir } from 'node:os';

// Where Debian, too, says that an account has no home. Whatever is not there cannot be made there either.
const NOWHERE = '/nonexistent';

/** Returns this user's home. A container may run under a number that no account has, and without HOME. */
export function homeOf(env: NodeJS.ProcessEnv): string {
  if (env.HOME) return env.HOME;
  try {
    return homedir();
  } catch {
    return NOWHERE;
  }
}
