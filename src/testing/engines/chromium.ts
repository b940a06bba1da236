import { spawnSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The command of a Chromium; undefined if none is installed. */
    chromium: string | undefined;
  }
}

// The first is smaller, since it has no windows.
const COMMANDS = ['chromium-headless-shell', 'chromium'];

/** Vitest's global setup: looks for Chromium. */
export default async function setup(project: TestProject): Promise<void> {
  const found = COMMANDS.find((command) => spawnSync(command, ['--version']).error === undefined);
  if (found === undefined)
    process.stderr.write(
      'engine tests skipped: Chromium is not installed (Debian: apt-get install chromium-headless-shell)\n',
    );
  project.provide('chromium', found);
}
