/** Where a report may not go; report-options.process.test.ts has what a command line alone can ask for. */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { seededRandom } from '../core/random.ts';
import { PLAIN_REPORT } from '../testing/hand-made-report.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { openReportFiles, type ReportTarget } from './files.ts';

const SILENT = { write: () => true };
const CONTEXT = { env: {}, stdout: SILENT, stderr: SILENT, random: seededRandom(1) };

let input: string;
let link: string;

beforeEach(() => {
  const directory = temporaryDirectory();
  input = join(directory, 'x.json');
  link = join(directory, 'link.json');
  writeFileSync(input, 'the run');
  symlinkSync(input, link);
});

test.each(['json', 'junit', 'markdown', 'html'] as const)('%s=- is refused, and stdout is named', async (format) => {
  const opening = openReportFiles([{ format, file: '-' }], CONTEXT, { json: false });
  await expect(opening).rejects.toMatchObject({ kind: 'usage', try: `--report ${format}=/dev/stdout` });
});

test.each([
  { name: 'itself', file: () => input, reads: () => input },
  { name: 'a link to it', file: () => link, reads: () => input },
  { name: 'what a link led to', file: () => input, reads: () => link },
])('what the command reads is not overwritten: $name', async ({ file, reads }) => {
  const target: ReportTarget = { format: 'html', file: file() };
  const opening = openReportFiles([target], CONTEXT, { json: false, reads: [reads()] });
  await expect(opening).rejects.toMatchObject({ kind: 'usage', message: expect.stringContaining('reads that file') });
  expect(readFileSync(input, 'utf8')).toBe('the run');
});

test('a file beside it is written', async () => {
  const file = `${input}.html`;
  const files = await openReportFiles([{ format: 'html', file }], CONTEXT, { json: false, reads: [input] });
  expect(await files.write(PLAIN_REPORT)).toEqual([]);
  expect(readFileSync(file, 'utf8')).toContain('<!doctype html>');
});
