/** The memory of a command over many users is that of the same command on one. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Machine, onMachine } from '../../testing/backup-rig.ts';
import { runScript, SCRIPTS } from '../../testing/child-process.ts';
import { populate } from '../../testing/populated.ts';
import { freshMachine } from '../../testing/run-command.ts';

const USERS = Number(process.env.JAVUMBO_FLEET_USERS ?? 300);
const ALLOWED_BYTES = 50_000_000;

test('a fleet of many peaks at most 50 MB above that of one', async ({ annotate }) => {
  const machineOf = async (users: number): Promise<Machine> => {
    const machine = freshMachine();
    await onMachine(machine, (databases) => populate(databases, users, { bytesMax: 50_000 }));
    writeFileSync(join(machine.HOME, 'm.sql'), 'UPDATE col SET usn = usn + 1');
    return machine;
  };
  const peak = async ({ ...env }: Machine, argv: readonly string[]): Promise<number> => {
    const own = argv.map((word) => word.replace('{home}', env.HOME));
    const all = ['fleet', ...own, '--json', '--quiet', '--deployment', 'local'];
    const { stdout, stderr } = await runScript(SCRIPTS.measuredCommand, all, env);
    expect({ argv, stdout: /^\d+$/.test(stdout) }, stderr).toEqual({ argv, stdout: true });
    return Number(stdout);
  };
  const [one, many] = [await machineOf(1), await machineOf(USERS)];
  for (const argv of [
    ['exec', '--file', '{home}/m.sql', '--journal', '{home}/journal'],
    ['exec', '--file', '{home}/m.sql', '--resume', '{home}/journal'],
    ['undo', '{home}/journal', '--yes'],
    ['check'],
    ['stats', '--deep'],
  ]) {
    const [least, most] = [await peak(one, argv), await peak(many, argv)];
    expect(least, argv[0]).toBeGreaterThan(10_000_000);
    expect(most - least, argv.join(' ')).toBeLessThanOrEqual(ALLOWED_BYTES);
    await annotate(`${argv.join(' ')}: ${least} of 1 user, ${most} of ${USERS}`);
  }
}, 3_600_000);
