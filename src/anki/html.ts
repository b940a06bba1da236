import { Finder, type Text } from '../core/scan.ts';

/*
 * Anki takes HTML off a field with regular expressions, whose meaning these scanners keep. A field is anybody's text, of
 * megabytes and with openers that nothing closes, on which an engine that backtracks takes cubic time.
 */

const MEDIA = ['img', 'audio', 'video', 'object', 'source'];
const NAME_LENGTH_MAX = 6;

const [SPACE, DOUBLE, SINGLE, GREATER] = [0x20, 0x22, 0x27, 0x3e];

function isWord(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || (code >= 0x61 && code <= 0x7a)
  );
}

/** Returns where the name of a media tag ends that begins at `<`, or undefined. */
function mediaNameEnd(html: Text, position: number): number | undefined {
  const word = html.slice(position + 1, position + 1 + NAME_LENGTH_MAX).toLowerCase();
  const name = MEDIA.find((each) => word.startsWith(each));
  if (name === undefined) return undefined;
  const end = position + 1 + name.length;
  return isWord(html.charCodeAt(end)) ? undefined : end;
}

/** Positions of the file's name, and of the end of its tag. */
interface MediaAttribute {
  readonly from: number;
  readonly to: number;
  readonly end: number;
}

/**
 * Looks up the file that a tag names: the attribute `src` or `data`, double-quoted, single-quoted or bare.
 *
 * A way through a tag goes on by one character or over a whole quoted value, plain characters first, up to the first
 * attribute that is complete. What is found behind a position does not depend on how one came there, so one pass from
 * the end answers for all of them.
 */
class MediaAttributes {
  readonly #html: Text;
  readonly #next: Readonly<Record<number, Int32Array>>;
  /** By position: where the first attribute at it or behind it begins; -1: nowhere. */
  readonly #first: Int32Array;
  /** The same, without an attribute at the position itself. */
  readonly #behind: Int32Array;

  constructor(html: Text) {
    const { length } = html;
    this.#html = html;
    const next: Record<number, Int32Array> = {};
    for (const code of [SPACE, DOUBLE, SINGLE, GREATER]) next[code] = new Int32Array(length + 1).fill(-1);
    this.#next = next;
    this.#first = new Int32Array(length + 2).fill(-1);
    this.#behind = new Int32Array(length + 2).fill(-1);
    for (let position = length - 1; position >= 0; position--) {
      const code = html.charCodeAt(position);
      for (const each of [SPACE, DOUBLE, SINGLE, GREATER]) {
        const positions = next[each] as Int32Array;
        positions[position] = code === each ? position : (positions[position + 1] ?? -1);
      }
      let behind = code === GREATER ? -1 : (this.#first[position + 1] ?? -1);
      if (behind === -1 && (code === DOUBLE || code === SINGLE)) {
        const close = this.#after(code, position + 1);
        if (close > position + 1) behind = this.#first[close + 1] ?? -1;
      }
      this.#behind[position] = behind;
      this.#first[position] = this.#at(position) === undefined ? behind : position;
    }
  }

  /** Returns the attribute of a tag whose name ends at that position. */
  of(nameEnd: number): MediaAttribute | undefined {
    const position = this.#behind[nameEnd] ?? -1;
    return position === -1 ? undefined : this.#at(position);
  }

  #after(code: number, position: number): number {
    return this.#next[code]?.[position] ?? -1;
  }

