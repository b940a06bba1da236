import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directories: string[] = [];

/** A directory of the test file's own, removed after its last test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-test-'));
  directories.push(directory);
  return directory;
}

export function removeTemporaryDirectories(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}
