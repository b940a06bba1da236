/** Rows are printed as they are found. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openLocal } from '../../testing/command-deployments.ts';

const BIN = fileURLToPath(new URL('../../../bin/javumbo.js', import.meta.url));
const ENDLESS = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';

test.each([
  { name: 'lines', json: '', head: 3, lines: ['1', '2', '3'] },
  {
    name: 'a JSON document',
    json: '--json',
    head: 6,
    lines: ['{', '  "columns": [', '    "i"', '  ],', '  "rows": [', '    {'],
  },
])('a query without an end prints $name, and ends with its reader', async ({ json, head, lines }) => {
  const deployment = openLocal();
  await deployment.json('db', 'create', 'alice');
  const query = [process.execPath, BIN, ...deployment.flags, '--quiet', 'db', 'query', 'alice', `"${ENDLESS}"`, json];
  const { stdout, stderr } = spawnSync('bash', ['-c', `${query.join(' ')} | head -${head}`], {
    env: { ...process.env, ...deployment.env },
    encoding: 'utf8',
  });
  expect({ lines: stdout.trimEnd().split('\n'), stderr }).toEqual({ lines, stderr: '' });
});

test('rows of any size are printed, each whole', async () => {
  const deployment = openLocal();
  await deployment.json('db', 'create', 'alice');
  const sql =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1203) SELECT i, CASE WHEN i % 400 = 0 THEN printf('%.*c', 1500000, 'x') ELSE '' END AS text FROM n";
  const { stdout } = await deployment.run(['db', 'query', 'alice', sql]);
  const lengths = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.length - line.indexOf('\t') - 1);
  expect(lengths).toHaveLength(1203);
  expect(lengths.filter((length) => length > 10)).toEqual([1_500_000, 1_500_000, 1_500_000]);
  const { rows } = await deployment.json<{ rows: { i: number }[] }>('db', 'query', 'alice', sql);
  expect(rows.map(({ i }) => i)).toEqual(Array.from({ length: 1203 }, (_, index) => index + 1));
});

test('an error behind the first rows is reported, after them', async () => {
  const deployment = openLocal();
  await deployment.json('db', 'create', 'alice');
  const sql =
    'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT CASE WHEN i = 1500 THEN abs(-9223372036854775807 - 1) ELSE i END FROM n';
  const { code, stdout, stderr } = await deployment.run(['db', 'query', 'alice', sql]);
  expect({ code, error: stderr.split('\n')[0] }).toEqual({
    code: 2,
    error: expect.stringContaining('integer overflow'),
  });
  expect(stdout.trimEnd().split('\n')).toHaveLength(1000);
});
