/**
 * `fleet exec` that is killed again and again, among other writers. JAVUMBO_FLEET_USERS and JAVUMBO_KILLS make it as large as
 * on demand (contributing.md).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openUserDatabases } from '../../library/open.ts';
import { SCRIPTS, startScript } from '../../testing/child-process.ts';
import { BUCKET, type CommandDeployment, openLocal, openOnS3 } from '../../testing/command-deployments.ts';
import { migrateUnderKills } from '../../testing/killed-migration.ts';
import { temporaryDirectory } from '../../testing/run-command.ts';

const SIZE = {
  users: Number(process.env.JAVUMBO_FLEET_USERS ?? 40),
  kills: Number(process.env.JAVUMBO_KILLS ?? 4),
};

let deployment: CommandDeployment;

afterEach(() => deployment.close());

test('on the local deployment everybody is migrated once, and whoever has not changed since is brought back', async ({
  annotate,
}) => {
  deployment = openLocal();
  const { JAVUMBO_HOME: directory, JAVUMBO_CACHE_DIR: cacheDirectory } = deployment.env;
  const databases = await openUserDatabases({ directory, cacheDirectory: `${cacheDirectory}-others` });
  const figures = await migrateUnderKills({ ...deployment, databases, versions: true }, SIZE);
  await annotate(JSON.stringify(figures));
  databases.close();
}, 3_600_000);

test('on S3 without versions too, from what was kept', async ({ annotate }) => {
  deployment = await openOnS3();
  // The SDK takes its credentials from what the last command was given.
  await deployment.run(['db', 'list']);
  const databases = await openUserDatabases({
    bucket: BUCKET,
    endpointUrl: deployment.server?.endpoint,
    cacheDirectory: `${deployment.env.JAVUMBO_CACHE_DIR}-others`,
  });
  const figures = await migrateUnderKills({ ...deployment, databases, versions: false }, SIZE);
  await annotate(JSON.stringify(figures));
  databases.close();
}, 3_600_000);

test('Ctrl-C lets what was sent end, and says how to go on', async () => {
  deployment = await openOnS3();
  const { server, env, flags } = deployment;
  for (const username of ['alice', 'bob', 'carol', 'dave']) await deployment.json('db', 'create', username);
  const directory = temporaryDirectory();
  const [script, journal] = [join(directory, 'migration.sql'), join(directory, 'journal.jsonl')];
  writeFileSync(script, 'UPDATE col SET usn = usn + 1');
  const argv = ['fleet', 'exec', '--file', script, '--no-undo', '--parallel', '2', '--quiet', ...flags];
  const running = startScript(SCRIPTS.javumbo, [...argv, '--journal', journal], env as Record<string, string>);
  if (server !== undefined) {
    server.beforeReply = ({ operation }) => {
      if (operation === 'PutObject') running.signal('SIGINT');
    };
  }
  const { code, stderr } = await running.ended;
  expect({ code, stderr }).toEqual({
    code: 130,
    stderr: `error: interrupted\ntry:   the same command with --resume ${journal}\n`,
  });
  if (server !== undefined) server.beforeReply = undefined;
  expect((await deployment.run([...argv.slice(0, 4), '--resume', journal])).code).toBe(0);
  for (const username of ['alice', 'bob', 'carol', 'dave']) {
    expect((await deployment.run(['db', 'query', username, 'SELECT usn FROM col'])).stdout).toBe('1\n');
  }
});
