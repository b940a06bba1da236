import { expect, test } from 'vitest';
import { type Finding, ok, warning } from './finding.ts';
import { historyFinding } from './history.ts';

const EXPIRY = 'bucket.lifecycle';

test.each<{ name: string; isLocal?: boolean; findings?: Finding[]; says: RegExp[] }>([
  { name: 'the local deployment', isLocal: true, says: [/back 30 days: all versions of a day/] },
  {
    name: 'a bucket as infra/ makes it',
    findings: [ok('bucket.versioning', 'on'), ok(EXPIRY, 'on')],
    says: [/back 30 days$/],
  },
  {
    name: 'a bucket whose versions expire earlier',
    findings: [ok('bucket.versioning', 'on'), warning(EXPIRY, 'they expire after 7 days: Day 1 has 30', 'x')],
    says: [/back 7 days$/],
  },
  {
    name: 'a bucket whose versions never expire',
    findings: [ok('bucket.versioning', 'on'), warning(EXPIRY, 'off: old versions are kept', 'x')],
    says: [/without end/],
  },
  {
    name: 'a bucket without versions',
    findings: [ok('bucket.versioning', 'off, which is right')],
    says: [/back 0 days: .* only a backup/],
  },
  { name: 'a bucket that could not be examined', findings: [warning('bucket', 'no right to look', 'x')], says: [] },
])('$name: $says', ({ isLocal = false, findings = [], says }) => {
  expect(historyFinding(isLocal, findings).map(({ message }) => message)).toEqual(
    says.map((pattern) => expect.stringMatching(pattern)),
  );
});
