/** The name of a contract's clause as a sentence: `rejectsAStaleVersion` → `rejects a stale version`. */
export function sentenceOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
