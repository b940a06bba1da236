import { visible } from '../../core/format.ts';

/** HTML that `html` has put together. Nothing else is taken for HTML. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a page is made of. A text or a number is escaped; `undefined` leaves nothing. */
export type Content = Markup | string | number | undefined | readonly Content[];

/** Puts HTML or SVG together: html`<td>${text}</td>`. Every text is escaped, for elements and quoted attributes. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(parts.map((part, index) => part + textOf(contents[index])).join(''));
}

function textOf(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Markup) return content.text;
  return typeof content === 'object' ? content.map(textOf).join('') : escaped(String(content));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Half a surrogate pair would become something else in UTF-8, and characters that reverse text would hide it. */
function escaped(text: string): string {
  return visible(text.replace(/[\t\n\r]+/g, ' '))
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
