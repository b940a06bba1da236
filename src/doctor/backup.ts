import { BackupFolder } from '../backup/folder.ts';
import { isComplete, readRun } from '../backup/runs.ts';
import { formatAge, formatCount } from '../core/format.ts';
import { type Finding, ok, warning } from './finding.ts';

const ID = 'backup';

const AGE_MAX_MS = 24 * 3_600_000;

/** Examines how old the newest complete backup of a deployment is. */
export async function examineBackup(directory: string, identity: string, now: number): Promise<Finding[]> {
  const again = `javumbo backup create ${directory}`;
  const folder = BackupFolder.existing(directory);
  for (const name of folder.runNames().reverse()) {
    const run = await readRun(folder, name);
    const { header, users, damage, damaged } = run;
    if (damage !== undefined) return [warning(ID, damage, `javumbo backup verify ${directory}`)];
    if (header === undefined || !isComplete(run)) continue;
    if (header.deployment.id !== identity) {
      return [
        warning(ID, `${directory} is the backup of another deployment: ${header.deployment.id}`, 'another --backup'),
      ];
    }
    const age = now - Date.parse(header.startedAt);
    const text = `the last complete backup is ${formatAge(age)} old: ${formatCount(users, 'user')}`;
    if (age > AGE_MAX_MS) return [warning(ID, text, again)];
    if (damaged > 0) return [warning(ID, `${text}, ${damaged} of their databases damaged`, again)];
    return [ok(ID, text)];
  }
  return [warning(ID, `${directory} holds no complete backup`, again)];
}
