import { createHash } from 'node:crypto';
import { type Content, html, Markup } from './markup.ts';
import { STYLE } from './style.ts';

// No script, no image, no request: a hostile text that got past the escaping would find nothing to use.
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; img-src data:; base-uri 'none'; form-action 'none'`;

/** What a reader is to see at once. */
export interface Verdict {
  readonly tone: 'good' | 'bad' | 'plain';
  readonly words: string;
  /** Sentences below it. */
  readonly lines: readonly Content[];
}

/** Lays out a page as one file that asks for nothing: no script, no font, no picture from elsewhere. */
export function page(title: string, verdict: Verdict, sections: Content): string {
  const { tone, words, lines } = verdict;
  const mark = { good: '✓ ', bad: '✗ ', plain: '' }[tone];
  // The empty icon keeps a browser from asking a server for one.
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${mark}${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
<header class="${tone}">
<h1>${title}</h1>
<p class="verdict">${mark}${words}</p>
${lines.map((line) => html`<p>${line}</p>`)}
</header>
${sections}
</main>
</body>
</html>
`.text;
}

/** A part of a page. Nothing where it has no content. */
export function section(heading: string, ...contents: readonly Content[]): Content {
  if (isEmpty(contents)) return undefined;
  return html`<section><h2>${heading}</h2>${contents}</section>
`;
}

function isEmpty(content: Content): boolean {
  return content === undefined || (Array.isArray(content) && content.every(isEmpty));
}

/** A column of a table; numbers stand at its right. */
export interface Column {
  readonly name: string;
  readonly isNumber?: boolean;
}

// So many numbers beside a name fit a phone.
const FITTING_MAX = 4;
// With more columns, a table needs a desk.
const WIDE = 5;

/**
 * Lays out rows whose first cell names them. Nothing where there are none. Where there is little room, cells
 * stand below each other, each with the name of its column.
 */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Content[])[]): Content {
  if (rows.length === 0) return undefined;
  const kind = (index: number): Content => (columns[index]?.isNumber ? html` class="number"` : undefined);
  const fits = columns.length <= FITTING_MAX && columns.slice(1).every(({ isNumber }) => isNumber);
  const stacks = columns.length > 2 && !fits;
  const named = (index: number): Content => (stacks ? html` data-name="${columns[index]?.name}"` : undefined);
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table${stacks ? html` class="${columns.length > WIDE ? 'stacks wide' : 'stacks'}"` : undefined}><thead><tr>${columns.map(
    ({ name }, index) => html`<th scope="col"${kind(index)}>${name}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (cells) =>
      html`<tr>${cells.map((cell, index) =>
        index === 0 ? html`<th scope="row">${cell}</th>` : html`<td${kind(index)}${named(index)}>${cell}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`;
}

/** Lists sentences under a tone. Nothing where there are none. */
export function list(items: readonly Content[]): Content {
  return items.length === 0 ? undefined : html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;
}
