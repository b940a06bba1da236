const LEGACY_DIRECTIVE = '{{=<% %>=}}';

/** What stands between the braces of each tag, in order. Comments are skipped whole, with the tags in them. */
function* tagBodies(template: string): Generator<string> {
  const isLegacy = template.trimStart().startsWith(LEGACY_DIRECTIVE);
  const text = isLegacy ? template.trimStart().slice(LEGACY_DIRECTIVE.length) : template;
  for (const match of text.matchAll(isLegacy ? /<%(.*?)%>|<!--.*?-->/gs : /\{\{(.*?)\}\}|<!--.*?-->/gs)) {
    if (match[1] !== undefined) yield match[1].replace(/^\{+/, '').trim();
  }
}

/**
 * Whether a question made from this template would show anything of the note, which is when Anki makes a card of it:
 * some replacement, inside conditionals that all hold, names a field that is not empty. Text and filters do not count;
 * a template whose conditionals do not balance makes no card.
 * Source: rslib/src/template.rs (`renders_with_fields`).
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
