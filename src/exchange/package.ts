import { join } from 'node:path';
import { isNewerSchema } from '../anki/schema.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { readInputFile } from '../core/input-file.ts';
import { openReadOnly, type SqliteEngine } from '../sqlite/engine.ts';
import { asSourceFailure } from '../sqlite/failure.ts';
import { Archive, damaged } from './archive.ts';
import { isMediaName } from './media.ts';
import { type MessageShape, readMessage } from './protobuf.ts';
import { unpackZstd } from './zstd.ts';

/*
 * A package of Anki's: a zip of a collection, the names of its media, and these under numbers. Three forms of it are
 * about; since the third, which packs everything in it with Zstandard, `meta` says which.
 * rslib/src/import_export/package/{meta,media}.rs
 */

const COLLECTIONS = ['collection.anki2', 'collection.anki21', 'collection.anki21b'];
const META: MessageShape = { 1: ['version', 'int'] };
const ENTRIES: MessageShape = { 1: ['entries', 'messages'] };
const ENTRY: MessageShape = {
  1: ['name', 'text'],
  2: ['size', 'int'],
  3: ['sha1', 'messages'],
  255: ['zipName', 'int?'],
};
const META_BYTES_MAX = 1_000;
const LIST_BYTES_MAX = 16_000_000;

/** A package whose collection has been unpacked. */
export interface UnpackedPackage {
  /** The collection, of schema 11. */
  readonly path: string;
  /** What schema 11 cannot hold of it, in words. */
  readonly losses: readonly string[];
  /** Names of media, by what they are called in the zip. */
  readonly media: ReadonlyMap<string, string>;
  /** Unpacks one of the media into a new file. */
  unpackMedium(entry: string, destination: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Unpacks a package into a private directory. Throws `corrupt` for what is none or is damaged, and `usage` for what is
 * too large or newer than this program.
 */
export async function unpackPackage(
  sqlite: SqliteEngine,
  file: string,
  directory: string,
  signal?: AbortSignal,
): Promise<UnpackedPackage> {
  const archive = await Archive.open(file);
  try {
    const form = await formOf(archive, file, directory);
    const extract = async (name: string, destination: string): Promise<void> => {
      if (form < 3) return archive.extract(name, destination, signal);
      const packed = `${destination}.zst`;
      await archive.extract(name, packed, signal);
      await unpackZstd(packed, destination, `${name} in ${file}`, signal);
    };
    const path = join(directory, 'package.anki2');
    await extract(COLLECTIONS[form - 1] ?? '', path);
    const losses = await downgraded(sqlite, path, file);
    const media = archive.has('media') ? await mediaIn(extract, form, file, directory) : new Map<string, string>();
    return { path, losses, media, unpackMedium: extract, close: () => archive.close() };
  } catch (error) {
    await archive.close();
    throw error;
  }
}

async function formOf(archive: Archive, file: string, directory: string): Promise<number> {
  if (!archive.has('meta')) {
    if (archive.has('collection.anki21')) return 2;
    if (archive.has('collection.anki2')) return 1;
    throw damaged(file, 'it holds no collection');
  }
  const path = join(directory, 'meta');
  await archive.extract('meta', path);
  const { version } = messageIn(await bytesOf(path, META_BYTES_MAX, file), META, file);
  if (version === 1 || version === 2 || version === 3) return version;
  throw new JavumboError('usage', `${file} is a package of a newer Anki (form ${version}) than this program knows`, {
    try: 'in Anki: File, Export, "Support older Anki versions"',
  });
}

async function bytesOf(path: string, bytesMax: number, file: string): Promise<Buffer> {
  return readInputFile(path, bytesMax).catch((error: unknown) => {
    throw damaged(file, `what describes it cannot be read: ${messageOf(error)}`);
  });
}

async function downgraded(sqlite: SqliteEngine, path: string, file: string): Promise<string[]> {
  try {
    const database = openReadOnly(sqlite, path);
    let isNewer: boolean;
    try {
      isNewer = isNewerSchema(database);
    } finally {
      database.close();
    }
    if (!isNewer) return [];
    const { downgrade } = await import('./schema18.ts');
    return downgrade(sqlite, path);
  } catch (error) {
    throw asSourceFailure(error, file);
  }
}

async function mediaIn(
  extract: (name: string, destination: string) => Promise<void>,
  form: number,
  file: string,
  directory: string,
): Promise<Map<string, string>> {
  const path = join(directory, 'media');
  await extract('media', path);
  const bytes = await bytesOf(path, LIST_BYTES_MAX, file);
  const media = new Map<string, string>(form < 3 ? namesInJson(bytes, file) : namesInMessage(bytes, file));
  for (const [entry, name] of media) {
    if (!/^\d{1,9}$/.test(entry) || !isMediaName(name)) throw damaged(file, `"${name}" is no name of a file`);
  }
  return media;
}

function namesInJson(bytes: Buffer, file: string): [string, string][] {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8') || '{}');
  } catch {
    throw damaged(file, 'the list of its media is not JSON');
  }
  return Object.entries(json as object).map(([entry, name]) => [entry, String(name).normalize('NFC')]);
}

function messageIn(bytes: Buffer, shape: MessageShape, file: string): Record<string, unknown> {
  try {
    return readMessage(bytes, shape).values;
  } catch (error) {
    throw asSourceFailure(error, file);
  }
}

function namesInMessage(bytes: Buffer, file: string): [string, string][] {
  const entries = messageIn(bytes, ENTRIES, file).entries as Buffer[];
  return entries.map((entry, index) => {
    const { name, zipName } = messageIn(entry, ENTRY, file);
    return [String(zipName ?? index), String(name).normalize('NFC')];
  });
}
