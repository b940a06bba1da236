import { createHash } from 'node:crypto';
import { decodeEntities } from './entities.ts';
import { mediaTagsToNames, withoutMarkup } from './html.ts';

/**
 * Returns a field as Anki compares and sorts it: media tags replaced by their file name between spaces, other HTML
 * removed, character references resolved. `[sound:…]` is not HTML and stays. Source: rslib/src/text.rs
 * (`strip_html_preserving_media_filenames`).
 */
export function stripHtml(field: string): string {
  // Most fields are plain, and a check looks at all of a collection.
  if (!/[<&]/.test(field)) return field;
  return decodeEntities(withoutMarkup(mediaTagsToNames(field)));
}

/**
 * Returns Anki's key for duplicates (`notes.csum`): the first 8 hexadecimal digits of the SHA-1 of the stripped first
 * field, as an integer. Source: rslib/src/notes/mod.rs (`field_checksum`).
 */
export function fieldChecksum(field: string): number {
  return createHash('sha1').update(stripHtml(field)).digest().readUInt32BE(0);
}

/**
 * True if a template treats the field as absent: only white space and empty `br` and `div` tags. Stricter than
 * stripping: an empty `<b></b>` counts as content. Source: rslib/src/template.rs (`field_is_empty`).
 */
export function isEmptyField(field: string): boolean {
  return field.replace(/[ \t\n\v\f\r]|<\/?(?:br|div) ?\/?>/gi, '') === '';
}

/** Removes ASCII control characters, except those in `keep`. */
export function withoutControls(text: string, keep = ''): string {
  // Most texts have none, and an import looks at all of a collection.
  if (!/\p{Cc}/u.test(text)) return text;
  return [...text].filter((c) => (c >= ' ' && c !== '\x7f') || keep.includes(c)).join('');
}

/**
 * Returns a key that is equal for names that differ only in case, as in Anki's collation `unicase`. Each character is
 * upper-cased and then lower-cased, so that ß equals SS and both small sigmas are equal; the dotless ı would wrongly
 * become i.
 */
export function foldCase(name: string): string {
  return Array.from(name, (c) => (c === 'ı' ? c : c.toUpperCase().toLowerCase())).join('');
}

/**
 * Returns a deck's or tag's name as Anki stores it: in each part between `::` composed characters, no control
 * characters, double quotes or surrounding spaces, and `blank` if nothing is left. Source: rslib/src/decks/name.rs and
 * rslib/src/tags/register.rs, which agree.
 */
export function normalizedPath(name: string): string {
  return name
    .split('::')
    .map((part) => withoutControls(part.normalize('NFC')).replaceAll('"', '').trim() || 'blank')
    .join('::');
}
