import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { unzipSync, zipSync } from 'fflate';
import { beforeEach, describe, expect, test } from 'vitest';
import type { WrittenPackage } from '../commands/function/package.ts';
import { packageVersion } from '../core/package-information.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { expectFailure } from '../testing/expect-failure.ts';
import { runCommand, temporaryDirectory } from '../testing/run-command.ts';
import { BUNDLE_BANNER, BUNDLE_PATH, buildPackage, isPackage, PACKAGE_BYTES_MAX } from './package.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundle = readFileSync(BUNDLE_PATH);

describe('the bundle', () => {
  test('says what it is in its first line', () => {
    expect(bundle.toString().split('\n')[0]).toBe(BUNDLE_BANNER);
  });

  test('imports nothing but what Node brings', () => {
    const imported = [...bundle.toString().matchAll(/\bfrom ?["']([\w@:/.-]+)["']|\bimport\(["']([^"']+)["']\)/g)];
    const names = [...new Set(imported.map(([, named, called]) => named ?? called ?? ''))];
    expect(bundle.toString()).toContain('node:sqlite');
    expect(names.filter((name) => !name.startsWith('node:') && !isBuiltin(name))).toEqual([]);
  });

  test('holds no path of this machine, and none of the languages that zod speaks', () => {
    const text = bundle.toString();
    expect({ path: text.includes(root), language: text.includes('Ungültige Eingabe') }).toEqual({
      path: false,
      language: false,
    });
  });

  test('is the same when it is made in another directory, from another one', async () => {
    const elsewhere = join(temporaryDirectory(), 'a directory', 'of another name');
    mkdirSync(elsewhere, { recursive: true });
    cpSync(join(root, 'dist'), join(elsewhere, 'dist'), {
      recursive: true,
      filter: (path) => !path.startsWith(join(root, 'dist', 'bundle')),
    });
    cpSync(join(root, 'package.json'), join(elsewhere, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(elsewhere, 'node_modules'));
    const made = join(elsewhere, 'dist', 'packaging', 'build.js');
    await promisify(execFile)(process.execPath, [made], { cwd: temporaryDirectory() });
    expect(readFileSync(join(elsewhere, 'dist/bundle/function.mjs')).equals(bundle)).toBe(true);
  });
});

describe('a package', () => {
  test('is a zip of the bundle alone, under its limit', async () => {
    const { bytes, version } = await buildPackage();
    const files = unzipSync(bytes);
    expect(Object.keys(files)).toEqual(['index.mjs']);
    expect(bundle.equals(files['index.mjs'] ?? new Uint8Array())).toBe(true);
    expect(bytes.length).toBeLessThan(PACKAGE_BYTES_MAX);
    expect(version).toBe(packageVersion());
  });

  test('is signed with the SHA-256 of its bytes', async () => {
    const { bytes, sha256, codeSha256 } = await buildPackage();
    const hash = createHash('sha256').update(bytes).digest();
    expect({ sha256, codeSha256 }).toEqual({ sha256: hash.toString('hex'), codeSha256: hash.toString('base64') });
  });

  test('is for everybody to read once it is unpacked', async () => {
    const { bytes } = await buildPackage();
    const zip = Buffer.from(bytes);
    // In the central directory: made on Unix, and the mode in the upper half of the external attributes.
    const entry = zip.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    expect({ madeOn: zip[entry + 5], mode: zip.readUInt16LE(entry + 40) }).toEqual({ madeOn: 3, mode: 0o100644 });
  });

  test.each([
    { name: 'another function', bytes: zipSync({ 'index.mjs': Buffer.from('export const handler = () => {};') }) },
    { name: 'the bundle with something beside it', bytes: zipSync({ 'index.mjs': bundle, 'more.mjs': bundle }) },
    { name: 'the bundle under another name', bytes: zipSync({ 'other.mjs': bundle }) },
    { name: 'no zip', bytes: bundle },
    { name: 'nothing', bytes: new Uint8Array() },
  ])('is told from $name', ({ bytes }) => {
    expect(isPackage(bytes)).toBe(false);
  });

  test('is known by what it is, of whatever version', async () => {
    expect(isPackage((await buildPackage()).bytes)).toBe(true);
    expect(isPackage(zipSync({ 'index.mjs': Buffer.from(`${BUNDLE_BANNER}\nexport const handler = 1;`) }))).toBe(true);
  });
});

describe('function package', () => {
  let directory: string;
  let out: string;

  beforeEach(() => {
    directory = temporaryDirectory();
    out = join(directory, 'function.zip');
  });

  test('says what it wrote, and leaves nothing else', async () => {
    const { bytes, sha256, codeSha256 } = await buildPackage();
    const result = await runCommand(['function', 'package', '--out', out, '--json']);
    expect(result.json<WrittenPackage>()).toEqual({
      file: out,
      sizeBytes: bytes.length,
      sha256,
      codeSha256,
      version: packageVersion(),
    });
    expect(readFileSync(out).equals(bytes)).toBe(true);
    expect(readdirSync(directory)).toEqual(['function.zip']);
  });

  test('writes the same bytes in another time zone, into the working directory, with nothing configured', async () => {
    const files = await Promise.all(
      ['Pacific/Kiritimati', 'America/Los_Angeles'].map(async (zone) => {
        const cwd = temporaryDirectory();
        const script = `process.chdir(${JSON.stringify(cwd)}); await import(${JSON.stringify(SCRIPTS.javumbo)});`;
        const start = join(cwd, 'start.mjs');
        writeFileSync(start, script);
        const env = { HOME: cwd, TZ: zone };
        const { code, stderr } = await runScript(start, ['function', 'package'], env);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        return readFileSync(join(cwd, 'javumbo-function.zip'));
      }),
    );
    const { bytes } = await buildPackage();
    expect(files.map((file) => file.equals(bytes))).toEqual([true, true]);
  });

  test('replaces an older package, and keeps its mode', async () => {
    writeFileSync(out, zipSync({ 'index.mjs': Buffer.from(BUNDLE_BANNER) }), { mode: 0o600 });
    const { code } = await runCommand(['function', 'package', '--out', out]);
    expect({ code, mode: statSync(out).mode & 0o777 }).toEqual({ code: 0, mode: 0o600 });
    expect(readFileSync(out).equals((await buildPackage()).bytes)).toBe(true);
  });

  test('replaces no other file, unless it is told to', async () => {
    writeFileSync(out, 'somebody’s');
    const refused = await runCommand(['function', 'package', '--out', out]);
    expectFailure(refused, { code: 2, error: /function\.zip exists, and is not a package/, hint: /--yes/ });
    expect(readFileSync(out, 'utf8')).toBe('somebody’s');
    const { code } = await runCommand(['function', 'package', '--out', out, '--yes']);
    expect({ code, isPackage: isPackage(readFileSync(out)) }).toEqual({ code: 0, isPackage: true });
  });

  test('writes what a link points to, also one to nothing yet', async () => {
    const link = join(directory, 'link.zip');
    symlinkSync('function.zip', link);
    const { file } = (await runCommand(['function', 'package', '--out', link, '--json'])).json<WrittenPackage>();
    expect({ file, isPackage: isPackage(readFileSync(out)) }).toEqual({ file: out, isPackage: true });
  });

  test.each([
    {
      name: 'a directory that is not there',
      file: 'none/function.zip',
      error: /there is no directory/,
      hint: /mkdir -p \S+none$/m,
    },
    { name: 'a directory', file: '.', error: /not an ordinary file/, hint: /another --out/ },
    { name: 'a place below a file', file: 'file/function.zip', error: /cannot be written/, hint: /another --out/ },
  ])('refuses $name', async ({ file, error, hint }) => {
    writeFileSync(join(directory, 'file'), '');
    const result = await runCommand(['function', 'package', '--out', join(directory, file)]);
    expectFailure(result, { code: 2, error, hint });
    expect(readdirSync(directory)).toEqual(['file']);
  });

  test('refuses an empty name', async () => {
    expectFailure(await runCommand(['function', 'package', '--out', '']), { code: 2, error: /--out is empty/ });
  });
});
