/** What we say to people on a terminal: lines that fit it, and times as people read them. */
import { describe, expect, test } from 'vitest';
import { runCommand } from '../testing/run-command.ts';
import { displayWidth } from './display-width.ts';
import { fitted, message } from './prose.ts';

const STARTED = '2026-11-27T07:12:20.261Z';
const PATH = `/srv/${'backups/'.repeat(6)}`;

describe('a line on a terminal of 40 columns', () => {
  test.each([
    { name: 'that fits stays', line: 'a short line', lines: ['a short line'] },
    {
      name: 'that is too long goes on two columns to the right',
      line: '  faults that landed: delay 28 of 28, contended 9 of 9',
      lines: ['  faults that landed: delay 28 of 28,', '    contended 9 of 9'],
    },
    {
      name: 'with a label goes on behind it',
      line: 'error: --objective totalMs.p99<10: 20 samples cannot bear p99',
      lines: ['error: --objective totalMs.p99<10: 20', '       samples cannot bear p99'],
    },
    {
      name: 'with a mark goes on behind it',
      line: '✓ history: all versions of a day, one an hour for a week',
      lines: ['✓ history: all versions of a day, one an', '  hour for a week'],
    },
    {
      name: 'in colours is as wide as without',
      line: '\u001b[32m✓\u001b[39m \u001b[1mhistory\u001b[22m: all versions of a day, one an hour',
      lines: ['\u001b[32m✓\u001b[39m \u001b[1mhistory\u001b[22m: all versions of a day, one an', '  hour'],
    },
    {
      name: 'keeps the blanks that align columns',
      line: 'queryMs      0.03 ms  -16.5 %  within the noise',
      lines: ['queryMs      0.03 ms  -16.5 %  within', '  the noise'],
    },
    {
      name: 'keeps a path in one piece, and never leaves a label alone',
      line: `error: ${PATH} cannot be read`,
      lines: [`error: ${PATH}`, '       cannot be read'],
    },
    {
      name: 'that is a command to be copied is left to the terminal',
      line: 'try:   javumbo db push alice alice.anki2 --force',
      lines: ['try:   javumbo db push alice alice.anki2 --force'],
    },
    {
      name: 'goes on below the comma behind a command',
      line: 'try:   javumbo bench concurrent --retries 0, which prints how each ends',
      lines: ['try:   javumbo bench concurrent --retries 0,', '       which prints how each ends'],
    },
    {
      name: 'keeps a comma in quotes, which belongs to the command',
      line: "try:   javumbo db query alice 'SELECT type, name, sql FROM sqlite_master'",
      lines: ["try:   javumbo db query alice 'SELECT type, name, sql FROM sqlite_master'"],
    },
    {
      name: 'that is a command in colours stays whole',
      line: '\u001b[1mundo:\u001b[22m    javumbo fleet undo /home/alice/.local/share/run.jsonl',
      lines: ['\u001b[1mundo:\u001b[22m    javumbo fleet undo /home/alice/.local/share/run.jsonl'],
    },
    {
      name: 'gives a CI no command where it is broken',
      line: 'error: this text of a user is as long as ::error::owned',
      lines: ['error: this text of a user is as long as', '       \\u003a:error::owned'],
    },
    {
      name: 'keeps a time and a size in one piece',
      line: 'it is what it was at 2026-11-27 07:12:20 UTC, and now has 24.6 kB',
      lines: ['it is what it was at', '  2026-11-27 07:12:20 UTC, and now has', '  24.6 kB'],
    },
    {
      name: 'of wide letters is measured in columns',
      line: `note: ${'日本語 '.repeat(8).trim()}`,
      lines: [`note: ${'日本語 '.repeat(5).trim()}`, `      ${'日本語 '.repeat(3).trim()}`],
    },
  ])('$name', ({ line, lines }) => {
    expect(fitted(`above\n${line}`, 40)).toBe(['above', ...lines].join('\n'));
  });
});

test.each([
  { name: 'a terminal gets times for people', tty: true, told: 'the run of 2026-11-27 07:12:20 UTC' },
  { name: 'a pipe gets ISO 8601', tty: false, told: `the run of ${STARTED}` },
])('of a message, $name', ({ tty, told }) => {
  expect(message(`the run of ${STARTED}`, { write: () => {}, isTTY: tty })).toBe(told);
});

test.each([
  { name: 'a command to be tried', line: `try:   javumbo db restore alice --at ${STARTED}` },
  { name: 'a path', line: `error: there is no file ./${STARTED}` },
  { name: 'a folder', line: `error: there is no folder /srv/${STARTED}/alice.anki2` },
  { name: 'a name', line: `error: there is no context "${STARTED}"` },
  { name: 'a longer name', line: `error: there is no file run-${STARTED}.jsonl` },
])('$name keeps its time in ISO 8601 on a terminal', ({ line }) => {
  expect(message(line, { write: () => {}, isTTY: true, columns: 200 })).toBe(line);
});

// Each of them says more than fits in 80 columns.
test.each([
  {
    name: 'a threshold that names no figure',
    argv: ['bench', 'latency', '--deployment', 'local', '--threshold', 'totalMs.p96<400'],
  },
  { name: 'a part of a deployment that is not named', argv: ['db', 'list', '--dynamodb-endpoint-url', 'http://a'] },
])('an error fits 80 columns on a terminal, and is one line in a pipe: $name', async ({ argv }) => {
  const [shown, piped] = [await runCommand(argv, { tty: true }), await runCommand(argv)];
  expect(piped.stderr.split('\n').some((line) => displayWidth(line) > 80)).toBe(true);
  expect(shown.stderr.split('\n').filter((line) => displayWidth(line) > 80)).toEqual([]);
  expect(shown.stderr.replace(/\n {7}/g, ' ')).toBe(piped.stderr);
});
