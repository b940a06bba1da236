import { JavumboError } from './failure.ts';

/**
 * Returns the text that bytes are in UTF-8, without a byte order mark. Throws `usage` for any other bytes, naming `what`
 * and the position: decoded with loss, they would be stored as something that nobody wrote.
 */
export function decodeText(bytes: Uint8Array, what: string, hint: string): string {
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = given.toString('utf8');
  const again = Buffer.from(text);
  if (!given.equals(again)) {
    let position = 0;
    while (given[position] === again[position]) position++;
    const line = given.subarray(0, position).toString('latin1').split('\n').length;
    throw new JavumboError('usage', `${what} is not UTF-8: byte ${position + 1}, on line ${line}`, { try: hint });
  }
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** Throws `usage` for a text that came decoded with loss (by Node, from an argument), or that UTF-8 cannot hold. */
export function refuseLossyText(text: string, what: string, hint: string): void {
  const position = text.search(/\p{Surrogate}|\ufffd/u);
  if (position === -1) return;
  const why = text[position] === '\ufffd' ? 'is not UTF-8' : 'holds half of a surrogate pair';
  throw new JavumboError('usage', `${what} ${why}: character ${position + 1}`, { try: hint });
}
