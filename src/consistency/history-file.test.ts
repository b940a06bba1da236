import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { violationLines } from '../report/violation-words.ts';
import { type HistoryHeader, HistoryWriter, readHistory, startHistory } from './history-file.ts';
import { verdictOn } from './verdict.ts';

const HEADER: HistoryHeader = {
  kind: 'consistency',
  schemaVersion: 1,
  run: 'run',
  startedAt: '2026-11-27T00:00:00.000Z',
  deployment: { kind: 'local' },
  seed: 1,
  users: ['user'],
  faults: [],
};

let path: string;

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'javumbo-history-')), 'run.jsonl');
});

afterEach(() => rmSync(join(path, '..'), { recursive: true, force: true }));

function written(...lines: Parameters<HistoryWriter['append']>[0][]): string {
  const writer = new HistoryWriter(path);
  for (const line of [HEADER, ...lines]) writer.append(line);
  writer.close();
  return readFileSync(path, 'utf8');
}

const call = (id: string, kind: 'append' | 'read' | 'create', value?: string) =>
  ({ call: id, client: 'c1', user: 'user', about: 'database', kind, ...(value ? { value } : {}) }) as const;
const state = (...values: string[]) => ({ values, count: 0 });

describe('a history file', () => {
  test('has the order of its lines as its clock', () => {
    const text = written(
      call('a', 'create', 'v1'),
      call('b', 'read'),
      { return: 'a', outcome: 'committed' },
      { return: 'b', outcome: 'read', saw: state('v1') },
    );
    const { databases, operations, outcomes } = readHistory(text, path);
    const [create, read] = databases.get('user')?.operations ?? [];
    expect(create).toMatchObject({ machine: 'c1', kind: 'create', value: 'v1', outcome: 'committed' });
    expect(read?.saw).toEqual(state('v1'));
    expect(
      [create?.start, read?.start, create?.end, read?.end].every(
        (line, place, all) => place === 0 || (line ?? 0) > (all[place - 1] ?? 0),
      ),
    ).toBe(true);
    expect({ operations, committed: outcomes.committed, read: outcomes.read }).toEqual({
      operations: 2,
      committed: 1,
      read: 1,
    });
  });

  test('says of a call without a return that it may have happened', () => {
    const { databases, operations, faults } = readHistory(written(call('a', 'append', 'v1')), path);
    expect(databases.get('user')?.operations[0]?.outcome).toBe('crashed');
    expect({ operations, faults }).toEqual({ operations: 0, faults: undefined });
  });

  test('is read although a process was killed while it wrote a line, and others wrote on', () => {
    const text = written(call('a', 'create', 'v1'), { return: 'a', outcome: 'committed' });
    const torn = `${text}\n{"return":"b","outc`;
    const { databases } = readHistory(`${torn}\n${JSON.stringify(call('c', 'read'))}\n`, path);
    expect(databases.get('user')?.operations.map(({ kind }) => kind)).toEqual(['create', 'read']);
  });

  test.each(['', 'nonsense', '{"kind":"latency"}'])('is not %j', (text) => {
    expect(() => readHistory(text, path)).toThrow(
      expect.toSatisfy((error) => error instanceof JavumboError && error.kind === 'usage'),
    );
  });

  test('is not started over another one', () => {
    startHistory(path);
    expect(() => startHistory(path)).toThrow(/is there already/);
  });
});

test('a violation is said in words, in the order of time', () => {
  const text = written(
    call('a', 'create', 'v1'),
    { return: 'a', outcome: 'committed' },
    call('b', 'append', 'v2'),
    call('c', 'append', 'v3'),
    { return: 'b', outcome: 'committed', saw: state('v1') },
    { return: 'c', outcome: 'committed', saw: state('v1') },
  );
  const { violations } = verdictOn(readHistory(text, path));
  expect(violations.map(({ kind }) => kind)).toEqual(['overwritten']);
  expect(violations.flatMap(violationLines)).toEqual([
    'overwritten: v2 and v3 were both committed over the same state (the database of user)',
    '  lines 8–12   c1 appends v2 after v1; it is told that this is stored',
    '  lines 10–14  c1 appends v3 after v1; it is told that this is stored',
  ]);
});

describe('a client that reads within a staleness', () => {
  const made = [call('a', 'create', 'v1'), { return: 'a', outcome: 'committed' }] as const;
  const seen = (id: string, client: string, ...values: string[]) =>
    [
      { call: id, client, user: 'user', about: 'database', kind: 'read', stale: client === 's' },
      { return: id, outcome: 'read', saw: state(...values) },
    ] as const;
  const appended = (client: string) =>
    [
      { ...call('b', 'append', 'v2'), client },
      { return: 'b', outcome: 'committed', saw: state('v1') },
    ] as const;

  test.each([
    { name: 'may miss what others have written', lines: [...appended('c1'), ...seen('c', 's', 'v1')], kinds: [] },
    {
      name: 'shows its own writes',
      lines: [...appended('s'), ...seen('c', 's', 'v1'), ...seen('d', 'c1', 'v1', 'v2')],
      kinds: ['own-write-missed'],
    },
    {
      name: 'never goes back',
      lines: [...appended('c1'), ...seen('c', 's', 'v1', 'v2'), ...seen('d', 's', 'v1')],
      kinds: ['vanished'],
    },
    {
      name: 'is another one than those that ask every time',
      lines: [...appended('c1'), ...seen('c', 'c2', 'v1'), ...seen('d', 'c1', 'v1', 'v2')],
      kinds: ['stale-read'],
    },
  ])('$name', ({ lines, kinds }) => {
    const { violations } = verdictOn(readHistory(written(...made, ...lines), path));
    expect(violations.map(({ kind }) => kind)).toEqual(kinds);
  });
});