  #at(position: number): MediaAttribute | undefined {
    const html = this.#html;
    const initial = html.charCodeAt(position) | 0x20;
    if (initial !== 0x73 && initial !== 0x64) return undefined;
    if (position > 0 && isWord(html.charCodeAt(position - 1))) return undefined;
    const word = html.slice(position, position + 5).toLowerCase();
    const start = position + (word.startsWith('src=') ? 4 : word === 'data=' ? 5 : 0);
    if (start === position) return undefined;
    return this.#quoted(start, DOUBLE) ?? this.#quoted(start, SINGLE) ?? this.#bare(start);
  }

  #quoted(start: number, quote: number): MediaAttribute | undefined {
    if (this.#html.charCodeAt(start) !== quote) return undefined;
    const close = this.#after(quote, start + 1);
    if (close <= start + 1) return undefined;
    const end = this.#after(GREATER, close + 1);
    return end === -1 ? undefined : { from: start + 1, to: close, end: end + 1 };
  }

  #bare(start: number): MediaAttribute | undefined {
    const end = this.#after(GREATER, start);
    const space = this.#after(SPACE, start);
    const close = space === -1 ? end : Math.min(space, end);
    return end === -1 || close === start ? undefined : { from: start, to: close, end: end + 1 };
  }
}

/** Yields the tags that name a file, in order, with where each begins. */
function* mediaTags(html: Text): Generator<MediaAttribute & { readonly start: number }> {
  let attributes: MediaAttributes | undefined;
  let passed = 0;
  const less = new Finder(html, '<');
  for (let start = less.from(0); start < html.length; start = less.from(Math.max(start + 1, passed))) {
    const nameEnd = mediaNameEnd(html, start);
    if (nameEnd === undefined) continue;
    attributes ??= new MediaAttributes(html);
    const attribute = attributes.of(nameEnd);
    if (attribute === undefined) continue;
    yield { ...attribute, start };
    passed = attribute.end;
  }
}

/** Replaces each media tag that names a file by that name between spaces. */
export function mediaTagsToNames(html: Text): string {
  let text = '';
  let copied = 0;
  for (const { start, from, to, end } of mediaTags(html)) {
    text += `${html.slice(copied, start)} ${html.slice(from, to)} `;
    copied = end;
  }
  return text + html.slice(copied);
}

/** Yields the names that media tags have for their files, as they are written. */
export function* mediaTagNames(html: Text): Generator<string> {
  for (const { from, to } of mediaTags(html)) yield html.slice(from, to);
}

/** Removes tags. Comments, style sheets and scripts go with their content. */
export function withoutMarkup(html: Text): string {
  const [less, greater, commentEnd] = ['<', '>', '-->'].map((needle) => new Finder(html, needle)) as [
    Finder,
    Finder,
    Finder,
  ];
  const closings = [new ClosingTags(html, 'style'), new ClosingTags(html, 'script')];
  let text = '';
  let copied = 0;
  for (let position = less.from(0); position < html.length; position = less.from(copied)) {
    const tagEnd = greater.from(position) + 1;
    // Every kind of markup ends in one.
    if (tagEnd > html.length) break;
    const opening = html.slice(position, position + 7).toLowerCase();
    let end = tagEnd;
    if (opening.startsWith('<!--') && commentEnd.from(position + 4) < html.length) {
      end = commentEnd.from(position + 4) + 3;
    } else {
      const closing = closings.find(({ name }) => opening.startsWith(`<${name}`))?.endFrom(tagEnd);
      if (closing !== undefined && closing <= html.length) end = closing;
    }
    text += html.slice(copied, position);
    copied = end;
  }
  return text + html.slice(copied);
}

/** Finds closing tags of one name, in any case, from positions that only grow. */
class ClosingTags {
  readonly name: string;
  readonly #html: Text;
  readonly #slashes: Finder;
  #found = Number.NEGATIVE_INFINITY;

  constructor(html: Text, name: string) {
    this.#html = html;
    this.name = name;
    this.#slashes = new Finder(html, '</');
  }

  /** Returns where the first one ends, at or after a position; Infinity: nowhere. */
  endFrom(position: number): number {
    const { length } = `</${this.name}>`;
    while (this.#found < position) {
      const found = this.#slashes.from(Math.max(position, this.#found + 1));
      const isClosing = this.#html.slice(found, found + length).toLowerCase() === `</${this.name}>`;
      if (isClosing || found > this.#html.length) this.#found = found;
      else position = found + 1;
    }
    return this.#found + length;
  }
}
