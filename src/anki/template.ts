import { Finder, type Text } from '../core/scan.ts';

const LEGACY_DIRECTIVE = '{{=<% %>=}}';

/** Yields the content of each tag between two marks in order. Skips comments, with the tags in them. */
export function* tagBodies(template: Text, [opening, closing]: readonly [string, string]): Generator<string> {
  const openings = new Finder(template, opening);
  const closings = new Finder(template, closing);
  const comments = new Finder(template, '<!--');
  const commentEnds = new Finder(template, '-->');
  for (let position = 0; ; ) {
    const tag = openings.from(position);
    const comment = comments.from(position);
    const tagEnd = closings.from(tag + 2);
    const commentEnd = commentEnds.from(comment + 4);
    // What nothing closes is text.
    if (commentEnd < template.length && (comment < tag || tagEnd > template.length)) position = commentEnd + 3;
    else if (tagEnd < template.length) {
      yield template
        .slice(tag + 2, tagEnd)
        .replace(/^\{+/, '')
        .trim();
      position = tagEnd + 2;
    } else return;
  }
}

function bodiesOf(template: string): Generator<string> {
  const text = template.trimStart();
  if (!text.startsWith(LEGACY_DIRECTIVE)) return tagBodies(template, ['{{', '}}']);
  return tagBodies(text.slice(LEGACY_DIRECTIVE.length), ['<%', '%>']);
}

/**
 * True if a question from this template would show anything of the note, which is when Anki makes a card: a replacement
 * whose conditionals all hold names a field that is not empty. Text and filters do not count; a template with
 * unbalanced conditionals makes no card. Source: rslib/src/template.rs (`renders_with_fields`).
 */
export function rendersWithFields(template: string, nonEmptyFields: ReadonlySet<string>): boolean {
  const open: { field: string; holds: boolean }[] = [];
  let renders = false;
  for (const body of bodiesOf(template)) {
    const mark = body.length < 2 ? '' : body.charAt(0);
    const field = body.slice(1).trimStart();
    const isVisible = open.at(-1)?.holds ?? true;
    if (mark === '#') {
      open.push({ field, holds: isVisible && nonEmptyFields.has(field) });
    } else if (mark === '^') {
      open.push({ field, holds: isVisible && !nonEmptyFields.has(field) });
    } else if (mark === '/') {
      if (open.pop()?.field !== field) return false;
    } else if (isVisible && nonEmptyFields.has(body.slice(body.lastIndexOf(':') + 1))) {
      renders = true;
    }
  }
  return renders && open.length === 0;
}
