import { Zip, ZipDeflate, ZipPassThrough } from 'fflate';

/** A file that goes into a zip. */
export interface PackedFile {
  readonly name: string;
  readonly content: AsyncIterable<Uint8Array>;
  /** True for what would hardly become smaller, such as pictures. */
  readonly stored?: boolean;
}

/** Yields a zip of files, piece by piece. Equal files make equal zips. */
export async function* packed(files: AsyncIterable<PackedFile> | Iterable<PackedFile>): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let failure: Error | undefined;
  const zip = new Zip((error, piece) => {
    failure ??= error ?? undefined;
    pieces.push(piece);
  });
  const taken = (): Uint8Array[] => {
    if (failure !== undefined) throw failure;
    return pieces.splice(0);
  };
  for await (const { name, content, stored = false } of files) {
    const entry = stored ? new ZipPassThrough(name) : new ZipDeflate(name);
    // A zip holds local time: the first day that it can hold is the same everywhere.
    entry.mtime = new Date(1980, 0, 1, 12);
    zip.add(entry);
    for await (const piece of content) {
      entry.push(piece);
      yield* taken();
    }
    entry.push(new Uint8Array(), true);
    yield* taken();
  }
  zip.end();
  yield* taken();
}
