import { createHash } from 'node:crypto';
import { decodeEntities } from './entities.ts';

const MEDIA_TAG = /<\b(?:img|audio|video|object|source)\b/gi;
/** The attribute that names the file, to the end of the tag: double-quoted, single-quoted, or bare. */
const MEDIA_ATTRIBUTE = /\b(?:src|data)\b=(?:"([^"]+)"[^>]*>|'([^']+)'[^>]*>|([^ >]+)(?: [^>]*)?>)/iy;
/** Comments, style sheets and scripts are removed with their content, other tags without it. */
const MARKUP = /<!--.*?-->|<(style|script).*?>.*?<\/\1>|<.*?>/gis;

/** Returns the file that a media tag names and the tag's end, or undefined. */
function mediaSource(html: string, afterName: number): { name: string; end: number } | undefined {
  // Depth first over the ways through the tag, by a character or a whole quoted value at a time, plain characters
  // first. Anki's pattern expresses this with overlapping alternatives, which take a backtracking engine exponential
  // time on a tag with many quotes; remembering visited positions makes it linear.
  const seen = new Set<number>([afterName]);
  const pending: number[] = [];
  const walkFrom = (position: number) => {
    const character = html[position];
    if (character === '"' || character === "'") {
      const close = html.indexOf(character, position + 1);
      if (close > position + 1) pending.push(close + 1);
    }
    if (character !== undefined && character !== '>') pending.push(position + 1);
  };
  walkFrom(afterName);
  for (let position = pending.pop(); position !== undefined; position = pending.pop()) {
    if (seen.has(position)) continue;
    seen.add(position);
    MEDIA_ATTRIBUTE.lastIndex = position;
    const match = MEDIA_ATTRIBUTE.exec(html);
    if (match !== null) {
      return { name: match[1] ?? match[2] ?? match[3] ?? '', end: MEDIA_ATTRIBUTE.lastIndex };
    }
    walkFrom(position);
  }
  return undefined;
}

function mediaTagsToNames(html: string): string {
  let text = '';
  let copied = 0;
  for (const tag of html.matchAll(MEDIA_TAG)) {
    if (tag.index < copied) continue;
    const source = mediaSource(html, tag.index + tag[0].length);
    if (source === undefined) continue;
    text += `${html.slice(copied, tag.index)} ${source.name} `;
    copied = source.end;
  }
  return text + html.slice(copied);
}

/**
 * Returns a field as Anki compares and sorts it: media tags replaced by their file name between spaces, other HTML
 * removed, character references resolved. `[sound:…]` is not HTML and stays. Source: rslib/src/text.rs
 * (`strip_html_preserving_media_filenames`).
 */
export function stripHtml(field: string): string {
  return decodeEntities(mediaTagsToNames(field).replace(MARKUP, ''));
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
