/**
 * `fleet exec` that is killed again and again, among other writers. JAVUMBO_FLEET_USERS and JAVUMBO_KILLS make it as large as
 * on demand (contributing.md).
 */
import { afterEach, test } from 'vitest';
import { openUserDatabases } from '../../library/open.ts';
import { BUCKET, type CommandDeployment, openLocal, openOnS3 } from '../../testing/command-deployments.ts';
import { migrateUnderKills } from '../../testing/killed-migration.ts';

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
