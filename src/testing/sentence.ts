/** Turns a clause's name into a sentence: `rejectsAStaleVersion` → `rejects a stale version`. */
export function sentenceOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
