const LEGACY_DIRECTIVE = '{{=<% %>=}}';

/** Yields the content of each tag in order. Skips comments, with the tags in them. */
function* tagBodies(template: string): Generator<string> {
  const isLegacy = template.trimStart().startsWith(LEGACY_DIRECTIVE);
  const text = isLegacy ? template.trimStart().slice(LEGACY_DIRECTIVE.length) : template;
  for (const match of text.matchAll(isLegacy ? /<%(.*?)%>|<!--.*?-->/gs : /\{\{(.*?)\}\}|<!--.*?-->/gs)) {
    if (match[1] !== undefined) yield match[1].replace(/^\{+/, '').trim();
  }
}

/**
 * True if a question from this template would show anything of the note, which is when Anki makes a card: a replacement
 * whose conditionals all hold names a field that is not empty. Text and filters do not count; a template with
 * unbalanced conditionals makes no card. Source: rslib/src/template.rs (`renders_with_fields`).
 */
export function rendersWithFields(template: string, nonEmptyFields: ReadonlySet<string>): boolean {
  const open: { field: string; holds: boolean }[] = [];
  let renders = false;
  for (const body of tagBodies(template)) {
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
