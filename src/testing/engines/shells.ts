import { spawnSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** True if zsh is installed. */
    zsh: boolean;
    /** True if fish is installed. */
    fish: boolean;
  }
}

/** Vitest's global setup: looks for the shells that are not everywhere. */
export default async function setup(project: TestProject): Promise<void> {
  for (const shell of ['zsh', 'fish'] as const) {
    const installed = spawnSync(shell, ['--version']).error === undefined;
    if (!installed)
      process.stderr.write(`engine tests skipped: ${shell} is not installed (Debian: apt-get install ${shell})\n`);
    project.provide(shell, installed);
  }
}
