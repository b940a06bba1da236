import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { BackupFolder } from '../backup/folder.ts';
import { ManifestWriter } from '../backup/manifest.ts';
import { systemRandom } from '../core/random.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { examineBackup } from './backup.ts';

const AT = Date.parse('2026-11-26T23:00:00.000Z');
const HOUR = 3_600_000;

async function folderWith(closed: boolean): Promise<BackupFolder> {
  const folder = await BackupFolder.prepared(join(temporaryDirectory(), 'backup'));
  await add(folder, AT, closed);
  return folder;
}

async function add(folder: BackupFolder, at: number, closed: boolean): Promise<void> {
  const startedAt = new Date(at).toISOString();
  const writer = await ManifestWriter.begin(folder.runPath(folder.newRunName(startedAt, systemRandom)), {
    schemaVersion: 1,
    kind: 'backup',
    startedAt,
    deployment: { kind: 'local', id: 'mine' },
    accounts: true,
  });
  await writer.add({ username: 'alice', account: { name: 'Alice' } });
  if (closed) await writer.end(startedAt);
  await writer.close();
}

describe('the last complete backup', () => {
  let folder: BackupFolder;

  beforeAll(async () => {
    folder = await folderWith(true);
    // A stopped one does not count, however new.
    await add(folder, AT + 24 * HOUR, false);
  });

  test.each([
    { name: 'an hour old', hours: 1, severity: 'ok', message: 'the last complete backup is 1 h old: 1 user' },
    { name: 'a day old', hours: 24, severity: 'ok', message: /1 d old/ },
    { name: 'over a day old', hours: 24.1, severity: 'warning', message: /1 d old/ },
    { name: 'a month old', hours: 720, severity: 'warning', message: /30 d old/ },
  ])('$name is $severity', async ({ hours, severity, message }) => {
    const [finding] = await examineBackup(folder.path, 'mine', AT + hours * HOUR);
    expect(finding).toMatchObject({ id: 'backup', severity, message: expect.stringMatching(message) });
  });

  test('of another deployment is none', async () => {
    const [finding] = await examineBackup(folder.path, 'another', AT);
    expect(finding).toMatchObject({
      severity: 'warning',
      message: expect.stringMatching(/of another deployment: mine$/),
    });
  });
});

test('a folder in which every run was stopped, or is damaged, is a warning', async () => {
  const folder = await folderWith(false);
  const found = async () => (await examineBackup(folder.path, 'mine', AT))[0];
  expect(await found()).toMatchObject({
    severity: 'warning',
    message: expect.stringMatching(/holds no complete backup$/),
  });
  await add(folder, AT + 1, true);
  expect(await found()).toMatchObject({ severity: 'ok' });
  const path = folder.runPath(folder.runNames()[1] ?? '');
  writeFileSync(path, readFileSync(path, 'utf8').replace('Alice', 'Alien'));
  expect(await found()).toMatchObject({ severity: 'warning', message: expect.stringMatching(/is damaged/) });
});
