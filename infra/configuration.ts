/** The configuration, as the tests read it. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// biome-ignore lint/suspicious/noExplicitAny: a parsed document, which the test is there to judge
export type Block = Record<string, any>;

// HashiCorp's own parser and formatter, as WebAssembly. Required: their types bring those of a browser into every file.
export const require = createRequire(import.meta.url);

export const { parse }: { parse(name: string, text: string): Promise<Block> } = require('@cdktn/hcl2json');

/** A configuration as Terraform sees it: the blocks of all files, the text of all files. */
export interface Configuration {
  readonly blocks: Block;
  readonly gitignore: string;
}

export const HERE = new URL('.', import.meta.url);

export const FILES: ReadonlyMap<string, string> = new Map(
  readdirSync(HERE)
    .filter((name) => name.endsWith('.tf') || name === '.gitignore')
    .map((name) => [name, readFileSync(new URL(name, HERE), 'utf8')] as const),
);

const parsed = new Map<string, Promise<Block>>();

/** Parses each text once: of a change, the other files are as they were. */
function parseOnce(name: string, text: string): Promise<Block> {
  const known = parsed.get(text) ?? parse(name, text);
  parsed.set(text, known);
  return known;
}

export async function read(files: ReadonlyMap<string, string>): Promise<Configuration> {
  const blocks: Block = {};
  for (const [name, text] of files) if (name.endsWith('.tf')) merge(blocks, await parseOnce(name, text));
  return { blocks, gitignore: files.get('.gitignore') ?? '' };
}

/** Into one tree: blocks of one kind stand in several files, each of them a list. */
export function merge(into: Block, from: Block): void {
  for (const [key, value] of Object.entries(from)) {
    if (Array.isArray(value)) into[key] = [...(into[key] ?? []), ...value];
    else {
      into[key] ??= {};
      merge(into[key], value);
    }
  }
}

export const API = '${aws_apigatewayv2_api.api.id}';
