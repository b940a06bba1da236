import { JavumboError } from '../core/failure.ts';
import { readTextFile } from '../core/input-file.ts';
import type { Report } from './document.ts';
import { reportSchema } from './schema.ts';

/** Reads a report. Throws `usage` for a file that cannot be read, is not a report, or is from a newer javumbo. */
export async function readReport(file: string): Promise<Report> {
  const refuse = (reason: string, hint: string, cause?: unknown): JavumboError =>
    new JavumboError('usage', `${file} ${reason}`, { try: hint, cause });
  const MAKE = 'a file that --report json=<file> wrote';
  const text = await readTextFile(file, MAKE);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw refuse(`is no report: it is ${text.trim() === '' ? 'empty' : 'not JSON'}`, MAKE, error);
  }
  const version = (document as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (typeof version === 'number' && version > 1) {
    throw refuse(`is a report of schema version ${version}, and this javumbo reads 1`, 'the javumbo that wrote it');
  }
  const result = reportSchema.safeParse(document);
  if (result.success) return result.data;
  throw refuse(`is no report: ${sentenceOf(result.error.issues[0]?.path ?? [], document)}`, MAKE);
}

/** Says what is wrong at a place of a document. */
function sentenceOf(path: readonly PropertyKey[], document: unknown): string {
  if (path.length === 0) return 'it is not an object with the fields of one';
  const found = path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null)?.[key], document);
  const field = `its field ${path.join('.')}`;
  return found === undefined ? `${field} is missing` : `${field} does not hold what a report has there`;
}
