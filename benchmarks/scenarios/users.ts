import { existsSync } from 'node:fs';
import { openS3 } from '../../src/aws/s3-client.ts';
import { configOf } from '../designs.ts';
import { storeFile, writeSeed } from '../seed.ts';
import { type Bench, seedPath } from './scenario.ts';

/** Stores a database of that size for each of these users, without links or designs. */
export async function seedUsers(bench: Bench, sizeBytes: number, usernames: readonly string[]): Promise<void> {
  const path = seedPath(bench, sizeBytes);
  if (!existsSync(path)) writeSeed(path, sizeBytes);
  const client = openS3(configOf(bench.server.endpoint, bench.directory));
  try {
    for (const username of usernames) await storeFile(client, username, path);
  } finally {
    client.destroy();
  }
}
