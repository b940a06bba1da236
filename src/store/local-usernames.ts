import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isUsername } from '../core/username.ts';

/** The folder of a local deployment that holds a folder with each user's database. */
export function databasesFolder(root: string): string {
  return join(root, 'databases');
}

/**
 * Returns the users of a local deployment whose names begin with `start`, in order, for suggestions: by the folders of
 * their databases, so that nothing is opened, created or waited for. A folder may hold only the history of a database.
 */
export function localUsernames(root: string, start: string, limit: number): string[] {
  let folders: string[];
  try {
    folders = readdirSync(databasesFolder(root));
  } catch {
    return [];
  }
  return folders
    .filter((name) => name.startsWith(start) && isUsername(name))
    .sort()
    .slice(0, limit);
}
