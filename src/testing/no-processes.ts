/** `node:child_process` in the unit tests: what is imported there can be loaded, and starts nothing. */

function refuse(): never {
  throw new Error('a unit test starts no process: call it *.process.test.ts');
}

export const exec = refuse;
export const execFile = refuse;
export const execFileSync = refuse;
export const execSync = refuse;
export const fork = refuse;
export const spawn = refuse;
export const spawnSync = refuse;
