import { s3Error } from './error.ts';

/** An element of a parsed document, without attributes, which mean nothing in S3 requests. */
export interface XmlElement {
  readonly name: string;
  /** Its own text, entities resolved. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Returns `<name>content</name>` for content that is markup. */
export function element(name: string, ...content: readonly string[]): string {
  return `<${name}>${content.join('')}</${name}>`;
}

/** Returns `<name>text</name>` with the text escaped; empty for `undefined`. */
export function textElement(name: string, text: string | number | boolean | undefined): string {
  return text === undefined ? '' : element(name, escapeXml(String(text)));
}

/** Returns a document with S3's namespace on its root. */
export function xmlDocument(root: string, ...content: readonly string[]): string {
  const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${namespace}">${content.join('')}</${root}>`;
}

function escapeXml(text: string): string {
  // Control characters go out as references, as S3 sends them: an object key may hold any of them.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to escape
  return text.replace(/[&<>"\u0000-\u001f]/g, (character) => {
    const name = Object.keys(ENTITIES).find((entity) => ENTITIES[entity] === character);
    return name === undefined ? `&#x${character.charCodeAt(0).toString(16)};` : `&${name};`;
  });
}

function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return ENTITIES[name] ?? whole;
  });
}

/**
 * Parses the small documents of S3 clients: elements and text. No attributes, CDATA or document types, which the SDK
 * never writes. Throws MalformedXML.
 */
export function parseXml(document: string): XmlElement {
  type Open = { name: string; text: string; children: XmlElement[] };
  const root: Open = { name: '', text: '', children: [] };
  const open: Open[] = [root];
  for (const [, tag, text] of document.matchAll(/<([^>]*)>|([^<]+)/g)) {
    const current = open.at(-1) ?? root;
    if (text !== undefined) {
      current.text += unescapeXml(text);
    } else if (tag?.startsWith('/')) {
      if (open.length === 1 || current.name !== tag.slice(1).trim()) throw malformed();
      open.pop();
    } else if (tag && !tag.startsWith('?') && !tag.startsWith('!')) {
      const child: Open = { name: tag.split(/[\s/]/)[0] ?? '', text: '', children: [] };
      current.children.push(child);
      if (!tag.endsWith('/')) open.push(child);
    }
  }
  const [top] = root.children;
  if (open.length !== 1 || top === undefined || root.children.length !== 1) throw malformed();
  return top;
}

/** Returns the text of the first child of that name, or `undefined`. */
export function childText(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}

function malformed() {
  return s3Error('MalformedXML', 'The XML you provided was not well-formed');
}
