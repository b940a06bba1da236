import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeEntities } from '../anki/entities.ts';
import { mediaTagNames } from '../anki/html.ts';
import { withoutControls } from '../anki/text.ts';
import { JavumboError } from '../core/failure.ts';
import { Finder } from '../core/scan.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { PackedFile } from './pack.ts';

const SOUND = '[sound:';
// As a template or its style sheet names a file that it brings along. Bounded, so that it takes linear time.
const OF_TEMPLATE = /(?:url\(\s{0,9}["']?|@import\s{1,9}["']|(?:src|data)=["']?)(_[^"'()<>]{1,255})/gi;
const FILES_MAX = 60_000;
/** A zip of 4 GB has other numbers, which not every program reads. */
const BYTES_MAX = 4_000_000_000;

/** True for a name that stays in its directory, on every system. */
export function isMediaName(name: string): boolean {
  return !/[/\\]|^\.{0,2}$|^[a-z]:/i.test(name) && withoutControls(name) === name && Buffer.byteLength(name) <= 255;
}

/** Returns the names of the media that the notes and note types of a package refer to. */
export function referredMedia(database: SqliteDatabase): Set<string> {
  const names = new Set<string>();
  const add = (name: string): void => {
    const decoded = decodeEntities(name).normalize('NFC');
    // What has an address is not in the media folder.
    if (isMediaName(decoded)) names.add(decoded);
  };
  const fields = database.prepare(`SELECT flds FROM notes WHERE instr(flds, '<') OR instr(flds, '${SOUND}')`);
  for (const { flds } of fields.iterate() as Iterable<{ flds: string }>) {
    for (const field of flds.split('\x1f')) {
      for (const name of mediaTagNames(field)) add(unescaped(name));
      for (const name of sounds(field)) add(name);
    }
  }
  const { models } = database.prepare('SELECT models FROM col ORDER BY id LIMIT 1').get() as { models: string };
  for (const noteType of Object.values(JSON.parse(models) as Record<string, { css?: unknown; tmpls: object[] }>)) {
    const texts = [noteType.css, ...noteType.tmpls.flatMap((template) => Object.values(template))];
    for (const text of texts) {
      if (typeof text === 'string') for (const [, name] of text.matchAll(OF_TEMPLATE)) add((name ?? '').trimEnd());
    }
  }
  return names;
}

/** Tags name files as addresses, in which `%20` is a space. */
function unescaped(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function* sounds(field: string): Generator<string> {
  const openings = new Finder(field, SOUND);
  const closings = new Finder(field, ']');
  for (let position = openings.from(0); position < field.length; ) {
    const start = position + SOUND.length;
    const end = closings.from(start);
    if (end >= field.length) return;
    yield field.slice(start, end);
    position = openings.from(end);
  }
}

/** Media that go into a package: their names, by which they are stored there in order, and their paths. */
interface FoundMedia {
  readonly names: readonly string[];
  readonly directory: string;
}

/** Returns which of the names are files in a directory. Throws `usage` for more than a package can hold. */
export async function findMedia(names: Iterable<string>, directory: string): Promise<FoundMedia> {
  const found: string[] = [];
  let sizeBytes = 0;
  for (const name of [...names].sort()) {
    const file = await stat(join(directory, name)).catch(() => undefined);
    if (file?.isFile() !== true) continue;
    found.push(name);
    sizeBytes += file.size;
  }
  if (found.length > FILES_MAX || sizeBytes > BYTES_MAX) {
    throw new JavumboError('usage', `${directory} holds more media for this package than fit into a zip of 4 GB`, {
      try: '--deck with a part of it',
    });
  }
  return { names: found, directory };
}

/** Yields the files of media in a package, after the list of their names. */
export function* mediaFiles({ names, directory }: FoundMedia): Generator<PackedFile> {
  const list = Buffer.from(JSON.stringify(Object.fromEntries(names.map((name, index) => [index, name]))));
  yield {
    name: 'media',
    content: (async function* () {
      yield list;
    })(),
  };
  for (const [index, name] of names.entries()) {
    yield { name: String(index), content: createReadStream(join(directory, name)), stored: true };
  }
}
