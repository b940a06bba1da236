/** Every property of Day 1, read from the HCL; and each of them is missed when it is changed. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Configuration, FILES, HERE, read, require } from './configuration.ts';
import { MUTATIONS } from './mutations.ts';
import { PROPERTIES } from './properties.ts';

const { format }: { format(text: string): Promise<string> } = require('@cdktn/hcl-tools');

/** The names of the properties that a configuration does not have. */
function missed(configuration: Configuration): string[] {
  return PROPERTIES.filter(({ read, is }) => {
    try {
      expect(read(configuration)).toEqual(is);
      return false;
    } catch {
      return true;
    }
  }).map(({ name }) => name);
}

describe('the configuration has every property of Day 1', () => {
  let configuration: Configuration;
  beforeAll(async () => {
    configuration = await read(FILES);
  });
  test.each(PROPERTIES)('$name', ({ read, is }) => {
    expect(read(configuration)).toEqual(is);
  });
});

describe('a change of each of them is seen', () => {
  test('there is one for each', () => {
    expect(Object.keys(MUTATIONS).sort()).toEqual(PROPERTIES.map(({ name }) => name).sort());
  });

  test.each(Object.entries(MUTATIONS))('%s', async (property, [file, from, to]) => {
    const text = FILES.get(file) ?? '';
    const changed = text.replace(from, to);
    expect(changed).not.toBe(text);
    expect(missed(await read(new Map([...FILES, [file, changed]])))).toContain(property);
  });
});

test('every variable, output and file is in the README, and no other variable', async () => {
  const readme = readFileSync(new URL('README.md', HERE), 'utf8');
  const { blocks } = await read(FILES);
  const section = (from: string, to: string): string => readme.slice(readme.indexOf(from), readme.indexOf(to));
  const table = [...section('## Variables', '## Outputs').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(table.sort()).toEqual(Object.keys(blocks.variable).sort());
  const outputs = section('## Outputs', '## New code');
  expect(Object.keys(blocks.output).filter((name) => !outputs.includes(`\`${name}\``))).toEqual([]);
  const files = [...readme.matchAll(/^\| `(\w+\.tf)` \|/gm)].map(([, name]) => name);
  expect(files.sort()).toEqual([...FILES.keys()].filter((name) => name.endsWith('.tf')).sort());
});

describe('terraform fmt changes nothing', () => {
  const texts = [...FILES].filter(([name]) => name.endsWith('.tf')).map(([name, text]) => ({ name, text }));

  test('there are the files of Day 1', () => {
    expect(texts.map(({ name }) => name).sort()).toEqual(
      ['api_gateway', 'dynamodb', 'iam', 'lambda', 'main', 'outputs', 's3', 'variables'].map((name) => `${name}.tf`),
    );
  });

  test.each(texts)('in $name', async ({ text }) => {
    expect(await format(text)).toBe(text);
  });

  test('and would change what is not formatted', async () => {
    expect(await format('a =   1\nbcd = 2\n')).toBe('a   = 1\nbcd = 2\n');
  });
});
