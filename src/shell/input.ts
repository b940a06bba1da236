import { splitStatements, withoutComments } from '../sqlite/statements.ts';

/** What a person or a script asks of a session: a statement of SQL, or a command with a dot. */
export type Input =
  | { readonly kind: 'sql'; readonly sql: string }
  | { readonly kind: 'command'; readonly name: string; readonly argument: string };

/** Puts lines together to statements. A statement ends at its semicolon, a command with its line. */
export class InputReader {
  #open = '';

  /** True while a statement has begun and not ended. */
  get isOpen(): boolean {
    return this.#open !== '';
  }

  /** Forgets the statement that has begun. */
  clear(): void {
    this.#open = '';
  }

  /** Takes a line, and returns what it completes. */
  push(line: string): Input[] {
    if (!this.isOpen && /^\s*\.\S/.test(line)) {
      const [, name = '', argument = ''] = /^\s*(\.\S+)\s*(.*?)\s*;?\s*$/.exec(line) ?? [];
      return [{ kind: 'command', name: name.replace(/;$/, ''), argument }];
    }
    this.#open += `${line}\n`;
    // Only a semicolon can complete anything: a long statement is not taken apart at each of its lines.
    if (!line.includes(';')) {
      if (isBlank(this.#open)) this.clear();
      return [];
    }
    const statements = splitStatements(this.#open);
    const last = statements.at(-1);
    if (last === undefined || last.complete) {
      if (last !== undefined || isBlank(this.#open)) this.clear();
    } else {
      this.#open = `${last.sql}\n`;
      statements.pop();
    }
    return statements.map(({ sql }) => ({ kind: 'sql', sql }));
  }

  /** Returns what was begun, as the end of a script completes it. */
  end(): Input[] {
    const statements = splitStatements(this.#open);
    this.clear();
    return statements.map(({ sql }) => ({ kind: 'sql', sql }));
  }
}

const BLANK_LENGTH_MAX = 10_000;

/** True for blanks and comments that have ended. */
function isBlank(text: string): boolean {
  if (text.length > BLANK_LENGTH_MAX) return false;
  return !/[^\s;]/.test(withoutComments(text)) && text.lastIndexOf('/*') <= text.lastIndexOf('*/');
}
