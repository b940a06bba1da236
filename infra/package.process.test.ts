import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../src/testing/run-command.ts';
import { FILES, HERE } from './configuration.ts';

test('the npm package has the configuration, and neither state nor secrets nor tests', async () => {
  const root = temporaryDirectory();
  copyFileSync(new URL('../package.json', HERE), join(root, 'package.json'));
  cpSync(HERE, join(root, 'infra'), { recursive: true });
  const unpacked = [
    'terraform.tfstate',
    'terraform.tfstate.backup',
    'secret.auto.tfvars',
    'build/javumbo-function.zip',
  ];
  for (const file of [...unpacked, '.terraform/providers/aws']) {
    mkdirSync(dirname(join(root, 'infra', file)), { recursive: true });
    writeFileSync(join(root, 'infra', file), 'secret');
  }
  const pack = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', pack, { cwd: root });
  const packed = [...stdout.matchAll(/"path": "infra\/([^"]+)"/g)].map(([, path]) => path);
  const configuration = [...FILES.keys()].filter((name) => name.endsWith('.tf'));
  expect(packed.sort()).toEqual([...configuration, 'README.md', '.terraform.lock.hcl'].sort());
});
