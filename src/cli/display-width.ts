// East Asian wide characters and emoji take two columns: roughly Unicode Standard Annex 11.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
// Marks on the character before, joiners, skin tones.
const NARROWEST = /[\p{Mn}\p{Me}\p{Cf}]|\p{Emoji_Modifier}/u;
// Two of them are one flag of two columns.
const HALF_FLAG = /\p{Regional_Indicator}/u;
const ASCII = /^[\x20-\x7e]*$/;

/** Returns how many columns of a terminal a text takes. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (NARROWEST.test(character)) return 0;
  return WIDE.test(character) && !HALF_FLAG.test(character) ? 2 : 1;
}

/** Cuts a text to so many columns, with an ellipsis. */
export function cut(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  return `${headOf(text, columns - 1)}…`;
}

/** Breaks a text into lines of so many columns, between words where it can; loses nothing but the blanks there. */
export function wrapped(text: string, columns: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    const longer = line === '' ? word : `${line} ${word}`;
    if (displayWidth(longer) <= columns) {
      lines[lines.length - 1] = longer;
      continue;
    }
    if (line !== '') lines.push('');
    let rest = word;
    while (displayWidth(rest) > columns) {
      const head = headOf(rest, columns) || (rest.match(/./su)?.[0] ?? rest);
      lines[lines.length - 1] = head;
      rest = rest.slice(head.length);
      lines.push('');
    }
    lines[lines.length - 1] = rest;
  }
  return lines;
}

function headOf(text: string, columns: number): string {
  let kept = '';
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns) break;
    kept += character;
  }
  return kept;
}
