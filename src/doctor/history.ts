import { type Finding, ok } from './finding.ts';

const ID = 'history';
const NO_VERSIONS = 'the bucket keeps no versions, so only a backup brings back what is overwritten or deleted';

/** Says how far the history of databases reaches back, from what was found of the bucket. */
export function historyFinding(isLocal: boolean, findings: readonly Finding[]): Finding[] {
  if (isLocal) {
    return [ok(ID, 'it reaches back 30 days: all versions of a day, one an hour for a week, then one a day')];
  }
  const messageOf = (id: string): string | undefined => findings.find((finding) => finding.id === id)?.message;
  const versioning = messageOf('bucket.versioning');
  if (versioning === undefined) return [];
  if (versioning !== 'on') return [ok(ID, `it reaches back 0 days: ${NO_VERSIONS}`)];
  const expiry = messageOf('bucket.lifecycle') ?? '';
  const days = expiry === 'on' ? '30' : /they expire after (\d+) days/.exec(expiry)?.[1];
  return [
    ok(ID, days === undefined ? 'it reaches back without end: no version expires' : `it reaches back ${days} days`),
  ];
}
