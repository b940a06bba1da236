import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createCollection } from '../library/collection.ts';
import { type OpenedUserDatabases, openUserDatabases } from '../library/open.ts';
import { sqliteEngine } from '../sqlite/choose-engine.ts';
import { contentDigestOf } from '../store/content-digest.ts';
import { type CommandResult, freshMachine, type Json, type RunOptions, runCommand } from './run-command.ts';

export type Machine = ReturnType<typeof freshMachine>;

/** Runs work on the local deployment of a machine. */
export async function onMachine<T>(
  { JAVUMBO_HOME, JAVUMBO_CACHE_DIR }: Machine,
  work: (databases: OpenedUserDatabases) => Promise<T>,
): Promise<T> {
  const databases = await openUserDatabases({ directory: JAVUMBO_HOME, cacheDirectory: JAVUMBO_CACHE_DIR });
  try {
    return await work(databases);
  } finally {
    databases.close();
  }
}

/** A local deployment, and a folder for its backups. */
export class BackupRig {
  readonly env: Machine = freshMachine();
  readonly folder = join(this.env.HOME, 'backup');

  /** `template`: the machine whose deployment it begins with. */
  constructor(template: Machine) {
    cpSync(template.JAVUMBO_HOME, this.env.JAVUMBO_HOME, { recursive: true });
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return runCommand(['--deployment', 'local', ...argv], { ...options, env: { ...this.env, ...options.env } });
  }

  /** Runs a command that ends with `code`, and returns its document. */
  async json(argv: readonly string[], code = 0, more: NodeJS.ProcessEnv = {}): Promise<Json> {
    const result = await this.run([...argv, '--json'], { env: more });
    expect({ code: result.code, stderr: code === 0 ? result.stderr : '' }).toEqual({ code, stderr: '' });
    return result.json();
  }

  create(...more: string[]): Promise<Json> {
    return this.json(['backup', 'create', this.folder, ...more]);
  }

  edit(username: string): Promise<CommandResult> {
    return this.run(['db', 'exec', username, 'UPDATE col SET mod = mod + 1']);
  }

  /** The content digests of what a deployment holds, by user. */
  contents(machine: Machine = this.env): Promise<Record<string, string>> {
    return onMachine(machine, async (databases) => {
      const contents: Record<string, string> = {};
      for await (const { username } of databases.list()) {
        contents[username] = await databases.withFile(username, (path) => contentDigestOf(path));
      }
      return contents;
    });
  }

  manifests(): string[] {
    return readdirSync(join(this.folder, 'runs')).sort();
  }

  files(): string[] {
    return readdirSync(join(this.folder, 'databases')).sort();
  }

  manifestText(): string {
    return this.manifests()
      .map((name) => readFileSync(join(this.folder, 'runs', name), 'utf8'))
      .join('');
  }
}

/** Returns what a terminal shows, without colours. */
export function withoutColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  return text.replace(/\u001b\[[\d;]*m/g, '');
}

/** Returns the bytes with one of them changed; a negative position counts from the end. */
export function withOneByteChanged(bytes: Buffer, position: number): Buffer {
  const copy = Buffer.from(bytes);
  const at = position < 0 ? copy.length + position : position;
  copy.writeUInt8(copy.readUInt8(at) ^ 0x40, at);
  return copy;
}

let template: Buffer | undefined;
let collectionsMade = 0;

/** Writes a collection without notes to a path. Each has a content of its own. */
export async function newCollectionFile(path: string): Promise<void> {
  const sqlite = await sqliteEngine();
  if (template !== undefined) writeFileSync(path, template);
  const database = sqlite.open(path, 'read-write');
  if (template === undefined) createCollection(database);
  database.prepare('UPDATE col SET crt = crt + ?').run(collectionsMade++);
  database.close();
  template ??= readFileSync(path);
}
