import { createRequire } from 'node:module';

/**
 * bcryptjs for tests that are not about its work: what it hashes takes 2^4 rounds, and says what it was asked for. Foreign
 * hashes take the work that they ask for. `vi.mock('bcryptjs', () => import('…/testing/quick-bcrypt.ts'))`
 */
// By `require`, which `vi.mock` does not see.
const bcrypt = createRequire(import.meta.url)('bcryptjs') as typeof import('bcryptjs');

const QUICK = '$04$';
const COST = /(?<=^\$2[aby])\$\d\d\$/;
const NOBODY = /\.{53}$/;

/** Of each hash that was made here, the quick one that it stands for. */
const made = new Map<string, string>();

export async function hash(password: string, cost: number): Promise<string> {
  const quick = await bcrypt.hash(password, 4);
  const told = quick.replace(QUICK, `$${String(cost).padStart(2, '0')}$`);
  made.set(told, quick);
  return told;
}

export async function compare(password: string, told: string): Promise<boolean> {
  if (NOBODY.test(told)) return false;
  const quick = made.get(told);
  if (quick !== undefined) return bcrypt.compare(password, quick);
  // Of another process, which may have been as quick.
  return (await bcrypt.compare(password, told.replace(COST, QUICK))) || bcrypt.compare(password, told);
}
