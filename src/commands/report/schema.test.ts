import { readFileSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { reportJsonSchema } from '../../report/schema.ts';
import { freshMachine, runCommand, temporaryDirectory } from '../../testing/run-command.ts';

let _directory: string;

let _env: NodeJS.ProcessEnv;

beforeEach(() => {
  _directory = temporaryDirectory();
  _env = freshMachine();
});

test('report schema prints the schema that is shipped', async () => {
  const { code, stdout } = await runCommand(['report', 'schema']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual(reportJsonSchema());
  const shipped = JSON.parse(readFileSync(new URL('../../report/report.schema.json', import.meta.url), 'utf8'));
  // After a change: npx javumbo report schema > src/report/report.schema.json && npm run fix
  expect(shipped).toEqual(reportJsonSchema());
});
