import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readTextFile } from './input-file.ts';
import { decodeText, refuseLossyText } from './text-input.ts';

describe('bytes of text', () => {
  test.each([
    { name: 'nothing', bytes: Buffer.from(''), is: '' },
    { name: 'ASCII', bytes: Buffer.from('SELECT 1'), is: 'SELECT 1' },
    { name: 'characters of four bytes', bytes: Buffer.from('🎉'), is: '🎉' },
    { name: 'a byte order mark, which is dropped', bytes: Buffer.from('\ufeffa'), is: 'a' },
    { name: 'a second one, which is text', bytes: Buffer.from('\ufeff\ufeffa'), is: '\ufeffa' },
    { name: 'a replacement character that somebody wrote', bytes: Buffer.from('a\ufffd'), is: 'a\ufffd' },
    { name: 'a NUL', bytes: Buffer.from('a\0b'), is: 'a\0b' },
  ])('are decoded: $name', ({ bytes, is }) => {
    expect(decodeText(bytes, 'x.sql', 'UTF-8')).toBe(is);
  });

  test.each([
    { name: 'Latin-1', bytes: Buffer.from('ab\ncafé', 'latin1'), at: 'byte 7, on line 2' },
    { name: 'UTF-16', bytes: Buffer.from('\ufeffab', 'utf16le'), at: 'byte 1, on line 1' },
    { name: 'a character that is cut', bytes: Buffer.from('a🎉').subarray(0, 3), at: 'byte 2, on line 1' },
    { name: 'an overlong form', bytes: Buffer.from([0x61, 0xc0, 0x80]), at: 'byte 2, on line 1' },
    { name: 'half of a surrogate pair', bytes: Buffer.from([0xed, 0xa0, 0x80]), at: 'byte 1, on line 1' },
    {
      name: 'a character behind the last',
      bytes: Buffer.from([0x0a, 0xf4, 0x90, 0x80, 0x80]),
      at: 'byte 2, on line 2',
    },
    {
      name: 'a wrong byte behind a replacement character',
      bytes: Buffer.concat([Buffer.from('\ufffd'), Buffer.from([0xff])]),
      at: 'byte 4, on line 1',
    },
  ])('in no UTF-8 are refused with the position: $name', ({ bytes, at }) => {
    expect(() => decodeText(bytes, 'x.sql', 'UTF-8')).toThrow(
      expect.objectContaining({ kind: 'usage', message: `x.sql is not UTF-8: ${at}` }),
    );
  });

  test.each([
    { name: 'a replacement character', text: 'ab\ufffd', message: 'a tag is not UTF-8: character 3' },
    { name: 'half of a pair', text: 'a\udc00', message: 'a tag holds half of a surrogate pair: character 2' },
  ])('that came decoded are refused for $name', ({ text, message }) => {
    expect(() => refuseLossyText(text, 'a tag', 'x')).toThrow(expect.objectContaining({ kind: 'usage', message }));
  });

  test('that came decoded may hold whole pairs', () => {
    expect(() => refuseLossyText('🎉', 'a tag', 'x')).not.toThrow();
  });
});

describe('a file of text', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'javumbo-text-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('is read', async () => {
    writeFileSync(join(directory, 'a'), '\ufeffa');
    expect(await readTextFile(join(directory, 'a'), 'x')).toBe('a');
  });

  test.each([
    { name: 'a device without an end', file: () => '/dev/zero', reason: 'it is not an ordinary file' },
    { name: 'a directory', file: () => directory, reason: 'it is not an ordinary file' },
    { name: 'nothing', file: () => join(directory, 'none'), reason: 'ENOENT' },
  ])('is refused if it is $name', async ({ file, reason }) => {
    await expect(readTextFile(file(), 'x')).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining(`${file()} cannot be read: ${reason}`),
    });
  });
});
