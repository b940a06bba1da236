import { expect, test } from 'vitest';
import { type Input, InputReader } from './input.ts';

const sql = (text: string): Input => ({ kind: 'sql', sql: text });
const command = (name: string, argument = ''): Input => ({ kind: 'command', name, argument });

test.each<{ name: string; lines: string[]; inputs: Input[]; open?: boolean }>([
  { name: 'a statement on one line', lines: ['SELECT 1;'], inputs: [sql('SELECT 1;')] },
  { name: 'two on one line', lines: ['SELECT 1; SELECT 2;'], inputs: [sql('SELECT 1;'), sql('SELECT 2;')] },
  { name: 'one on two lines', lines: ['SELECT', '1;'], inputs: [sql('SELECT\n1;')] },
  { name: 'one and a half', lines: ['SELECT 1; SELECT', '2;'], inputs: [sql('SELECT 1;'), sql('SELECT\n2;')] },
  { name: 'a semicolon in a text', lines: ["SELECT ';", "';"], inputs: [sql("SELECT ';\n';")] },
  { name: 'a statement without its end', lines: ['SELECT 1'], inputs: [], open: true },
  { name: 'a text without its end', lines: ["SELECT ';"], inputs: [], open: true },
  {
    name: 'a trigger',
    lines: ['CREATE TRIGGER a AFTER INSERT ON t BEGIN', 'SELECT 1;', 'END;'],
    inputs: [sql('CREATE TRIGGER a AFTER INSERT ON t BEGIN\nSELECT 1;\nEND;')],
  },
  { name: 'blank lines, comments and semicolons', lines: ['', ' ', '-- a', ';', '/* ; */', ';;'], inputs: [] },
  { name: 'a comment of several lines', lines: ['/* a;', '; */', 'SELECT 1;'], inputs: [sql('SELECT 1;')] },
  {
    name: 'a command',
    lines: ['.tables', '  .schema notes  '],
    inputs: [command('.tables'), command('.schema', 'notes')],
  },
  { name: 'a command with a semicolon', lines: ['.commit;'], inputs: [command('.commit')] },
  { name: 'a dot inside a statement', lines: ['SELECT 1', '.5;'], inputs: [sql('SELECT 1\n.5;')] },
])('$name', ({ lines, inputs, open = false }) => {
  const reader = new InputReader();
  expect(lines.flatMap((line) => reader.push(line))).toEqual(inputs);
  expect(reader.isOpen).toBe(open);
});

test('the end of a script completes its last statement', () => {
  const reader = new InputReader();
  reader.push('SELECT 1');
  expect(reader.end()).toEqual([sql('SELECT 1')]);
  expect(reader.end()).toEqual([]);
});

test('what was begun can be forgotten', () => {
  const reader = new InputReader();
  reader.push("SELECT 'a");
  reader.clear();
  expect(reader.push('SELECT 1;')).toEqual([sql('SELECT 1;')]);
});
